"""`${VAR}`, as the Docker CLI fills it: compared with what it really does on a manager."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from beeyard.config.interpolation import NoValue, fill, interpolate, variables
from beeyard.process import Command

ENVIRONMENT = {"DOMAIN": "d.test", "EMPTY": ""}
FILLED = {
    "plain": "plain",
    "$DOMAIN/${DOMAIN}": "d.test/d.test",
    "$DOMAIN.x:80": "d.test.x:80",
    "${ABSENT:-x}": "x",
    "${ABSENT-x}": "x",
    "${EMPTY:-x}": "x",
    "${EMPTY-x}": "",
    "${DOMAIN:-x}": "d.test",
    "${ABSENT:-}": "",
    "${ABSENT:-/a:-b}": "/a:-b",
    "${DOMAIN:?needed}": "d.test",
    "${EMPTY?needed}": "",
    "$$DOMAIN $$$DOMAIN": "$DOMAIN $d.test",
    "$${DOMAIN}": "${DOMAIN}",
    # A default ends at the first brace, and is not filled again.
    "${ABSENT:-${DOMAIN}}": "${DOMAIN}",
    # Without braces, a default goes on to the end.
    "$DOMAIN-rest $DOMAIN": "d.test",
    "$ABSENT-rest": "rest",
    # A dash is looked for before a question mark.
    "${DOMAIN:?not-set}": "set",
    "${ABSENT?a:-b}": "b",
}
EMPTY = {"$ABSENT": "ABSENT", "a ${ABSENT} b": "ABSENT"}
REFUSED = ["100$", "${", "$ a", "${}", "${ A}", "${A }", "${A:+x}", "${1A}", "$1", "${A!}"]
REQUIRED = {"${ABSENT:?why}": "why", "${ABSENT?}": "", "${EMPTY:?why not}": "why not"}


@pytest.mark.parametrize("text", FILLED)
def test_what_has_a_value(text: str) -> None:
    assert interpolate(text, ENVIRONMENT) == FILLED[text]
    assert fill(text, ENVIRONMENT) == FILLED[text]


@pytest.mark.parametrize("text", EMPTY)
def test_a_variable_without_a_value(text: str) -> None:
    assert interpolate(text, ENVIRONMENT) == text.replace("${ABSENT}", "").replace("$ABSENT", "")
    with pytest.raises(NoValue, match="the variable ABSENT has no value") as caught:
        fill(text, ENVIRONMENT)
    assert (caught.value.variable, caught.value.reason) == ("ABSENT", "")


@pytest.mark.parametrize("text", REQUIRED)
def test_a_variable_that_is_required(text: str) -> None:
    with pytest.raises(NoValue) as caught:
        fill(text, ENVIRONMENT)
    assert caught.value.variable in text
    assert caught.value.reason == REQUIRED[text]


@pytest.mark.parametrize("text", REFUSED)
def test_a_dollar_that_starts_no_variable(text: str) -> None:
    with pytest.raises(NoValue, match="a `\\$` starts no variable") as caught:
        fill(text, ENVIRONMENT)
    assert caught.value.variable == ""


def test_the_first_that_has_no_value_is_told_of() -> None:
    with pytest.raises(NoValue, match="ABSENT"):
        fill("${ABSENT:?x} $DOMAIN", ENVIRONMENT)


@pytest.mark.parametrize(
    ("text", "misread"),
    [
        ("$DOMAIN", False),
        ("${DOMAIN:?say which}", False),
        ("${DOMAIN:-a-b?}", False),
        ("$DOMAIN-x", True),
        ("$DOMAIN?", True),
        ("${DOMAIN:?not-set}", True),
        ("${DOMAIN-a:-b}", True),
    ],
)
def test_what_docker_takes_for_something_else(text: str, misread: bool) -> None:
    assert [variable.misread for variable in variables(text)] == [misread]


def stack(texts: Mapping[str, str]) -> bytes:
    service = {"image": "nobody.invalid/x:1", "deploy": {"replicas": 0, "labels": dict(texts)}}
    return json.dumps({"version": "3.8", "services": {"web": service}}).encode()


def deploy(texts: Mapping[str, str]) -> Command:
    return Command(
        ["docker", "stack", "deploy", "--resolve-image", "never", "-c", "-", "filled"],
        input=stack(texts),
        env=ENVIRONMENT,
    )


@pytest.mark.real
def test_the_docker_cli_fills_the_same(real_swarm: Any) -> None:
    first = real_swarm.on("manager-1")
    texts = [*FILLED, *EMPTY]
    try:
        first.run(deploy({f"label-{index}": text for index, text in enumerate(texts)}))
        said = first.run(
            Command(["docker", "service", "inspect", "-f", "{{json .Spec.Labels}}", "filled_web"])
        )
    finally:
        first.run(Command(["docker", "stack", "rm", "filled"]))
    labels = json.loads(said.stdout)
    assert {text: labels[f"label-{index}"] for index, text in enumerate(texts)} == {
        text: interpolate(text, ENVIRONMENT) for text in texts
    }


@pytest.mark.real
@pytest.mark.parametrize("text", [*REFUSED, *REQUIRED])
def test_the_docker_cli_refuses_the_same(real_swarm: Any, text: str) -> None:
    said = real_swarm.on("manager-1").run(deploy({"label": text}), check=False)
    assert said.code != 0
    assert "invalid interpolation format" in said.stderr
