"""Which steps are due, in every situation: pure."""

from beeyard.pipelines.outcome import State
from beeyard.pipelines.plan import Job
from beeyard.pipelines.schedule import Course, due, is_over
from pipelines.jobs import job, step


def course(one: Job, **states: State) -> Course:
    return Course({each.name: states.get(each.name, "pending") for each in one.all_steps})


def started(one: Job, now: Course) -> list[str]:
    return [each.name for each in due(one, now).start]


def skipped(one: Job, now: Course) -> dict[str, str]:
    return {each.name: why for each, why in due(one, now).skip}


DIAMOND = job(
    step("a"),
    step("b", depends_on=("a",)),
    step("c", depends_on=("a",)),
    step("d", depends_on=("b", "c")),
)


def test_a_step_follows_all_that_it_depends_on() -> None:
    assert started(DIAMOND, course(DIAMOND)) == ["a"]
    assert started(DIAMOND, course(DIAMOND, a="running")) == []
    assert started(DIAMOND, course(DIAMOND, a="success")) == ["b", "c"]
    assert started(DIAMOND, course(DIAMOND, a="success", b="success", c="running")) == []
    assert started(DIAMOND, course(DIAMOND, a="success", b="success", c="success")) == ["d"]


def test_a_step_that_was_left_out_is_passed_over() -> None:
    """docs.drone.io, "Parallelism": the graph is corrected for skipped steps."""
    one = job(
        step("a"),
        step("b", depends_on=("a",), runs_on="never", reason="its `when` does not match"),
        step("c", depends_on=("b",)),
    )
    assert started(one, course(one)) == ["a"]
    assert skipped(one, course(one)) == {}
    assert skipped(one, course(one, a="success")) == {"b": "its `when` does not match"}
    assert started(one, course(one, a="success", b="skipped")) == ["c"]


def test_services_come_first_and_need_only_run() -> None:
    one = job(step("a"), step("b"), services=(step("db"), step("cache")))
    now = course(one)
    assert started(one, now) == ["db", "cache"]
    up = Course({**now.states, "db": "running", "cache": "running"}, frozenset({"db"}))
    assert started(one, up) == []
    assert started(one, Course(up.states, frozenset({"db", "cache"}))) == ["a", "b"]


def test_a_service_that_no_step_would_use_is_not_started() -> None:
    one = job(step("a", runs_on="never"), step("b"), services=(step("db"),))
    failed = Course(course(one).states, failed=True)
    assert skipped(one, failed)["db"] == "no step runs that could use it"
    none = job(step("a", runs_on="never"), services=(step("db"),))
    assert skipped(none, course(none)) == {"db": "no step runs that could use it"}


def test_a_detached_step_need_only_run() -> None:
    one = job(step("server", detach=True), step("test", depends_on=("server",)))
    running = course(one, server="running")
    assert started(one, running) == []
    assert started(one, Course(running.states, frozenset({"server"}))) == ["test"]


def test_after_a_failure_only_those_steps_run_that_are_for_it() -> None:
    one = job(
        step("build"),
        step("deploy", depends_on=("build",)),
        step("blame", depends_on=("build",), runs_on="failure"),
        step("tell", depends_on=("deploy",), runs_on="always"),
    )
    good, bad = course(one, build="success"), course(one, build="failure")
    assert started(one, good) == ["deploy"]
    assert skipped(one, good) == {"blame": "it is for pipelines that fail"}
    failed = Course(bad.states, failed=True)
    assert started(one, failed) == ["blame"]
    assert skipped(one, failed) == {"deploy": "a step before it failed"}
    later = Course({**failed.states, "deploy": "skipped", "blame": "success"}, failed=True)
    assert started(one, later) == ["tell"]


def test_nothing_runs_after_an_early_end() -> None:
    """github.com/drone/drone-runtime/issues/51: all subsequent steps are skipped."""
    one = job(
        step("check"),
        step("build", depends_on=("check",)),
        step("tell", depends_on=("check",), runs_on="always"),
    )
    now = Course(course(one, check="success").states, ended_early="check")
    assert started(one, now) == []
    assert set(skipped(one, now)) == {"build", "tell"}


def test_only_so_many_run_at_one_time() -> None:
    one = job(*(step(str(index)) for index in range(5)), step("x", detach=True), parallel=2)
    assert started(one, course(one)) == ["0", "1", "x"]
    later: dict[str, State] = {"0": "running", "1": "success", "x": "running"}
    assert started(one, course(one, **later)) == ["2"]


def test_it_is_over_when_only_the_detached_go_on() -> None:
    one = job(step("a"), step("b", detach=True), services=(step("db"),))
    assert not is_over(one, course(one, a="running", b="running", db="running"))
    assert not is_over(one, course(one, a="success", b="pending", db="running"))
    assert is_over(one, course(one, a="success", b="running", db="running"))
    assert is_over(one, course(one, a="skipped", b="failure", db="running"))
