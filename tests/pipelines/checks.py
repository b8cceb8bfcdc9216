"""What holds for any text as a `.drone.yml`: it is read, or refused in words, in bounded time."""

import re
import time
from collections.abc import Mapping

from beeyard.errors import BeeyardError, ConfigError, render
from beeyard.pipelines import (
    Pipeline,
    circles,
    decide,
    order,
    parse,
    pipeline_graph,
    plugin_variables,
    secrets_asked_for,
    step_graph,
    step_verdict,
    substitute,
)
from pipelines import events

#: Seconds of processor time that one text may take.
MOST_SECONDS = 8.0
_BREAK = re.compile("\r\n|[\n\r]")
_WHERE = re.compile(r"\.drone\.yml:(\d+):(\d+)")
_EVENTS = (events.PUSH, events.tag(), events.pull_request(fork=True), events.cron())


def check(text: str, values: Mapping[str, str]) -> tuple[bool, float]:
    """Whether `text` is a good file, and the seconds that it took. Raises for what must not be."""
    began = time.process_time()
    lines = _BREAK.split(text.removeprefix("\ufeff"))
    substituted = substitute(text, values)
    assert len(_BREAK.split(substituted.text)) == len(_BREAK.split(text)) or substituted.mistakes
    refused: ConfigError | None = None
    try:
        _decide(parse(text, values))
    except ConfigError as error:
        refused = error
    if refused is not None:
        assert 1 <= len(refused.mistakes) <= 50
        assert render(refused)
        for mistake in refused.mistakes:
            _check_mistake(mistake, lines)
    seconds = time.process_time() - began
    assert seconds < MOST_SECONDS, f"{seconds} s"
    return refused is None, seconds


def _check_mistake(mistake: BeeyardError, lines: list[str]) -> None:
    where = _WHERE.fullmatch(mistake.where or "")
    assert where, mistake.where
    line, column = int(where[1]), int(where[2])
    assert 1 <= line <= len(lines), mistake.where
    assert 1 <= column <= len(lines[line - 1]) + 1, mistake.where
    for text in (mistake.what, mistake.why or "-", mistake.fix or "-"):
        assert 0 < len(text) <= 1000, "too long to read"
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", text), "not for a terminal"


def _decide(pipelines: tuple[Pipeline, ...]) -> None:
    """Everything that is worked out from a good file."""
    assert pipelines
    graph = pipeline_graph(pipelines)
    assert set(order(graph)) == set(graph)
    for event in _EVENTS:
        assert set(decide(pipelines, event)) == set(graph)
    for pipeline in pipelines:
        steps = step_graph(pipeline)
        assert not circles(steps)
        assert set(order(steps)) >= {part.name for part in (*pipeline.steps, *pipeline.services)}
        secrets_asked_for(pipeline)
        for part in (*pipeline.steps, *pipeline.services):
            assert part.name
            assert part.image
            assert all(
                isinstance(value, str) for value in plugin_variables(part.settings, str).values()
            )
            assert all(step_verdict(part, event, "success") for event in _EVENTS)
