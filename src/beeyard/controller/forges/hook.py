"""What a genuine delivery says, whichever forge it is from."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from beeyard.controller.forges.refusal import Unusable
from beeyard.controller.forges.signature import Headers
from beeyard.pipelines.conditions import skip_word
from beeyard.pipelines.event import Event

BRANCHES, TAGS = "refs/heads/", "refs/tags/"
_LONGEST_ID = 100


@dataclass(frozen=True)
class Move:
    """A ref that went from one commit to another.

    before, after  object ids; zeros where there was, or is, none. Of an annotated tag, the tag's.
                   `before` is empty where the forge does not say
    """

    ref: str
    before: str
    after: str

    @property
    def gone(self) -> bool:
        return is_nothing(self.after)


@dataclass(frozen=True)
class Hook:
    """One delivery.

    names  by which it is known again
    event  what may run for it; None: nothing, and `why` says so
    slug   the repository that it is about; empty where that does not matter
    move   what became of which ref; None where none moved
    """

    names: tuple[str, ...]
    event: Event | None = None
    why: str = ""
    slug: str = ""
    move: Move | None = None


def is_nothing(commit: str) -> bool:
    """Whether an id stands for no commit: zeros."""
    return bool(commit) and not commit.strip("0")


def digest(body: bytes) -> str:
    """A name for a body."""
    return f"body:{hashlib.sha256(body).hexdigest()}"


def delivery_id(headers: Headers, *names: str) -> str:
    """The id that one of these headers gives, the first first; empty if none does.

    Raises Unusable if it is none that a forge would give.
    """
    found = next((value for name in names if (value := headers.get(name, "").strip())), "")
    if len(found) > _LONGEST_ID or not found.isascii() or (found and not found.isprintable()):
        raise Unusable("the delivery's id is none", why=f"it has {len(found)} characters")
    return found


def of_push(names: tuple[str, ...], slug: str, move: Move, event: Callable[[], Event]) -> Hook:
    """The hook of a push. `event` makes the event, and is asked only where there is one."""
    if not move.ref.startswith((BRANCHES, TAGS)):
        return Hook(names, why=f"{move.ref} is neither a branch nor a tag")
    if move.before == move.after:
        return Hook(names, why=f"{move.ref} has not moved: this is a test")
    if move.gone:
        return Hook(names, why=f"{move.ref} was deleted", slug=slug, move=move)
    made = event()
    if word := skip_word(made):
        return Hook(names, why=f"the commit says {word}", slug=slug, move=move)
    return Hook(names, made, slug=slug, move=move)


def of_pull(names: tuple[str, ...], before: str, event: Event) -> Hook:
    """The hook of a pull request that was opened, or has new commits."""
    move = Move(event.ref, before, event.commit)
    if word := skip_word(event):
        why = f"pull request {event.number} says {word}"
        return Hook(names, why=why, slug=event.repository.slug, move=move)
    return Hook(names, event, slug=event.repository.slug, move=move)
