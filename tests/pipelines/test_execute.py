"""A job's run, on an engine that plays what is scripted: order, failures, limits, stopping."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from beeyard.pipelines.cancel import Cancel
from beeyard.pipelines.engine import EngineGone, Usage
from beeyard.pipelines.execute import Outlets, execute
from beeyard.pipelines.log import Masked
from beeyard.pipelines.masking import Masks
from beeyard.pipelines.outcome import StepEvent
from beeyard.pipelines.plan import MEBIBYTE, StepLimits
from beeyard.pipelines.source import SourceError
from beeyard.testing import Act, FakeEngine
from beeyard.waiting import SystemClock, wait_until
from pipelines.jobs import Heard, Kept, job, step

A_THEN_B = (step("a"), step("b", depends_on=("a",)))


def test_steps_run_in_order_and_their_output_is_kept() -> None:
    engine, heard = FakeEngine({"a": Act(b"hello\n"), "b": Act(b"world\n")}), Heard()
    result = heard.run(engine, job(*A_THEN_B))
    assert result.state == "success"
    assert [(event.step, event.state) for event in heard.events] == [
        ("a", "pending"),
        ("b", "pending"),
        ("a", "running"),
        ("a", "success"),
        ("b", "running"),
        ("b", "success"),
    ]
    assert (heard.log("a"), heard.log("b")) == ("hello\n", "world\n")
    assert heard.logs["a"].closed
    assert engine.there == {}


def test_an_event_says_when_and_with_which_code() -> None:
    heard = Heard()
    heard.run(FakeEngine({"a": Act(code=3)}), job(step("a")))
    begun, ended = heard.events[1:]
    assert (begun.exit_code, begun.stopped) == (None, 0.0)
    assert begun.started > 1.7e9
    assert ended == StepEvent("a", "failure", 3, begun.started, ended.stopped, "exit code 3")
    assert ended.stopped >= ended.started


def test_what_does_not_depend_on_each_other_runs_at_one_time() -> None:
    both, heard = threading.Event(), Heard()
    heard.when = lambda _: both.set() if heard.order() == ["a", "b"] else None
    engine = FakeEngine({"a": Act(until=both), "b": Act(until=both)})
    assert heard.run(engine, job(step("a"), step("b"))).state == "success"


def test_a_failure_fails_the_pipeline_and_skips_what_follows() -> None:
    engine, heard = FakeEngine({"a": Act(code=1)}), Heard()
    result = heard.run(engine, job(*A_THEN_B))
    assert result.state == "failure"
    assert result.failed == heard.last("a")
    assert heard.last("b").reason == "a step before it failed"
    assert heard.states() == {"a": "failure", "b": "skipped"}
    assert engine.started == ["a"]
    assert "b" not in heard.logs


def test_beside_a_failure_what_runs_goes_on() -> None:
    gate, heard = threading.Event(), Heard()

    def when(event: StepEvent) -> None:
        if (event.step, event.state) == ("bad", "failure"):
            gate.set()

    heard.when = when
    engine = FakeEngine({"bad": Act(code=1), "good": Act(until=gate)})
    result = heard.run(engine, job(step("bad"), step("good")))
    assert (result.state, heard.states()) == ("failure", {"bad": "failure", "good": "success"})
    assert engine.stops == []


def test_a_failure_that_is_ignored_is_none_of_the_pipeline() -> None:
    """docs.drone.io, "Steps", "Failure"."""
    heard = Heard()
    first = replace(A_THEN_B[0], failure="ignore")
    result = heard.run(FakeEngine({"a": Act(code=1)}), job(first, A_THEN_B[1]))
    assert (result.state, result.failed) == ("success", None)
    assert heard.states() == {"a": "failure", "b": "success"}


def test_a_step_is_told_of_what_failed_before_it() -> None:
    told: list[tuple[tuple[str, ...], int]] = []

    def late(failed: tuple[str, ...], now: int) -> dict[str, str]:
        told.append((failed, now))
        return {"FAILED": ",".join(failed)}

    tell = step("tell", depends_on=("a", "b"), runs_on="always")
    ignored = step("b", failure="ignore")
    engine = FakeEngine({"a": Act(code=1), "b": Act(code=1)})
    result = Heard().run(engine, job(step("a"), ignored, tell, late=late))
    assert [failed for failed, _ in told] == [(), (), ("a",)]
    assert told[-1][1] > 1.7e9
    assert engine.environments["tell"]["FAILED"] == "a"
    assert result.culprit == "a"


def test_78_ends_the_pipeline_early_and_well() -> None:
    heard = Heard()
    always = step("always", depends_on=("a",), runs_on="always")
    result = heard.run(FakeEngine({"a": Act(code=78)}), job(*A_THEN_B, always))
    assert result.state == "success"
    assert heard.states() == {"a": "success", "b": "skipped", "always": "skipped"}
    assert heard.last("a").exit_code == 78
    assert heard.last("b").reason == "a ended the pipeline early"


def test_steps_for_failures_run_after_one_and_only_then() -> None:
    tell = step("tell", depends_on=("b",), runs_on="failure")
    heard = Heard()
    heard.run(FakeEngine({"a": Act(code=1)}), job(*A_THEN_B, tell))
    assert heard.states() == {"a": "failure", "b": "skipped", "tell": "success"}
    good = Heard()
    good.run(FakeEngine(), job(*A_THEN_B, tell))
    assert good.states() == {"a": "success", "b": "success", "tell": "skipped"}


def test_services_run_beside_the_steps_and_end_with_them() -> None:
    engine, heard = FakeEngine({"db": Act(hangs=True, deaf=True)}), Heard()
    result = heard.run(engine, job(step("test"), services=(step("db"),)))
    assert result.state == "success"
    assert engine.started == ["db", "test"]
    assert engine.stops == [("db", 0.0)]
    assert heard.order("success") == ["test", "db"]
    assert heard.last("db").reason == ""


def test_how_a_service_ends_is_nobody_s_failure() -> None:
    """docs.drone.io, "Services": the exit code is ignored."""
    heard, gone = Heard(), threading.Event()

    def when(event: StepEvent) -> None:
        if (event.step, event.state) == ("db", "failure"):
            gone.set()

    heard.when = when
    engine = FakeEngine({"db": Act(code=1), "test": Act(until=gone)})
    result = heard.run(engine, job(step("test"), services=(step("db"),)))
    assert (result.state, heard.last("db").exit_code) == ("success", 1)


def test_a_service_that_can_t_be_started_fails_the_pipeline() -> None:
    heard = Heard()
    engine = FakeEngine({"db": Act(no_image="manifest unknown")})
    result = heard.run(engine, job(step("test"), services=(step("db", image="mariadb:99"),)))
    assert (result.state, heard.states()) == ("error", {"db": "error", "test": "skipped"})


def test_an_image_that_can_t_be_had_is_an_error_with_its_name_and_why() -> None:
    heard = Heard()
    engine = FakeEngine({"a": Act(no_image="manifest unknown")})
    result = heard.run(engine, job(step("a", image="golang:99")))
    assert result.state == "error"
    event = heard.last("a")
    assert (event.state, event.exit_code) == ("error", None)
    assert event.reason == "the image golang:99 can't be pulled: manifest unknown"
    assert "the image golang:99 can't be pulled" in heard.log("a")
    assert engine.there == {}


def test_out_of_memory_is_said_in_words() -> None:
    heard = Heard()
    small = StepLimits(memory=64 * MEBIBYTE)
    one = job(step("a", limits=small), step("b", limits=small), step("c"), step("d"))
    acts = {
        "a": Act(code=137, out_of_memory=True),
        "b": Act(code=2, out_of_memory=True),
        "c": Act(code=137, out_of_memory=True),
        "d": Act(code=137),
    }
    heard.run(FakeEngine(acts), one)
    assert {name: heard.last(name).reason for name in acts} == {
        "a": "out of memory: it may use 64 MiB (exit code 137)",
        "b": "exit code 2; a process of it ran out of memory: it may use 64 MiB",
        "c": "out of memory: the machine has no more (exit code 137)",
        "d": "killed by SIGKILL from outside (exit code 137)",
    }
    assert heard.log("a") == "[beeyard] out of memory: it may use 64 MiB (exit code 137)\n"


def test_a_step_that_hangs_is_stopped_at_its_time_limit() -> None:
    engine, heard = FakeEngine({"a": Act(b"waiting\n", hangs=True)}), Heard()
    result = heard.run(engine, job(step("a", timeout=0.05), A_THEN_B[1]))
    assert (result.state, heard.states()) == ("failure", {"a": "failure", "b": "skipped"})
    assert heard.last("a").reason == "stopped at its time limit of 0.05 s"
    assert heard.log("a") == "waiting\n[beeyard] stopped at its time limit of 0.05 s\n"
    assert engine.stops == [("a", 5.0)]
    assert engine.there == {}


def test_a_pipeline_that_takes_too_long_is_stopped() -> None:
    engine, heard = FakeEngine({"a": Act(hangs=True), "db": Act(hangs=True)}), Heard()
    result = heard.run(engine, job(*A_THEN_B, services=(step("db"),), timeout=0.05))
    assert (result.state, result.reason) == (
        "killed",
        "stopped at the pipeline's time limit of 0.05 s",
    )
    assert heard.states() == {"db": "killed", "a": "killed", "b": "skipped"}
    assert heard.last("b").reason == result.reason
    assert engine.there == {}


def test_a_wish_to_stop_stops_what_runs_and_begins_nothing_more() -> None:
    cancel, heard = Cancel(), Heard()
    heard.when = lambda event: event.state == "running" and cancel.set("a newer push came")
    engine = FakeEngine({"a": Act(hangs=True)})
    always = step("tell", depends_on=("a",), runs_on="always")
    result = heard.run(engine, job(*A_THEN_B, always), cancel=cancel)
    assert (result.state, result.reason) == ("killed", "a newer push came")
    assert heard.states() == {"a": "killed", "b": "skipped", "tell": "skipped"}
    assert heard.last("a").reason == "a newer push came"
    assert engine.there == {}


def test_a_job_that_nobody_wants_any_more_is_not_begun() -> None:
    cancel, heard, engine = Cancel(), Heard(), FakeEngine()
    cancel.set()
    result = heard.run(engine, job(*A_THEN_B), cancel=cancel)
    assert (result.state, result.reason) == ("killed", "cancelled")
    assert engine.started == []


def test_too_much_on_disk_stops_the_step_that_wrote_it() -> None:
    heard = Heard()
    engine = FakeEngine({"a": Act(hangs=True)}, used=Usage({"a": 3 * MEBIBYTE, "x": 9}))
    result = heard.run(engine, job(step("a"), disk=2 * MEBIBYTE))
    assert result.state == "failure"
    assert heard.last("a").reason == "it has written 3 MiB, and may write 2 MiB: it was stopped"


def test_too_much_in_volumes_stops_all_steps_but_not_those_that_tell_of_it() -> None:
    heard = Heard()
    engine = FakeEngine(
        {"a": Act(hangs=True), "b": Act(hangs=True), "db": Act(hangs=True)},
        used=Usage(volumes=3 * MEBIBYTE),
    )
    tell = step("tell", depends_on=("a", "b"), runs_on="always")
    result = heard.run(
        engine, job(step("a"), step("b"), tell, services=(step("db"),), disk=2 * MEBIBYTE)
    )
    assert result.state == "failure"
    assert heard.states() == {"a": "failure", "b": "failure", "tell": "success", "db": "success"}
    assert heard.last("a").reason == (
        "workspace and volumes have grown to 3 MiB, and may to 2 MiB: it was stopped"
    )


def test_of_too_much_output_the_rest_is_dropped() -> None:
    heard = Heard()
    limits = StepLimits(log=10)
    result = heard.run(FakeEngine({"a": Act(b"0123456789abc")}), job(step("a", limits=limits)))
    assert result.state == "success"
    assert heard.log("a") == (
        "0123456789\n[beeyard] more than 10 bytes was written: the rest is not kept\n"
    )
    assert heard.last("a").reason == "its output was cut after 10 bytes"


def test_output_that_can_t_be_kept_fails_no_step() -> None:
    class Full(Kept):
        def write(self, chunk: bytes) -> None:
            raise OSError("no space left on device")

    heard = Heard()
    result = execute(
        job(step("a")),
        FakeEngine({"a": Act(b"hello")}),
        Outlets(heard.listener, lambda _: Full()),
    )
    assert result.state == "success"
    assert heard.last("a").reason == "its output could not be kept: no space left on device"


def test_secrets_are_taken_out_however_the_output_is_cut() -> None:
    kept = Kept()
    sink = Masked(kept, Masks(["hunter2-hunter2"]))
    for piece in (b"a hunter2-", b"hunter2 b hunt", b"er2-hunter", b"2"):
        sink.write(piece)
    sink.close()
    assert kept.data == b"a ****** b ******"
    assert kept.closed


def test_an_engine_that_can_make_nothing_is_an_error_of_the_pipeline() -> None:
    heard = Heard()
    result = heard.run(FakeEngine(refuses="no address is free"), job(*A_THEN_B))
    assert (result.state, result.reason) == ("error", "nothing can be made: no address is free")
    assert heard.states() == {"a": "skipped", "b": "skipped"}


def test_an_engine_that_is_gone_is_raised_after_every_step_has_its_state() -> None:
    engine, heard = FakeEngine({"a": Act(gone=True), "c": Act(hangs=True)}), Heard()
    with pytest.raises(EngineGone):
        heard.run(engine, job(*A_THEN_B, step("c")))
    assert heard.states() == {"a": "error", "b": "skipped", "c": "killed"}
    assert engine.there == {}


def test_what_can_t_be_removed_is_said_and_changes_nothing() -> None:
    heard = Heard()
    result = heard.run(FakeEngine(stuck="volume x: in use"), job(*A_THEN_B))
    assert (result.state, heard.states()) == ("success", {"a": "success", "b": "success"})
    assert result.reason == "what a run left could not be removed: volume x: in use"


def test_steps_that_wait_for_each_other_are_not_waited_for() -> None:
    heard = Heard()
    result = heard.run(FakeEngine(), job(step("a", depends_on=("b",)), A_THEN_B[1]))
    assert (result.state, heard.last("a").reason) == ("error", "it depends on itself")


def test_an_interrupt_stops_and_removes_everything() -> None:
    """As Ctrl-C does to the command line: in the thread that waits, at any time."""

    class Interrupt(BaseException):
        pass

    engine, heard = FakeEngine({"a": Act(hangs=True, deaf=True)}), Heard()

    def when(event: StepEvent) -> None:
        if (event.step, event.state) == ("b", "success"):
            wait_until(
                lambda: "a" in engine.started, clock=SystemClock(), deadline=10, interval=0.01
            )
            raise Interrupt

    heard.when = when
    with pytest.raises(Interrupt):
        heard.run(engine, job(step("a"), step("b")))
    assert engine.there == {}
    assert engine.stops == [("a", 0.0)]


def test_an_interrupt_between_two_things_leaves_nothing_either() -> None:
    class Interrupt(BaseException):
        pass

    for state in ("pending", "running", "success"):
        engine, heard = FakeEngine(), Heard()

        def when(event: StepEvent, state: str = state) -> None:
            if event.state == state:
                raise Interrupt

        heard.when = when
        with pytest.raises(Interrupt):
            heard.run(engine, job(*A_THEN_B))
        assert engine.there == {}


class Files:
    """A source that gives these pieces; an exception among them is raised."""

    def __init__(self, *pieces: bytes | Exception, then: Callable[[], object] = str) -> None:
        self.pieces = pieces
        self.then = then

    @contextmanager
    def archive(self, say: Callable[[str], None], cancel: Cancel) -> Iterator[Iterable[bytes]]:
        say("fetching")
        yield self._given()
        self.then()

    def _given(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


def test_the_workspace_is_filled_first_as_a_step() -> None:
    engine, heard = FakeEngine(), Heard()
    result = heard.run(engine, job(*A_THEN_B), source=Files(b"12", b"3"))
    assert [event.step for event in result.steps] == ["clone", "a", "b"]
    assert (engine.filled, heard.log("clone")) == (b"123", "fetching\n")
    assert heard.logs["clone"].closed
    assert heard.order("success") == ["clone", "a", "b"]


def test_without_files_nothing_runs_but_what_tells_of_it() -> None:
    engine, heard = FakeEngine({"db": Act(hangs=True)}), Heard()
    broken = Files(b"1", SourceError("the repository can't be cloned", why="not found"))
    tell = step("tell", runs_on="failure")
    result = heard.run(engine, job(*A_THEN_B, tell, services=(step("db"),)), source=broken)
    assert result.state == "failure"
    assert heard.last("clone").reason == "the repository can't be cloned: not found"
    assert heard.states() == {
        "clone": "failure",
        "a": "skipped",
        "b": "skipped",
        "tell": "success",
        "db": "success",
    }


def test_a_wish_to_stop_counts_while_the_workspace_is_filled() -> None:
    cancel, engine, heard = Cancel(), FakeEngine(), Heard()
    source = Files(b"1", then=lambda: cancel.set("no longer"))
    result = heard.run(engine, job(*A_THEN_B), source=source, cancel=cancel)
    assert result.state == "killed"
    assert heard.states() == {"clone": "killed", "a": "skipped", "b": "skipped"}


def test_a_step_can_t_have_the_name_of_the_filling() -> None:
    with pytest.raises(ValueError, match="a step is named `clone`"):
        Heard().run(FakeEngine(), job(step("clone")), source=Files())
