"""What listeners hear of a phase, from its start to its end."""

import pytest

from beeyard.errors import CloudError
from beeyard.workflows import Event, Progress


def heard(events: list[Event]) -> list[tuple[str, str, str]]:
    return [(event.phase, event.state, event.text) for event in events]


def test_a_phase_that_comes_to_its_end(events: list[Event]) -> None:
    progress = Progress(events.append)
    with progress.phase("nodes") as phase:
        phase.say("manager-1 answers")
        phase.result = "3 answer"

    assert heard(events) == [
        ("nodes", "started", ""),
        ("nodes", "said", "manager-1 answers"),
        ("nodes", "done", "3 answer"),
    ]
    assert [event.seconds is None for event in events] == [True, True, False]
    assert progress.seconds == {"nodes": events[-1].seconds}


@pytest.mark.parametrize("failure", [CloudError("no"), KeyboardInterrupt()])
def test_a_phase_that_fails(events: list[Event], failure: BaseException) -> None:
    progress = Progress(events.append)

    def work() -> None:
        with progress.phase("cloud") as phase:
            phase.result = "all well"
            raise failure

    with pytest.raises(type(failure)):
        work()

    assert heard(events) == [("cloud", "started", ""), ("cloud", "failed", "")]
    assert events[-1].seconds is not None
    # Only what came to its end counts.
    assert progress.seconds == {}


def test_phases_in_the_order_in_which_they_ended(events: list[Event]) -> None:
    progress = Progress(events.append)
    for name in ("account", "cloud", "nodes"):
        with progress.phase(name):
            pass
    assert list(progress.seconds) == ["account", "cloud", "nodes"]
    assert all(seconds >= 0 for seconds in progress.seconds.values())
