"""Secrets don't get out, however they are written and wherever the stream is cut."""

import base64
import json
import re
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beeyard.pipelines import MASK, Masks, unmasked
from beeyard.pipelines.masking import _base64, _plain
from pipelines.properties import bounded

PASSWORD = "pa55/word+ü&x y"
_KEY_LINES = "\n".join(("MIIEpAIBAAK" * 6)[at : at + 60] for at in range(6))
KEY = f"-----BEGIN KEY-----\n{_KEY_LINES}\n-----END KEY-----\n"


def masked(secrets: Iterable[str], *parts: bytes) -> bytes:
    masker = Masks(secrets).masker()
    return b"".join(masker.feed(part) for part in parts) + masker.end()


def lines_of(data: bytes, width: int = 76) -> bytes:
    """As `base64` writes it: a line's end after so many characters."""
    return b"\n".join(data[at : at + width] for at in range(0, len(data), width))


SHOWN = [
    ("a hunter22 b", "a ****** b"),
    ("hunter22hunter22", "******"),
    ("hunter2", "hunter2"),
    ("HUNTER22", "HUNTER22"),
    ("+ echo hunter22\nhunter22\n", "+ echo ******\n******\n"),
    (f"x{PASSWORD}x", "x******x"),
    (f"?p={quote(PASSWORD, safe='')}&q", "?p=******&q"),
    (f"?p={quote_plus(PASSWORD)}&q", "?p=******&q"),
    (f"?p={quote_plus(PASSWORD).lower()}&q", "?p=******&q"),
    ('{"a":"say \\"hi\\" now"}', '{"a":"******"}'),
    (KEY, "******\n" * 7 + "******\n"),
    (json.dumps(KEY), '"******\\n"'),
    (base64.b64encode(b"hunter22").decode(), "******="),
    (base64.b64encode(b"user:hunter22").decode(), "dXNlcjp******g=="),
    ("tiny abc", "tiny abc"),
    ("only a line, or another line", "only a line, or ******"),
]


@pytest.mark.parametrize(("text", "shown"), SHOWN)
def test_what_is_shown(text: str, shown: str) -> None:
    """docs.drone.io/secret/repository: "you will see asteriks"."""
    secrets = ["hunter22", PASSWORD, 'say "hi" now', KEY, "abc", "a\n\n  another line\nline"]
    assert Masks(secrets).text(text) == shown


def test_what_is_too_short_is_not_masked_and_said() -> None:
    secrets = {"abc": True, " abc\n": True, "abcd": False, "ü!": True, "üü": False, "": True}
    secrets |= {"a\nb\nc": True, "1234567\n1234567": True, "12345678\nx": False}
    assert {secret: unmasked(secret) for secret in secrets} == secrets
    for secret, short in secrets.items():
        assert (Masks([secret]).text(f"<{secret}>") == f"<{secret}>") is short
        assert short is False or Masks([secret]).text(json.dumps(secret)) == json.dumps(secret)


BYTES = st.binary(max_size=10)
SECRET = st.text(alphabet="aAb1+/ü %\"'\\\n-_", min_size=8, max_size=100).filter(
    lambda text: len(text.strip().encode()) >= 8 and "\n" not in text.strip()
)


@bounded
@given(BYTES, SECRET, BYTES, st.sampled_from([None, 64, 76]), st.booleans())
def test_base64_of_anything_with_a_secret_in_it(
    before: bytes, secret: str, after: bytes, width: int | None, url_safe: bool
) -> None:
    data = before + secret.strip().encode() + after
    encoded = base64.urlsafe_b64encode(data) if url_safe else base64.b64encode(data)
    shown = masked([secret], lines_of(encoded, width) if width else encoded)
    assert MASK in shown
    left = shown.replace(MASK, b"").replace(b"\n", b"")
    # What of its neighbours is in it, and the characters that it shares with them.
    assert len(left) <= (len(before) + len(after)) * 4 // 3 + 6


# Few letters, so that much of it overlaps.
TEXT = st.text(alphabet="abA=\n", max_size=12)
DATA = st.lists(
    st.sampled_from([b"a", b"b", b"\n", b"\r\n", b"YW", b"Fh", b"YWFi", b"%2F", b"=", b"x", b" "])
    | st.binary(max_size=3),
    max_size=40,
)


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[begin:end] for begin, end in pairwise(places)]


