"""What jobs made on a Docker engine, found again by its labels."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from beeyard.pipelines.docker_words import ANSWER, CONNECT, check_unless_absent, in_words
from beeyard.pipelines.engine import StepError
from beeyard.pipelines.plan import LABEL
from beeyard.waiting import SystemClock, Timeout, wait_until

_PATIENCE = 30.0
Spare = Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True)
class _Thing:
    kind: str
    name: str
    labels: Mapping[str, str]


Find = Callable[[Any, dict[str, list[str]]], Iterator[_Thing]]


def remove_all(api: Any, labels: Mapping[str, str], spare: Spare) -> int:
    """Remove containers, networks and volumes with these labels; gives how many there were.

    Raises StepError for what stays, EngineGone.
    """
    with in_words("what a run left could not be removed"):
        # Networks and volumes can't go before the containers that use them have gone.
        return sum(
            _remove_kind(api, find, labels, spare) for find in (_containers, _networks, _volumes)
        )


def _remove_kind(api: Any, find: Find, labels: Mapping[str, str], spare: Spare) -> int:
    def left() -> list[_Thing]:
        return [thing for thing in find(api, _filters(labels)) if not spare(thing.labels)]

    def gone() -> bool:
        for thing in left():
            _remove(api, thing)
        return not left()

    there = len(left())
    try:
        if there:
            wait_until(gone, clock=SystemClock(), deadline=_PATIENCE, interval=0.2)
    except Timeout:
        names = ", ".join(f"{thing.kind} {thing.name}" for thing in left())
        raise StepError(
            "what a run left could not be removed", why=f"still there: {names}"
        ) from None
    return there


def _filters(labels: Mapping[str, str]) -> dict[str, list[str]]:
    """Never without the label of pipelines, so that nobody else's things are found."""
    wanted = {LABEL: "", **labels}
    return {"label": [f"{key}={value}" if value else key for key, value in wanted.items()]}


def _containers(api: Any, filters: dict[str, list[str]]) -> Iterator[_Thing]:
    for one in api.containers(all=True, filters=filters):
        yield _Thing("containers", one["Id"], one["Labels"])


def _networks(api: Any, filters: dict[str, list[str]]) -> Iterator[_Thing]:
    for one in api.networks(filters=filters):
        yield _Thing("networks", one["Id"], one["Labels"])


def _volumes(api: Any, filters: dict[str, list[str]]) -> Iterator[_Thing]:
    for one in api.volumes(filters=filters)["Volumes"] or []:
        yield _Thing("volumes", one["Name"], one["Labels"])


def _remove(api: Any, thing: _Thing) -> None:
    """Remove it, or find that it is going already, or that something still holds it."""
    answer = api.delete(
        f"{api.base_url}/v{api.api_version}/{thing.kind}/{thing.name}",
        params={"force": "1", "v": "1"},
        timeout=(CONNECT, ANSWER),
    )
    # A network that a container is still in is a 403.
    if answer.status_code != 403:
        check_unless_absent(answer)
