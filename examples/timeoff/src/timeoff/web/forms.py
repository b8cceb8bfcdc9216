"""Reading submitted forms. Every mistake is a RefusedError that names its field."""

from collections.abc import Mapping
from datetime import date
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from timeoff.errors import RefusedError

MAX_BYTES = 64 * 1024
MAX_FIELDS = 200


class Form:
    """The fields of a form; a repeated field keeps its last value."""

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        self.fields = dict(fields or {})

    def get(self, name: str, default: str = "") -> str:
        """The text as sent, without surrounding space."""
        return self.fields.get(name, default).strip()

    def raw(self, name: str) -> str:
        """The text exactly as sent: for passwords."""
        return self.fields.get(name, "")

    def text(self, name: str, label: str, most: int = 80) -> str:
        """A text that must be there, of at most `most` characters."""
        value = self.get(name)
        if not value:
            raise RefusedError(f"{label} is missing.", field=name)
        return self.optional(name, label, most)

    def optional(self, name: str, label: str, most: int) -> str:
        """A text of at most `most` characters, perhaps empty."""
        value = self.get(name)
        if len(value) > most:
            raise RefusedError(f"{label} is longer than {most} characters.", field=name)
        return value

    def checked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return name in self.fields

    def day(self, name: str, label: str) -> date:
        """A date."""
        try:
            return date.fromisoformat(self.get(name))
        except ValueError:
            raise RefusedError(f"{label}: choose a date.", field=name) from None

    def number(self, name: str) -> int | None:
        """The number of something chosen from a list; None if nothing was."""
        value = self.get(name)
        return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None

    def half_days(self, name: str, label: str) -> int | None:
        """Days such as 2.5, as half days; None if the field is empty."""
        value = self.get(name).replace(",", ".")
        if not value:
            return None
        try:
            doubled = float(value) * 2
        except ValueError:
            doubled = -1.0
        if not 0 <= doubled <= 732 or doubled != int(doubled):
            raise RefusedError(f"{label}: write days such as 25 or 2.5.", field=name)
        return int(doubled)


async def read_form(request: Request) -> Form:
    """The submitted form. Raises HTTPException 413 or 415 for what no page of ours sends."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415, "Only forms of this site are accepted.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise HTTPException(413, "That is too much text for one form.")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise HTTPException(400, "The form can't be read.") from None
    return Form(dict(pairs))
