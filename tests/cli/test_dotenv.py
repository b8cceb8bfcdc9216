"""Files of variables: what may stand in them, and what may not."""

from pathlib import Path

import pytest

from beeyard.cli.dotenv import read_dotenv
from beeyard.errors import ConfigError


def read(text: str) -> dict[str, str]:
    path = Path("variables")
    path.write_text(text)
    return read_dotenv(path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("A=b", {"A": "b"}),
        ("\n# a remark\n  A = b c  # another\r\nB=\n", {"A": "b c", "B": ""}),
        ("export A=b\nC: d\n", {"A": "b", "C": "d"}),
        ("A=x#y\nB=a=b==\nC=it's\n", {"A": "x#y", "B": "a=b==", "C": "it's"}),
        ('A=\'x # \\n $y\'\nB="x # \\n \\"y\\""\n', {"A": "x # \\n $y", "B": 'x # \n "y"'}),
        (
            'KEY="-----BEGIN\nabc\n-----END"\nB=1\n',
            {"KEY": "-----BEGIN\nabc\n-----END", "B": "1"},
        ),
        ("A=1\nA=2\n", {"A": "2"}),
        ("a.b-c=1\n_x=\N{SNOWMAN}\n", {"a.b-c": "1", "_x": "\N{SNOWMAN}"}),
    ],
)
def test_variables(text: str, found: dict[str, str]) -> None:
    assert read(text) == found


@pytest.mark.parametrize(
    ("text", "line"),
    [("A=1\nnothing\n", 2), ("=x", 1), ("1A=x", 1), ("A='x", 1), ("B=\n\nA='x' y\n", 3)],
)
def test_a_line_that_is_no_variable_is_named_and_not_shown(text: str, line: int) -> None:
    with pytest.raises(ConfigError) as raised:
        read(text)
    assert raised.value.where == f"variables:{line}"
    assert raised.value.what == "this is no variable"


def test_a_file_that_can_t_be_read() -> None:
    with pytest.raises(ConfigError, match="none can't be read"):
        read_dotenv(Path("none"))
    Path("binary").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="binary can't be read"):
        read_dotenv(Path("binary"))
