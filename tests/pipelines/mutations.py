"""Files made from good ones by what editors, people and enemies do to them."""

import random
import re
from collections.abc import Callable

from hypothesis import strategies as st

from pipelines.samples import SAMPLES

_LONGEST = 60_000
_TOKENS = (
    *(
        "---\n",
        "...\n",
        "- ",
        "? ",
        ": ",
        ":",
        "\n",
        "\r\n",
        "\r",
        "\t",
        "  ",
        "#",
        " #",
        "\x00",
        "\x85",
    ),
    *(
        "[",
        "]",
        "{",
        "}",
        ",",
        "|\n",
        ">-\n",
        "'",
        '"',
        "&a ",
        "*a",
        "*b",
        "<<: *a\n",
        "!",
        "!!str ",
    ),
    *(
        "!!binary ",
        "%YAML 1.1\n",
        "%TAG ! x\n",
        "~",
        "null",
        "yes",
        "0x10",
        "1e9",
        ".inf",
        "-1",
        "1.0",
    ),
    *(
        "${",
        "}",
        "$",
        "$$",
        "$${",
        "${DRONE_TAG}",
        "${DRONE_TAG:",
        "${a:-${b}}",
        "${a//x/",
        "${a#*",
        "^^}",
    ),
    *(
        "kind: pipeline\n",
        "kind: secret\n",
        "type: exec\n",
        "name: ",
        "steps:\n",
        "depends_on: [build]\n",
    ),
    *(
        "from_secret: x",
        "{from_secret: x}",
        "when: {event: push}\n",
        "settings:\n",
        "include: ",
        "**",
        "*",
    ),
    *(
        "clone",
        "../..",
        "\ufeff",
        "\u2028",
        "\U0001f41d",
        "é",
        "\ud800",
        "9" * 40,
        "a" * 300,
        "\\",
        "\\u0000",
    ),
)

_Mutation = Callable[[random.Random, str], str]


def _slice(chance: random.Random, text: str) -> tuple[int, int]:
    begin = chance.randint(0, len(text))
    return begin, min(len(text), begin + int(chance.expovariate(0.05)))


def _delete(chance: random.Random, text: str) -> str:
    begin, end = _slice(chance, text)
    return text[:begin] + text[end:]


def _insert(chance: random.Random, text: str) -> str:
    at = chance.randint(0, len(text))
    return text[:at] + chance.choice(_TOKENS) + text[at:]


def _replace(chance: random.Random, text: str) -> str:
    begin, end = _slice(chance, text)
    return text[:begin] + chance.choice(_TOKENS) + text[end:]


def _repeat(chance: random.Random, text: str) -> str:
    begin, end = _slice(chance, text)
    return text[:end] + text[begin:end] * chance.choice((1, 2, 10, 100, 1000)) + text[end:]


def _move_lines(chance: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    if lines:
        line = lines.pop(chance.randrange(len(lines)))
        lines.insert(chance.randint(0, len(lines)), line)
    return "".join(lines)


def _indent(chance: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    begin, end = sorted((chance.randint(0, len(lines)), chance.randint(0, len(lines))))
    by = chance.choice(("  ", " ", "\t", "- "))
    changed = (by + line if chance.random() < 0.9 else line[1:] for line in lines[begin:end])
    return "".join((*lines[:begin], *changed, *lines[end:]))


def _splice(chance: random.Random, text: str) -> str:
    other = chance.choice(SAMPLES)
    begin, end = sorted((chance.randint(0, len(other)), chance.randint(0, len(other))))
    at = chance.randint(0, len(text))
    return text[:at] + other[begin:end] + text[at:]


def _swap_words(chance: random.Random, text: str) -> str:
    words = list(re.finditer(r"\w+", text))
    if len(words) < 2:
        return text
    one, other = sorted(chance.sample(words, 2), key=lambda match: match.start())
    between = text[one.end() : other.start()]
    return text[: one.start()] + other[0] + between + one[0] + text[other.end() :]


def _nest(chance: random.Random, text: str) -> str:
    at = chance.randint(0, len(text))
    return (
        text[:at]
        + chance.choice(("[", "{a: ", "- ", "? ")) * chance.choice((3, 40, 60, 3000))
        + text[at:]
    )


_MUTATIONS: tuple[_Mutation, ...] = (
    *(
        _delete,
        _insert,
        _insert,
        _replace,
        _repeat,
        _move_lines,
        _indent,
        _splice,
        _swap_words,
        _nest,
    ),
)


def mutated(seed: int, times: int) -> str:
    """One of the samples, changed a number of times."""
    chance = random.Random(seed)
    text = chance.choice(SAMPLES)
    for _ in range(times):
        text = chance.choice(_MUTATIONS)(chance, text)[:_LONGEST]
    return text


#: Files that were good once, and texts of nothing but the format's marks.
FILES = st.builds(mutated, st.integers(0, 2**64), st.integers(0, 12)) | st.lists(
    st.sampled_from(_TOKENS) | st.text(max_size=4), max_size=40
).map("".join)

#: Values to substitute, as whoever pushes may choose them.
VALUES = st.fixed_dictionaries(
    {},
    optional={
        name: st.text(max_size=20) | st.sampled_from(_TOKENS)
        for name in (
            "DRONE_TAG",
            "DRONE_BRANCH",
            "DRONE_COMMIT_MESSAGE",
            "DRONE_REPO_NAME",
            "a",
            "b",
        )
    },
)
