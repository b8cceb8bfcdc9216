"""The pieces of forges' JSON: only what is needed of it, checked and cut before anybody uses it."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from beeyard.controller.forges.refusal import Unreadable, Unusable

#: Characters of a text that are kept.
LONGEST_TEXT = 20_000
LONGEST_NAME = 250
_MISTAKES = 5

# Besides what git-check-ref-format(1) forbids, names have no character that a shell acts upon: they
# become variables, and `${DRONE_BRANCH}` is filled in before a script is read.
_NAME = re.compile(r"[\w.\-/+@#=,%]+")
_NOT_IN_NAMES = re.compile(r"\.\.|//|@\{|(^|/)\.|\.lock(/|$)|[./]$|^[/\-]|^@$")
_SLUG = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+")
_SHA = re.compile(r"[0-9a-f]{40}")
# Controls besides tab and newline, and what turns the direction of writing.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SSH = re.compile(r"(ssh://)?[\w.-]+@[\w.-]+[:/][\w./~+:-]{1,500}")
_LINK = re.compile(r"https?://[^\s\x00-\x20\"<>\\^`{|}]{1,2000}")


def is_name(text: str) -> bool:
    """Whether a branch or tag may have that name here."""
    fits = len(text) <= LONGEST_NAME and _NAME.fullmatch(text) is not None
    return fits and _NOT_IN_NAMES.search(text) is None


def is_slug(text: str) -> bool:
    """Whether it is the path of a repository: `namespace/name`, of two parts or more."""
    fits = len(text) <= LONGEST_NAME and _SLUG.fullmatch(text) is not None
    return fits and not any(part.strip(".") == "" for part in text.split("/"))


def _name(text: str) -> str:
    if not is_name(text):
        raise PydanticCustomError("refused", "is not a name that a branch or tag may have here")
    return text


def _ref(text: str) -> str:
    if not text.startswith("refs/") or not is_name(text):
        raise PydanticCustomError("refused", "is not a ref that may be used here")
    return text


def _sha(text: str) -> str:
    if not _SHA.fullmatch(text):
        raise PydanticCustomError("refused", "is not the id of a commit: 40 hex digits")
    return text


def _slug(text: str) -> str:
    if not is_slug(text):
        raise PydanticCustomError("refused", "is not the path of a repository")
    return text


def _clean(text: str) -> str:
    return _UNSEEN.sub("", text[:LONGEST_TEXT])


def _link(text: str) -> str:
    """A link is only shown: one that could do something else is left out."""
    return text if _LINK.fullmatch(text) else ""


def _ssh(text: str) -> str:
    return text if _SSH.fullmatch(text) else ""


def _moment(value: Any) -> Any:
    """A time is only shown: one that can't be read is left out. GitLab has two forms of it."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    text = value.replace(" UTC", "+00:00")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _none_is_empty(value: Any) -> Any:
    return "" if value is None else value


Text = Annotated[str, BeforeValidator(_none_is_empty), AfterValidator(_clean)]
Link = Annotated[str, BeforeValidator(_none_is_empty), AfterValidator(_link)]
SshUrl = Annotated[str, BeforeValidator(_none_is_empty), AfterValidator(_ssh)]
Name = Annotated[str, AfterValidator(_name)]
Ref = Annotated[str, AfterValidator(_ref)]
Sha = Annotated[str, AfterValidator(_sha)]
Slug = Annotated[str, AfterValidator(_slug)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Number = Annotated[int, Field(ge=1, lt=2**31)]
Id = Annotated[int, Field(ge=0, lt=2**63)]


class Part(BaseModel):
    """A piece of a payload. What it does not name is not looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


P = TypeVar("P", bound=Part)


def parsed(model: type[P], body: bytes) -> P:
    """The payload as `model`. Raises Unreadable if it is no JSON, Unusable if it is another's."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    except (ValueError, RecursionError) as error:
        raise Unreadable("the delivery can't be read", why=type(error).__name__) from None
    if any(one["type"] == "json_invalid" for one in found):
        raise Unreadable("the delivery is no JSON", why=found[0]["msg"], fix=_FIX)
    raise Unusable(
        "the delivery is not as its forge would send it",
        why="\n".join(f"{_place(one['loc'])}: {one['msg']}" for one in found[:_MISTAKES]),
        fix="see that the application's `forge` in beeyard.yml is of the right kind",
    )


_FIX = "set the webhook's content type to application/json"


def _place(place: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in place) or "the whole"
