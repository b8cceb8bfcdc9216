"""The one tree of errors: every one has its own exit code, and reads the same everywhere."""

import pytest

from beeyard.errors import (
    BeeyardError,
    ConfigError,
    HostError,
    SwarmError,
    render,
)


def subclasses(kind: type[BeeyardError]) -> list[type[BeeyardError]]:
    return [each for child in kind.__subclasses__() for each in (child, *subclasses(child))]


def test_kinds_that_a_script_tells_apart_have_exit_codes_of_their_own() -> None:
    stages = [kind for kind in subclasses(BeeyardError) if kind.__module__ == "beeyard.errors"]
    codes = [kind.exit_code for kind in stages]
    assert len(set(codes)) == len(codes)
    assert not set(codes) & {0, 1, 2}, "success, unknown failures and wrong usage are others'"


def test_the_most_important_line_comes_first() -> None:
    error = SwarmError(
        "web did not converge", where="task web.1 on worker-2", why="line 1\nline 2", fix="mend it"
    )
    assert render(error) == (
        "error: web did not converge\n"
        "  where: task web.1 on worker-2\n"
        "  why:   line 1\n"
        "         line 2\n"
        "  do:    mend it"
    )


def test_what_is_not_known_is_not_shown() -> None:
    assert render(HostError("worker-1 is gone")) == "error: worker-1 is gone"
    assert str(HostError("worker-1 is gone", why="no route")) == "worker-1 is gone"


def test_every_mistake_of_a_file_is_shown_at_its_place() -> None:
    error = ConfigError(
        "beeyard.yml has 2 mistakes",
        mistakes=[
            BeeyardError("unknown key `nmae`", where="beeyard.yml:1:1", fix="did you mean `name`?"),
            BeeyardError("`count` is even", where="beeyard.yml:7:10"),
        ],
    )
    assert render(error) == (
        "error: beeyard.yml has 2 mistakes\n"
        "\n"
        "beeyard.yml:1:1: unknown key `nmae`\n"
        "    did you mean `name`?\n"
        "\n"
        "beeyard.yml:7:10: `count` is even"
    )
    assert error.as_dict()["mistakes"] == [mistake.as_dict() for mistake in error.mistakes]


@pytest.mark.parametrize("kind", [SwarmError, ConfigError])
def test_json_says_what_the_text_says(kind: type[BeeyardError]) -> None:
    said = kind("it broke", where="here", why="so", fix="try").as_dict()
    assert said["error"] == kind.__name__
    assert (said["what"], said["where"], said["why"], said["fix"]) == (
        "it broke",
        "here",
        "so",
        "try",
    )
    assert said["exit_code"] == kind.exit_code
