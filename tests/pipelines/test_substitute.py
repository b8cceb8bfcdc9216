"""`${VAR}` as docs.drone.io, pipeline/environment/substitution, has it."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beeyard.config.document import Position
from beeyard.pipelines import substitute
from beeyard.pipelines.substitute import SIZE
from pipelines.properties import bounded

PAGE = "docs.drone.io/pipeline/environment/substitution"
SYNTAX = "docs.drone.io/pipeline/environment/syntax"
TABLE = "drone/envsubst, readme.md, to which the page's operations lead"
TESTS = "drone/envsubst, its tests"
QUOTED = "harness/harness, pull request 2123"

VALUES = {
    "DRONE_COMMIT": "bcdd4bf0245c82c060407b3b24b9b87301d15ac1",
    "DRONE_COMMIT_SHA": "bcdd4bf0245c82c060407b3b24b9b87301d15ac1",
    "DRONE_TAG": "v1.0.0",
    "DRONE_BRANCH": "feature/of/mine",
    "FILE": "path/to/bash.string.txt",
    "WORD": "abcABCabc",
    "EMPTY": "",
    "LINES": 'one "two"\nthree',
}

# The text, what comes out, and the page it is from.
CASES = [
    ("tags: ${DRONE_COMMIT}", f"tags: {VALUES['DRONE_COMMIT']}", PAGE),
    ("tags: ${DRONE_COMMIT_SHA:0:8}", "tags: bcdd4bf0", PAGE),
    ("tags: ${DRONE_TAG##v}", "tags: 1.0.0", PAGE),
    (r"tags: ${DRONE_BRANCH/\//-}", "tags: feature-of/mine", PAGE),
    (r"tags: ${DRONE_BRANCH//\//-}", "tags: feature-of-mine", PAGE),
    ("${WORD^}", "AbcABCabc", PAGE),
    ("${WORD^^}", "ABCABCABC", PAGE),
    ("${DRONE_TAG^}", "V1.0.0", PAGE),
    ("${WORD,}${WORD,,}", "abcABCabcabcabcabc", PAGE),
    ("${WORD:3}", "ABCabc", PAGE),
    ("${WORD:3:3}", "ABC", PAGE),
    ("${WORD:0}", "abcABCabc", PAGE),
    ("${WORD:40}", "", PAGE),
    ("${WORD:6:40}", "abc", PAGE),
    ("${WORD#abc}", "ABCabc", PAGE),
    ("${WORD#x}", "abcABCabc", PAGE),
    ("${WORD%abc}", "abcABC", PAGE),
    ("${WORD/abc/x}", "xABCabc", PAGE),
    ("${WORD//abc/x}", "xABCx", PAGE),
    ("${WORD/#abc/x}", "xABCabc", PAGE),
    ("${WORD/%abc/x}", "abcABCx", PAGE),
    ("${WORD/#ABC/x}${WORD/%ABC/x}", "abcABCabcabcABCabc", PAGE),
    ("${#WORD}", "9", PAGE),
    ("${NOTHING=x}${EMPTY=x}${WORD=x}", "xxabcABCabc", PAGE),
    ("${NOTHING:=x}${EMPTY:=x}${WORD:=x}", "xxabcABCabc", PAGE),
    ("${NOTHING:-x}${EMPTY:-x}${WORD:-x}", "xxabcABCabc", PAGE),
    ("echo $GOOS", "echo $GOOS", PAGE),
    ("echo $${GOARCH}", "echo ${GOARCH}", PAGE),
    ('message: "${DRONE_COMMIT}"', f'message: "{VALUES["DRONE_COMMIT"]}"', PAGE),
    ("GOPATH: ${HOME}/golang", "GOPATH: /golang", SYNTAX),
    ("${FILE#*/}", "to/bash.string.txt", TABLE),
    ("${FILE##*/}", "bash.string.txt", TABLE),
    ("${FILE%.*}", "path/to/bash.string", TABLE),
    ("${FILE%%.*}", "path/to/bash", TABLE),
    ("${#NOTHING}", "0", TABLE),
    ("$$WORD", "$WORD", TESTS),
    ("http://github.com", "http://github.com", TESTS),
    ("}text", "}text", TESTS),
    ("${NOTHING=${WORD^^}}", "ABCABCABC", TESTS),
    ("a: ${NOTHING=x${DRONE_TAG}-y}", "a: xv1.0.0-y", TESTS),
    ("${WORD:${#DRONE_TAG}}", "abc", TESTS),
    ("${WORD//${NOTHING:-abc}/${DRONE_TAG##v}}", "1.0.0ABC1.0.0", TESTS),
    ("some ${WORD}$${var$${WORD}$WORD${WORD}", "some abcABCabc${var${WORD}$WORDabcABCabc", TESTS),
    ("$${var=${DRONE_TAG}}", "${var=v1.0.0}", TESTS),
    ("${DRONE_TAG/./}", "v10.0", TESTS),
    ("${WORD#$%:*{}", "abcABCabc", TESTS),
    ("m: ${LINES}", r'm: "one \"two\"\nthree"', QUOTED),
    ("m: ${LINES:0:9}", 'm: one "two"', QUOTED),
]


@pytest.mark.parametrize(("text", "expected", "page"), CASES)
def test_what_is_documented(text: str, expected: str, page: str) -> None:
    substituted = substitute(text, VALUES)
    assert (substituted.text, substituted.mistakes) == (expected, ()), page


# What the shell knows and the page does not name: refused, with what to write instead.
REFUSED = [
    ("${WORD:?message}", "1:1", "`${WORD:?message}` is no substitution that the format knows"),
    ("a ${WORD:+x}", "1:3", "`${WORD:+x}` is no substitution that the format knows"),
    ("${WORD-x}", "1:1", "`${WORD-x}` is no substitution that the format knows"),
    ("b\n  ${1} c", "2:3", "`${1}` is no substitution that the format knows"),
    ("${WORD[@]}", "1:1", "`${WORD[@]}` is no substitution that the format knows"),
    ("${!WORD}", "1:1", "`${!WORD}` is no substitution that the format knows"),
    ("${}", "1:1", "`${}` is no substitution that the format knows"),
    ("${WORD^x}", "1:1", "`${WORD^x}` is no substitution that the format knows"),
    ("${#WORD:1}", "1:1", "`${#WORD:1}` is no substitution that the format knows"),
    ("${WORD:-x\n}", "1:1", "this `${` is not closed on its line"),
    ("a: ${WORD#", "1:4", "this `${` is not closed on its line"),
    ("${WORD:x}", "1:1", "`x` is no position or length: digits are wanted"),
    ("${WORD:1:-1}", "1:1", "`-1` is no position or length: digits are wanted"),
    ("${a:-" * 9 + "}" * 9, "1:41", "there are more than 8 `${` inside each other"),
    ("${WORD#" + "a" * 257 + "}", "1:1", "a pattern of 257 characters is too long"),
]


@pytest.mark.parametrize(("text", "where", "what"), REFUSED)
def test_what_is_refused_and_stays_in_the_text(text: str, where: str, what: str) -> None:
    substituted = substitute(text, VALUES)
    place, mistake = substituted.mistakes[0]
    assert (f"{place.line}:{place.column}", mistake.what) == (where, what)
    assert len(substituted.mistakes) == 1
    assert substituted.text == text
    assert mistake.fix


def test_every_mistake_at_once() -> None:
    substituted = substitute("${1} ${WORD} ${2}\n${WORD:x}", VALUES)
    assert [place for place, _ in substituted.mistakes] == [
        Position(1, 1),
        Position(1, 14),
        Position(2, 1),
    ]
    assert substituted.text == "${1} abcABCabc ${2}\n${WORD:x}"


def test_places_are_those_of_the_text_as_it_was() -> None:
    substituted = substitute("a: ${WORD} b$$c\nd: ${LINES} e", VALUES)
    assert substituted.text == 'a: abcABCabc b$c\nd: "one \\"two\\"\\nthree" e'
    # Before, within and behind a value; behind an escape; on the next line, behind a value.
    origins = {(1, 1): (1, 1), (1, 4): (1, 4), (1, 8): (1, 4), (1, 14): (1, 12), (1, 16): (1, 15)}
    origins |= {(2, 5): (2, 4), (2, 25): (2, 13), (9, 99): (2, 14)}
    for (line, column), expected in origins.items():
        assert substituted.origin(Position(line, column)) == Position(*expected), (line, column)


def test_a_value_can_bring_in_no_lines() -> None:
    breaks = "a\nb\rc\r\nd\x85e\u2028f\u2029g\x00\x1b\ufeff"
    text = substitute("${X} ${X//a/b}", {"X": breaks}).text
    assert len(text.splitlines()) == 1
    assert re.fullmatch(r"[ -~]+", text)


BOMBS = [
    ("one value, often", "${X}" * 50_000, {"X": "x" * 60_000}),
    ("values in values", "${X//x/${X//x/${X//x/${X//x/${X}}}}}", {"X": "x" * 1_000}),
    ("patterns on a long value", "${X#*?*?*y}" * 20_000, {"X": "x" * 60_000}),
    ("brackets", "${X%%" + "[a-z]" * 50 + "*y}" * 5_000, {"X": "x" * 60_000}),
    ("case, often", "${X^^}" * 40_000, {"X": "x" * 60_000}),
]


@pytest.mark.parametrize(
    ("text", "values"), [bomb[1:] for bomb in BOMBS], ids=[b[0] for b in BOMBS]
)
def test_what_would_become_too_much_is_refused_soon(text: str, values: dict[str, str]) -> None:
    began = time.process_time()
    substituted = substitute(text, values)
    assert substituted.mistakes
    assert len(substituted.text) <= SIZE
    assert time.process_time() - began < 3


# Of each, four times as much takes about four times as long, not sixteen times.
HOSTILE = [
    "${",
    "${a",
    "${a:-",
    "${a#",
    "$$",
    "${a:-${",
    "${a/\\/",
    "${a}",
    "${a:-x}",
    "$",
    "}",
    "${1}",
]


@pytest.mark.parametrize("part", HOSTILE)
def test_time_is_in_proportion_to_the_length(part: str) -> None:
    def seconds(times: int) -> float:
        began = time.process_time()
        substitute(part * times, {"a": "b"})
        return time.process_time() - began

    few = max(min(seconds(5_000) for _ in range(3)), 0.002)
    assert min(seconds(20_000) for _ in range(3)) < 10 * few


TEXTS = st.text(alphabet="ab $${}:#%/^,=-\\*?[]!\n1", max_size=40)


@bounded
@given(TEXTS, st.dictionaries(st.sampled_from("ab"), st.text(max_size=8)))
def test_any_text_is_substituted_or_refused(text: str, values: dict[str, str]) -> None:
    substituted = substitute(text, values)
    lines = re.split("\r\n|[\n\r]", text)
    assert len(re.split("\r\n|[\n\r]", substituted.text)) == len(lines)
    for place, mistake in substituted.mistakes:
        assert 1 <= place.column <= len(lines[place.line - 1]) + 1
        assert mistake.fix


@bounded
@given(
    st.text(alphabet="ab $}:\n\\", max_size=40).filter(lambda text: not re.search(r"\$[${]", text))
)
def test_text_without_expressions_stays(text: str) -> None:
    assert substitute(text, {"a": "x"}).text == text


@bounded
@given(st.text(max_size=40))
def test_a_doubled_dollar_is_one(text: str) -> None:
    assert substitute(text.replace("$", "$$"), {}).text == text


# A pattern's part for the shell, and the same as a regular expression.
PARTS = {"a": "a", "b": "b", "*": ".*", "?": ".", "[ab]": "[ab]", "[!a]": "[^a]", r"\*": r"\*"}


@bounded
@given(st.text(alphabet="abc*", max_size=8), st.lists(st.sampled_from(sorted(PARTS)), max_size=5))
def test_patterns_cut_what_regular_expressions_find(value: str, parts: list[str]) -> None:
    pattern, expression = "".join(parts), re.compile("".join(PARTS[part] for part in parts))
    places = range(len(value) + 1)
    starts = [place for place in places if expression.fullmatch(value[:place])]
    ends = [place for place in places if expression.fullmatch(value[place:])]
    expected = {
        "#": value[starts[0] :] if starts else value,
        "##": value[starts[-1] :] if starts else value,
        "%": value[: ends[-1]] if ends else value,
        "%%": value[: ends[0]] if ends else value,
    }
    for operator, left in expected.items():
        assert substitute(f"${{X{operator}{pattern}}}", {"X": value}).text == left, operator
