"""What every engine does: the same cases on the fake, and on this machine's Docker engine."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from beeyard.pipelines.cancel import Cancel
from beeyard.pipelines.docker_engine import DockerEngine
from beeyard.pipelines.engine import Ended, Engine, Started, StepError
from beeyard.pipelines.plan import LABEL, Job, JobStep
from beeyard.testing import Act, FakeEngine
from pipelines.conftest import MINE
from pipelines.jobs import job, on, step

pytestmark = pytest.mark.real

#: What a step does, as commands and as the fake is told of it.
COMMANDS = {
    "says": (["printf 'out\\n'; printf 'err\\n' >&2; exit 3"], Act(b"out\nerr\n", code=3)),
    "good": (["true"], Act()),
    "hangs": (
        ["trap 'exit 143' TERM; echo ready; sleep 600 & wait"],
        Act(b"ready\n", hangs=True),
    ),
    "deaf": (
        ["trap '' TERM; echo ready; sleep 600 & wait; wait"],
        Act(b"ready\n", hangs=True, deaf=True),
    ),
    "unpullable": ([], Act(no_image="no such host")),
    "unstartable": ([], Act(no_start="no such file")),
}


@dataclass
class World:
    """An engine, and jobs that mean the same on each."""

    engine: Engine
    image: str

    def job(self, *names: str) -> Job:
        return on(self.image, job(*map(_step, names)), MINE)

    @contextmanager
    def made(self, one: Job) -> Iterator[None]:
        self.engine.set_up(one)
        try:
            yield
        finally:
            self.engine.tear_down(one)

    def start(self, one: Job, write: Callable[[bytes], None] = lambda _: None) -> Started:
        return self.engine.start(one, one.steps[0], write)


def _step(name: str) -> JobStep:
    if name == "unpullable":
        return step(name, image="registry.invalid/none:1")
    if name == "unstartable":
        return JobStep(name, "tiny", entrypoint=("/no/such/program",))
    # Without the trace, which is the plan's.
    commands = "\n".join(COMMANDS[name][0])
    return JobStep(name, "tiny", entrypoint=("/bin/sh", "-c"), command=(commands,))


@pytest.fixture(params=["fake", "docker"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "fake":
        return World(FakeEngine({name: act for name, (_, act) in COMMANDS.items()}), "tiny")
    engine: DockerEngine = request.getfixturevalue("docker_engine")
    return World(engine, request.getfixturevalue("tiny"))


def fetch(world: World, one: Job, cancel: Cancel | None = None) -> None:
    world.engine.fetch(one, one.steps[0], lambda _: None, cancel or Cancel())


def test_output_and_exit_code_of_a_container(world: World) -> None:
    one, output = world.job("says"), bytearray()
    with world.made(one):
        fetch(world, one)
        container = world.start(one, output.extend)
        assert container.wait() == Ended(3)
        # In which order two streams come, no engine says.
        assert sorted(output.splitlines()) == [b"err", b"out"]


@pytest.mark.parametrize(("name", "grace", "code"), [("hangs", 30, 143), ("deaf", 1, 137)])
def test_one_that_hangs_is_stopped(world: World, name: str, grace: float, code: int) -> None:
    one, ready = world.job(name), threading.Event()
    with world.made(one):
        container = world.start(one, lambda _: ready.set())
        assert ready.wait(30)
        container.stop(grace)
        assert container.wait() == Ended(code)


def test_one_that_has_ended_can_be_stopped_and_removed_any_number_of_times(world: World) -> None:
    one = world.job("good")
    with world.made(one):
        container = world.start(one)
        assert container.wait() == Ended(0)
        container.stop(1)
        container.remove()
        container.stop(0)
        container.remove()


def test_an_image_that_can_t_be_had_is_named_with_the_reason(world: World) -> None:
    one = world.job("unpullable")
    with world.made(one), pytest.raises(StepError) as raised:
        fetch(world, one)
    assert raised.value.what == "the image registry.invalid/none:1 can't be pulled"
    assert raised.value.where == "unpullable"
    assert "no such host" in str(raised.value.why)


def test_a_container_that_can_t_be_started_leaves_nothing(world: World) -> None:
    one = world.job("unstartable")
    with world.made(one):
        with pytest.raises(StepError) as raised:
            world.start(one)
        assert raised.value.what == "its container could not be started"
        assert "no such file" in str(raised.value.why)


def test_the_workspace_takes_an_archive_in_pieces(world: World) -> None:
    one = world.job("good")
    with world.made(one):
        world.engine.fill(one, iter([bytes(512), bytes(512)]))


def test_an_archive_that_breaks_off_is_raised_as_it_is(world: World) -> None:
    class BreaksOffError(Exception):
        pass

    def pieces() -> Iterator[bytes]:
        yield bytes(512)
        raise BreaksOffError

    one = world.job("good")
    with world.made(one), pytest.raises(BreaksOffError):
        world.engine.fill(one, pieces())


def test_all_that_a_killed_runner_left_is_swept_up_and_nothing_else(world: World) -> None:
    left, living = world.job("hangs"), world.job("hangs")
    for one in (left, living):
        world.engine.set_up(one)
        world.start(one)
    try:
        spared = world.engine.sweep(MINE, lambda labels: labels[LABEL] == living.id)
        assert spared == world.engine.sweep({**MINE, LABEL: living.id})
        assert spared > 0
        assert world.engine.sweep({LABEL: left.id}) == 0
        assert world.engine.sweep({**MINE, "beeyard.other": ""}) == 0
    finally:
        world.engine.tear_down(left)
        world.engine.tear_down(living)


def test_tearing_down_twice_is_no_mistake(world: World) -> None:
    one = world.job("good")
    world.engine.set_up(one)
    world.engine.tear_down(one)
    world.engine.tear_down(one)
