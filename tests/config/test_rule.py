"""Traefik's rules in one form."""

import pytest

from beeyard.config.rule import Unreadable, parse


def shown(text: str) -> list[str]:
    return sorted(str(alternative) for alternative in parse(text))


@pytest.mark.parametrize(
    ("text", "alternatives"),
    [
        ("", []),
        ("Host(`a.test`)", ["Host(`a.test`)"]),
        (' host( "A.Test" ) ', ["Host(`a.test`)"]),
        ("Host(`b`) || Host(`a`)", ["Host(`a`)", "Host(`b`)"]),
        ("Host(`a`, `b`)", ["Host(`a`)", "Host(`b`)"]),
        ("PathPrefix(`/x`) && Host(`a`)", ["Host(`a`) && PathPrefix(`/x`)"]),
        (
            "Host(`a`) && (Path(`/x`) || Method(`GET`))",
            ["Host(`a`) && Method(`GET`)", "Host(`a`) && Path(`/x`)"],
        ),
        ("Host(`a`) && Host(`a`)", ["Host(`a`)"]),
        ("Host(`a`) && !Path(`/X`)", ["Host(`a`) && !Path(`/X`)"]),
        ("!(Host(`a`) || Path(`/x`))", ["!Host(`a`) && !Path(`/x`)"]),
        ("!(Host(`a`) && Path(`/x`))", ["!Host(`a`)", "!Path(`/x`)"]),
        ("!!Host(`a`)", ["Host(`a`)"]),
        ("Headers(`X`, `(1)`)", ["Headers(`X`, `(1)`)"]),
        ("HostRegexp(`.+`)", ["HostRegexp(`.+`)"]),
    ],
)
def test_the_alternatives(text: str, alternatives: list[str]) -> None:
    assert shown(text) == alternatives


@pytest.mark.parametrize(
    "text", ["Host(`a`", "Host(`a`) &&", "(Host(`a`)", "&&", "a.test", "Host(`a`) Path(`/`)", "!"]
)
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text)


def test_the_longest_argument() -> None:
    (alternative,) = parse("Host(`a`) && PathPrefix(`/x`) && Path(`/x/y`) && !PathPrefix(`/x/y/z`)")
    assert alternative.argument("Host") == "a"
    assert alternative.argument("Path", "PathPrefix") == "/x/y"
    assert alternative.argument("Method") is None