def occurrences(form: bytes, data: bytes, between: bytes) -> Iterator[tuple[int, int]]:
    """Where a form is in the data, found in the plainest way."""
    expression = between.join(re.escape(form[at : at + 1]) for at in range(len(form)))
    for begin in range(len(data)):
        match = re.compile(expression).match(data, begin)
        if match:
            yield match.span()


def plainly_masked(secrets: Iterable[str], data: bytes) -> bytes:
    """What has to come out, worked out without any cleverness."""
    hidden = [False] * len(data)
    joined = [False] * (len(data) + 1)
    for secret in secrets:
        spans = [span for form in _plain(secret) for span in occurrences(form, data, b"")]
        spans += [
            span for form in _base64(secret) for span in occurrences(form, data, b"[\r\n]{0,2}")
        ]
        for begin, end in spans:
            hidden[begin:end] = [True] * (end - begin)
            joined[begin + 1 : end] = [True] * (end - begin - 1)
    shown = b""
    for at in range(len(data)):
        if not hidden[at]:
            shown += data[at : at + 1]
        elif at == 0 or not hidden[at - 1]:
            shown += MASK
    return shown


@bounded
@given(st.lists(TEXT, max_size=3), DATA, st.lists(st.integers(0, 200), max_size=6), st.data())
def test_nothing_gets_out_and_nothing_else_changes(
    secrets: list[str], parts: list[bytes], cuts: list[int], data: st.DataObject
) -> None:
    forms = [form for secret in secrets for form in (*_plain(secret), *_base64(secret))]
    if forms:
        parts = parts + data.draw(st.lists(st.sampled_from(forms), max_size=3))
        parts = data.draw(st.permutations(parts))
    stream = b"".join(parts)
    expected = plainly_masked(secrets, stream)
    assert masked(secrets, stream) == expected
    assert masked(secrets, *pieces(stream, cuts)) == expected
    assert masked(secrets, *(stream[at : at + 1] for at in range(len(stream)))) == expected


@bounded
@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6))
def test_what_holds_no_secret_comes_out_as_it_was(data: bytes, cuts: list[int]) -> None:
    assert masked([], *pieces(data, cuts)) == data
    assert masked(["a-long-secret-that-is-not-there"], *pieces(data, cuts)) == data


def test_what_can_be_shown_is_shown_at_once() -> None:
    masker = Masks(["hunter22"]).masker()
    assert masker.feed(b"Password: hunt") == b"Password: "
    assert masker.feed(b"er") == b""
    assert masker.feed(b"s\n") == b"hunters\n"
    assert masker.feed(b"hunter22\n") == MASK + b"\n"
    assert masker.feed(b"hunter2") == b""
    assert masker.end() == b"hunter2"


STREAMS = {
    "nothing": b"all is well, and goes on and on\n" * 8_000,
    "one after the other": b"hunter22" * 30_000,
    "nearly": b"hunter2" * 30_000,
    "beginnings with line ends": b"a\r\nH\r\nV\nu\n" * 20_000,
    "line ends": b"\r\n" * 100_000,
    "repeated": b"a" * 200_000,
}
SECRETS = ["hunter22", "a" * 2_000, "a" * 1_999 + "b", KEY]


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_little_is_held_back_and_time_is_linear(stream: bytes) -> None:
    masks = Masks(SECRETS)
    longest = max(pattern.automaton.longest for pattern in masks.patterns)

    def seconds(data: bytes) -> float:
        masker = masks.masker()
        began = time.process_time()
        for at in range(0, len(data), 8192):
            masker.feed(data[at : at + 8192])
            assert len(masker._held) <= 3 * longest
        masker.end()
        return time.process_time() - began

    assert seconds(stream) < 10 * max(seconds(stream[: len(stream) // 4]), 0.005)


def test_a_large_secret_costs_little() -> None:
    """A file of 64 kB as a secret: megabytes, not gigabytes, and a second."""
    began = time.process_time()
    automata = [pattern.automaton for pattern in Masks(["0123456789abcdef" * 4_000]).patterns]
    assert time.process_time() - began < 5
    assert sum(len(automaton.depth) for automaton in automata) < 500_000
