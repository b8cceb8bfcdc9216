"""`.drone.yml` in, pipelines out, or every mistake at once."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from beeyard.config.document import Position, at
from beeyard.errors import BeeyardError, ConfigError
from beeyard.pipelines import rules, sections
from beeyard.pipelines.document import Mistake, documents
from beeyard.pipelines.model import Clone, Conditions, Pipeline, Platform
from beeyard.pipelines.reading import MOST_MISTAKES, Fields, Notes, TooMany, Value, meant, short
from beeyard.pipelines.steps import checked_name, step
from beeyard.pipelines.substitute import SIZE, Substituted, substitute

FILE_NAME = ".drone.yml"

_KEYS = (
    "kind",
    "type",
    "name",
    "steps",
    "services",
    "trigger",
    "depends_on",
    "environment",
    "volumes",
    "clone",
    "workspace",
    "platform",
    "node",
    "concurrency",
    "image_pull_secrets",
)
# Pipelines that docs.drone.io describes and that don't run here.
_OTHER_TYPES = ("kubernetes", "exec", "ssh", "digitalocean", "macstadium", "aws", "vm")
_OTHER_KINDS = ("secret", "signature")
_LONGEST = 1000
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)
_HELP = "Correct the file; docs/pipelines.md says what may stand in it."


def decode(data: bytes, path: Path = Path(FILE_NAME)) -> str:
    """The file's text. Raises ConfigError if it is not UTF-8, or far too large."""
    if len(data) > 4 * SIZE:
        raise _too_large(path, len(data), "bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace").removeprefix("\ufeff").split("\n")
        place = Position(len(before), len(before[-1]) + 1)
        mistake = BeeyardError("this is not UTF-8 text", fix="Save the file as UTF-8.")
        raise _wrong(path, [(place, mistake)], "is not UTF-8 text") from None


def parse(
    text: str, variables: Mapping[str, str] | None = None, path: Path = Path(FILE_NAME)
) -> tuple[Pipeline, ...]:
    """The docker pipelines of a `.drone.yml`, in its order.

    `variables` are those that may be substituted (`environment.substitutions`); a name that is not
    among them becomes empty. `path` only names the file in messages. Documents of another kind
    than `pipeline` yield nothing.

    Raises ConfigError, of which `mistakes` has one error each for what is wrong, the first 50, with
    its `file:line:column` in the file as it was before anything was substituted.
    """
    if len(text) > SIZE:
        raise _too_large(path, len(text), "characters")
    substituted = substitute(text.removeprefix("\ufeff"), variables or {})
    found, broken = documents(substituted.text)
    unreadable = bool(broken) and not found
    if unreadable and substituted.mistakes:
        # It may be so because of what could not be substituted.
        unreadable, broken = False, ()
    notes = Notes([*broken])
    roots = [Value(notes, (), node) for node in found]
    pipelines: tuple[Pipeline, ...] = ()
    with suppress(TooMany):
        pipelines = _pipelines(roots)
    if not (notes.mistakes or substituted.mistakes or pipelines):
        _note_ignored(roots, notes)
    mistakes = [*substituted.mistakes, *_in_source(notes.mistakes, substituted)]
    if mistakes:
        raise _wrong(path, mistakes, _verdict(unreadable=unreadable, found=len(mistakes)))
    return pipelines


def _pipelines(roots: Sequence[Value]) -> tuple[Pipeline, ...]:
    chosen = [root for root in roots if _is_pipeline(root)]
    pipelines = tuple(_pipeline(root) for root in chosen)
    rules.check_file(chosen, pipelines)
    return pipelines


def _is_pipeline(root: Value) -> bool:
    """Whether a document is a docker pipeline. Notes what is none of the format's documents."""
    entries = root.entries_or_none()
    if entries is None:
        root.wrong("a document of this file holds keys with values", "Begin with `kind: pipeline`.")
        return False
    fields = {one.name(): one for one in entries}
    if "kind" not in fields:
        old = "pipeline" in fields and "steps" not in fields
        root.notes.wrong(
            root.place,
            "is missing",
            "Add `kind: pipeline`.",
            path="kind",
            why="This is the format of Drone 0.8, which is another one." if old else None,
        )
        return False
    return fields["kind"].text() == "pipeline" and _is_docker(fields.get("type"))


