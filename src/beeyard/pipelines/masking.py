"""Secrets out of what steps print: each is shown as `******`.

Source for the look: docs.drone.io, secret/repository ("you will see asteriks"). What is looked for:

- the secret, and of one with several lines each line, without the spaces around it;
- it in base64, alone or within something longer that was encoded, in both alphabets, also where
  line ends were put in between (`base64` does so after 76 characters);
- it as part of a URL (`%2F`, a space as `+` or `%20`);
- it as JSON writes it.

What is too short would tear holes into everything. So there are least lengths, in bytes: a secret
of one line has 4, a line of a longer one 8, and an encoded form 8. `unmasked` says which secrets
are not masked at all.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import quote, quote_plus

from beeyard.pipelines.search import Pattern, Search, Span

MASK = b"******"
#: The least lengths that are masked, in bytes.
LEAST = 4
LEAST_LINE = 8
LEAST_ENCODED = 8
_LINE_ENDS = b"\r\n"
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_AT_ONCE = 64 * 1024


def unmasked(secret: str) -> bool:
    """Whether a secret is too short to be masked anywhere."""
    return not any(_parts(secret))


class Masks:
    """What is looked for, for some secrets. Made once; any number of streams may use it."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(dict.fromkeys(secrets))

    @cached_property
    def patterns(self) -> tuple[Pattern, Pattern]:
        plain = {form for secret in self._secrets for form in _plain(secret)}
        encoded = {form for secret in self._secrets for form in _base64(secret)}
        return Pattern(plain), Pattern(encoded, _LINE_ENDS)

    def masker(self) -> "Masker":
        return Masker(self)

    def text(self, text: str) -> str:
        """A whole text, masked."""
        masker = self.masker()
        return (masker.feed(_bytes(text)) + masker.end()).decode(errors="surrogatepass")


class Masker:
    """Masks one stream, which comes in parts. However it is cut, the same comes out.

    Occurrences that overlap or touch are shown as one `******`; every other byte comes out as it
    was. What may be the beginning of a secret is held back: never more than about three times the
    longest form that is looked for.
    """

    def __init__(self, masks: Masks) -> None:
        self._searches = [Search(pattern) for pattern in masks.patterns]
        self._held = bytearray()
        # Where the held bytes begin in the stream, and up to where it is masked.
        self._start = 0
        self._masked = -1
        self._spans: list[Span] = []

    def feed(self, data: bytes) -> bytes:
        """What can be shown, now that `data` has come."""
        parts = (data[at : at + _AT_ONCE] for at in range(0, len(data), _AT_ONCE))
        return b"".join(self._part(part) for part in parts)

    def end(self) -> bytes:
        """What is left, at the end of the stream."""
        return self._show(self._start + len(self._held))

    def _part(self, data: bytes) -> bytes:
        self._held += data
        for search in self._searches:
            self._spans += search.feed(data)
        return self._show(min(search.settled for search in self._searches))

    def _show(self, settled: int) -> bytes:
        """Everything before `settled`, where nothing can begin to be masked any more."""
        shown: list[bytes] = []
        waiting: list[Span] = []
        for begin, end in sorted(self._spans):
            if begin > settled:
                waiting.append((begin, end))
                continue
            if begin > self._masked:
                shown += (self._take(begin), MASK)
            self._masked = max(self._masked, end)
        self._spans = waiting
        shown.append(self._take(settled))
        return b"".join(shown)

    def _take(self, until: int) -> bytes:
        """The held bytes up to a position of the stream, without those that are masked."""
        hidden = max(min(self._masked, until) - self._start, 0)
        count = max(until - self._start, 0)
        taken = bytes(self._held[hidden:count])
        del self._held[:count]
        self._start += count
        return taken


def _parts(secret: str) -> Iterator[str]:
    """A secret, or its lines, as far as they are long enough."""
    whole = secret.strip()
    if len(whole.splitlines()) < 2:
        if len(_bytes(whole)) >= LEAST:
            yield whole
        return
    lines = (line.strip() for line in whole.splitlines())
    yield from (line for line in lines if len(_bytes(line)) >= LEAST_LINE)


def _plain(secret: str) -> Iterator[bytes]:
    """The forms that stand on one line."""
    parts = tuple(_parts(secret))
    for part in parts:
        yield _bytes(part)
        for escaped in (quote, quote_plus):
            for safe in ("", "/"):
                form = escaped(_bytes(part), safe=safe)
                yield form.encode()
                yield _lower_hex(form).encode()
    for part in (secret.strip(), *parts) if parts else ():
        for only_ascii in (False, True):
            yield _bytes(json.dumps(part, ensure_ascii=only_ascii)[1:-1])


def _lower_hex(escaped: str) -> str:
    first, *rest = escaped.split("%")
    return first + "".join(f"%{part[:2].lower()}{part[2:]}" for part in rest)


def _base64(secret: str) -> Iterator[bytes]:
    """What every base64 text has in it that encodes the secret, or one of its lines.

    Three bytes become four characters, so there are three ways for a text to lie within them. The
    characters at both ends that also depend on its neighbours are left out; those of the secret
    alone are added.
    """
    parts = {_bytes(part) for part in _parts(secret)}
    for part in parts | ({_bytes(secret), _bytes(secret.strip())} if parts else set()):
        for before in range(3):
            whole = base64.b64encode(bytes(before) + part).rstrip(b"=")
            core = whole[(before * 4 + 2) // 3 : (before + len(part)) * 4 // 3]
            for form in (core,) if before else (core, whole):
                if len(form) >= LEAST_ENCODED:
                    yield form
                    yield form.translate(_URL_SAFE)


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
