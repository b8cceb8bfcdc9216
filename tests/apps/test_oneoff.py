"""Of one-off tasks that somebody left: which are removed."""

import json
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from beeyard.apps.oneoff import LABEL, forgotten
from beeyard.holder import Holder
from beeyard.swarm import Snapshot
from swarm.swarms import NOW, service, swarm


def errand(state: str, seconds: float, holder: Holder | None = None, **changes: Any) -> Snapshot:
    """A Swarm with a one-off task that came to its state so many seconds ago."""
    held = {"beeyard.holder": json.dumps(asdict(holder))} if holder else {}
    made = service("shop_web-run-1", "worker-1", stack="shop", labels={LABEL: "run", **held})
    since = NOW - timedelta(seconds=seconds)
    task = replace(made.tasks[0], state=state, since=since)
    return swarm(replace(made, tasks=(task,), **changes))


class TestForgotten:
    """Whose beeyard was killed before it could remove what its task ran in."""

    GONE = replace(Holder.me("run"), started="before")

    def test_one_that_ended_long_ago(self) -> None:
        assert forgotten(errand("complete", 700), "shop") == ["shop_web-run-1"]
        assert forgotten(errand("complete", 700), "wiki") == []

    def test_one_for_which_somebody_may_wait(self) -> None:
        assert forgotten(errand("complete", 5), "shop") == []
        assert forgotten(errand("complete", 5, Holder.me("run")), "shop") == []

    def test_one_whose_process_is_no_more(self) -> None:
        assert forgotten(errand("failed", 5, self.GONE), "shop") == ["shop_web-run-1"]

    def test_one_that_runs(self) -> None:
        assert forgotten(errand("running", 7000, self.GONE), "shop") == []

    def test_services_that_are_no_tasks(self) -> None:
        assert forgotten(errand("complete", 7000, labels={}), "shop") == []