def _is_docker(kind: Value | None) -> bool:
    written = kind.text() if kind is not None else ""
    if kind is None or written in ("", "docker"):
        return True
    if written in _OTHER_TYPES:
        kind.wrong(f"pipelines of type `{written}` don't run here", "Use `type: docker`.")
    else:
        kind.wrong(f"there is no type `{short(written)}`", meant(written, ("docker",)))
    return False


def _pipeline(root: Value) -> Pipeline:
    fields = root.fields(_KEYS)
    pipeline = Pipeline(
        name=checked_name(fields, "default"),
        steps=tuple(step(one) for one in fields.values("steps")),
        services=tuple(step(one, service=True) for one in fields.values("services")),
        trigger=fields.read("trigger", sections.conditions, Conditions()),
        depends_on=fields.texts("depends_on"),
        clone=fields.read("clone", sections.clone, Clone()),
        workspace=fields.read("workspace", sections.workspace, "/drone/src"),
        platform=fields.read("platform", sections.platform, Platform()),
        environment=fields.read("environment", sections.environment, {}),
        volumes=tuple(sections.volume(one) for one in fields.values("volumes")),
        node=fields.read("node", sections.labels, {}),
        concurrency=fields.read("concurrency", sections.concurrency, 0),
        image_pull_secrets=fields.texts("image_pull_secrets"),
        line=root.place.line,
    )
    _has_steps(fields)
    rules.check_pipeline(fields, pipeline)
    return pipeline


def _has_steps(fields: Fields) -> None:
    steps = fields.by_key.get("steps")
    if steps is None:
        fields.of.wrong("the pipeline has no `steps`", "Add them: each a `name` and an `image`.")
    elif not fields.values("steps"):
        steps.wrong("there is no step", "Add one: a `name` and an `image`.")


def _note_ignored(roots: Sequence[Value], notes: Notes) -> None:
    """For a file of which nothing would run: note the documents that were ignored."""
    kinds = [one for root in roots for one in root.entries_or_none() or () if one.name() == "kind"]
    for kind in kinds:
        if (written := kind.text()) not in _OTHER_KINDS:
            fix = meant(written, ("pipeline",))
            kind.wrong(f"there is no pipeline, and `{short(written)}` is not known", fix)
    if not notes.mistakes:
        notes.wrong(Position(1, 1), "there is no pipeline in the file", "Add `kind: pipeline`.")


def _in_source(mistakes: Iterable[Mistake], substituted: Substituted) -> Iterator[Mistake]:
    for place, mistake in mistakes:
        yield substituted.origin(place), mistake


def _verdict(*, unreadable: bool, found: int) -> str:
    if unreadable:
        return "can't be read as YAML"
    if found >= MOST_MISTAKES:
        return f"has {MOST_MISTAKES} mistakes or more; these are the first"
    return "has a mistake" if found == 1 else f"has {found} mistakes"


def _wrong(path: Path, mistakes: list[Mistake], verdict: str) -> ConfigError:
    ordered = sorted(mistakes, key=lambda found: (found[0].line, found[0].column))
    shown = [_as_shown(mistake, at(path, place)) for place, mistake in ordered[:MOST_MISTAKES]]
    return ConfigError(f"{path} {verdict}.", fix=_HELP, mistakes=shown)


def _as_shown(mistake: BeeyardError, where: str) -> BeeyardError:
    """The mistake with its place. What it quotes is somebody's who may want to write to a terminal
    more than a line of text."""
    what, why, fix = (
        None if text is None else _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)[:_LONGEST]
        for text in (mistake.what, mistake.why, mistake.fix)
    )
    return BeeyardError(what or "", where=where, why=why, fix=fix)


def _too_large(path: Path, length: int, unit: str) -> ConfigError:
    mistake = BeeyardError(
        f"the file has {length:,} {unit}",
        why=f"{SIZE:,} characters are taken.",
        fix="Make it smaller: long scripts are better off in files of their own.",
    )
    return _wrong(path, [(Position(1, 1), mistake)], "is too large")
