"""Jobs on this machine's Docker engine: what steps share, what they may do, and how they end."""

import gc
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import psutil
import pytest
from docker import DockerClient

from beeyard.pipelines.cancel import Cancel
from beeyard.pipelines.docker_engine import DockerEngine
from beeyard.pipelines.engine import EngineGone
from beeyard.pipelines.execute import Outlets, execute
from beeyard.pipelines.model import Mount, Volume
from beeyard.pipelines.outcome import StepEvent
from beeyard.pipelines.plan import MEBIBYTE, StepLimits
from beeyard.pipelines.source import FolderSource
from beeyard.secret import Secret
from beeyard.waiting import SystemClock, wait_until
from pipelines.conftest import MINE
from pipelines.jobs import Heard, Kept, job, on, step
from pipelines.proxy import way

pytestmark = pytest.mark.real
#: Runs a job, and gives what was heard of it.
Run = Callable[..., Heard]
DB = step("db", "sleep 600")


@pytest.fixture
def run(docker_engine: DockerEngine, tiny: str) -> Run:
    def act(*steps: Any, heard: Heard | None = None, **options: Any) -> Heard:
        how = {key: options.pop(key) for key in ("source", "cancel") if key in options}
        heard = heard or Heard()
        heard.run(docker_engine, on(tiny, job(*steps, **options), MINE), **how)
        return heard

    return act


def state(heard: Heard) -> str:
    assert heard.result is not None
    return heard.result.state


def test_steps_share_the_workspace_and_nothing_else(run: Run, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.txt").write_text("from the source\n")
    heard = run(
        step("write", "cat src/a.txt", "echo kept > src/b.txt", "echo lost > /c.txt"),
        step("read", "pwd", "cat src/b.txt", "ls /c.txt", depends_on=("write",)),
        source=FolderSource(tmp_path),
    )
    assert heard.log("write").startswith("+ cat src/a.txt\nfrom the source\n+ echo kept")
    assert heard.log("read").startswith("+ pwd\n/drone/src\n+ cat src/b.txt\nkept\n+ ls")
    assert (state(heard), heard.last("read").exit_code) == ("failure", 2)
    assert not (tmp_path / "src" / "b.txt").exists(), "the workspace is a copy"


def test_a_folder_may_be_the_workspace_itself(run: Run, tmp_path: Path) -> None:
    assert state(run(step("write", "echo made > out.txt"), folder=str(tmp_path))) == "success"
    assert (tmp_path / "out.txt").read_text() == "made\n"


def test_a_secret_reaches_the_step(run: Run) -> None:
    heard = run(step("a", 'test "$TOKEN" = hunter2', environment={"TOKEN": Secret("hunter2")}))
    assert state(heard) == "success"
    assert "hunter2" not in heard.log("a").replace("= hunter2", "")


def test_services_and_detached_steps_are_found_by_their_names(run: Run) -> None:
    heard = run(
        step("server", "sleep 600", detach=True),
        step("a", "getent hosts db", "getent hosts server", depends_on=("server",)),
        services=(DB,),
    )
    assert heard.states() == {"db": "success", "server": "success", "a": "success"}


def test_pipelines_do_not_find_each_other(run: Run, docker_engine: DockerEngine, tiny: str) -> None:
    other = on(tiny, job(DB), MINE)
    docker_engine.set_up(other)
    try:
        docker_engine.start(other, other.steps[0], lambda _: None)
        assert run(step("a", "getent hosts db")).last("a").exit_code == 2
    finally:
        docker_engine.tear_down(other)


def test_volumes_of_each_kind(run: Run, tmp_path: Path) -> None:
    host = tmp_path / "made by the engine"
    mounts = (Mount("cache", "/cache"), Mount("ram", "/ram"), Mount("host", "/host"))
    heard = run(
        step("a", "touch /cache/a /ram/a /host/a", "stat -f -c %T /ram", mounts=mounts),
        step("b", "ls /cache /host", "ls /ram", depends_on=("a",), mounts=mounts),
        volumes=(
            Volume("cache", "temp"),
            Volume("ram", "temp", medium="memory", size=MEBIBYTE),
            Volume("host", "host", path=str(host)),
        ),
    )
    assert "tmpfs" in heard.log("a")
    assert heard.log("b").endswith("/cache:\na\n\n/host:\na\n+ ls /ram\n")
    assert (host / "a").exists()


def test_nobody_gains_rights(run: Run) -> None:
    heard = run(step("a", "grep NoNewPrivs /proc/self/status", "id -u", user="1234"))
    assert heard.log("a").split()[-4:] == ["+", "id", "-u", "1234"]
    assert "NoNewPrivs:\t1" in heard.log("a")


def test_out_of_memory_is_137_and_said(run: Run) -> None:
    limits = StepLimits(memory=32 * MEBIBYTE)
    heard = run(step("greedy", "x=a", "while true; do x=$x$x; done", limits=limits))
    event = heard.last("greedy")
    assert (event.state, event.exit_code) == ("failure", 137)
    assert event.reason == "out of memory: it may use 32 MiB (exit code 137)"
    assert event.reason in heard.log("greedy")


def test_a_fork_bomb_is_held_until_the_time_is_over(run: Run) -> None:
    limits = StepLimits(pids=64, memory=512 * MEBIBYTE, cpus=0.5)
    bomb = step("bomb", "b() { b | b & b; }; b", limits=limits, timeout=2)
    heard = run(bomb, step("after", "echo fine", runs_on="always", depends_on=("bomb",)))
    assert heard.last("bomb").state == "failure"
    assert heard.states()["after"] == "success"


def test_a_step_that_hangs_is_stopped_and_says_so(run: Run) -> None:
    heard = run(step("hangs", "echo waiting", "sleep 600", timeout=1))
    event = heard.last("hangs")
    assert (event.state, event.reason) == ("failure", "stopped at its time limit of 1 s")
    assert heard.log("hangs").splitlines()[1:] == [
        "waiting",
        "+ sleep 600",
        "[beeyard] stopped at its time limit of 1 s",
    ]


def test_a_wish_to_stop_is_followed_within_seconds(run: Run) -> None:
    cancel = Cancel()

    class Cue(Kept):
        def write(self, chunk: bytes) -> None:
            super().write(chunk)
            if b"waiting" in chunk:
                cancel.set("nobody wants it any more")

    class Waiting(Heard):
        def open_log(self, name: str) -> Kept:
            self.logs[name] = Cue()
            return self.logs[name]

    steps = (step("a", "echo waiting", "sleep 600"), step("b", "true", depends_on=("a",)))
    heard = run(*steps, services=(DB,), heard=Waiting(), cancel=cancel)
    assert heard.states() == {"db": "killed", "a": "killed", "b": "skipped"}
    assert heard.last("a").stopped - heard.last("a").started < 30


MANY_FILES = "i=0; while true; do i=$((i+1)); head -c 1048576 /dev/zero > {}/$i; done"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/tmp", "it has written "),
        ("/drone/src", "workspace and volumes have grown to "),
    ],
)
def test_a_disk_is_not_filled_by_many_files(run: Run, place: str, said: str) -> None:
    heard = run(step("fill", f"mkdir -p {place}", MANY_FILES.format(place)), disk=16 * MEBIBYTE)
    event = heard.last("fill")
    assert (state(heard), event.state) == ("failure", "failure")
    assert event.reason.startswith(said)
    assert event.reason.endswith("to 16 MiB: it was stopped") or "may write 16 MiB" in event.reason


def test_a_disk_is_not_filled_by_one_file(run: Run) -> None:
    heard = run(step("fill", "head -c 100000000 /dev/zero > big"), disk=16 * MEBIBYTE)
    assert heard.last("fill").reason == (
        "a file grew beyond the 16 MiB that it may use (exit code 153)"
    )


class Counting(Kept):
    """Counts bytes, and notes how large this process became meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.largest = 0
        self._process = psutil.Process()

    def write(self, chunk: bytes) -> None:
        if self.count // MEBIBYTE != (self.count + len(chunk)) // MEBIBYTE:
            self.largest = max(self.largest, self._process.memory_info().rss)
        self.count += len(chunk)


def test_a_hundred_megabytes_of_output_pass_through(docker_engine: DockerEngine, tiny: str) -> None:
    sink = Counting()
    lines = 'exec yes "a line of output as long as others: 0123456789" | head -c 100000000'
    one = on(tiny, job(step("flood", lines)), MINE)
    before = psutil.Process().memory_info().rss
    result = execute(one, docker_engine, Outlets(lambda _: None, lambda _: sink))
    assert result.state == "success"
    assert sink.count == 100_000_000 + len(f"+ {lines}\n")
    assert sink.largest - before < 50 * MEBIBYTE


def test_a_step_is_held_up_while_its_output_is_not_taken(
    docker_engine: DockerEngine, tiny: str, tmp_path: Path
) -> None:
    """What is not taken is not kept anywhere either: the step waits."""
    taken, go_on = threading.Event(), threading.Event()

    class Slow(Counting):
        def write(self, chunk: bytes) -> None:
            taken.set()
            assert go_on.wait(60)
            super().write(chunk)

    # Each piece that could be written is counted in a file.
    piece = "head -c 65536 /dev/zero; echo >> progress"
    flood = f"i=0; while [ $i -lt 400 ]; do i=$((i+1)); {piece}; done"
    sink = Slow()
    one = on(tiny, job(step("flood", flood), folder=str(tmp_path)), MINE)
    progress = tmp_path / "progress"
    seen = [-1]

    def stands_still() -> bool:
        seen.append(progress.stat().st_size if progress.exists() else -1)
        return len(seen) > 20 and len(set(seen[-20:])) == 1

    def let_go_when_it_stands_still() -> None:
        assert taken.wait(60)
        wait_until(stands_still, clock=SystemClock(), deadline=60, interval=0.1)
        go_on.set()

    watcher = threading.Thread(target=let_go_when_it_stands_still, daemon=True)
    watcher.start()
    result = execute(one, docker_engine, Outlets(lambda _: None, lambda _: sink))
    watcher.join(60)
    assert result.state == "success"
    assert seen[-1] < 200, "it went on writing"
    assert progress.stat().st_size == 400


@pytest.fixture
def cut_off(tmp_path: Path) -> Iterator[tuple[DockerEngine, Callable[[], None]]]:
    """An engine, and what makes it go away."""
    with way(tmp_path) as to_engine:
        client = docker.DockerClient(base_url=to_engine.url, timeout=30)
        try:
            yield DockerEngine(client), to_engine.cut
        finally:
            client.close()
    collect_sockets()


def collect_sockets() -> None:
    """The SDK leaves a socket open that could not connect."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_an_engine_that_goes_away_is_said(
    cut_off: tuple[DockerEngine, Callable[[], None]],
    docker_engine: DockerEngine,
    engine: DockerClient,
    tiny: str,
) -> None:
    cut_engine, cut = cut_off
    one = on(tiny, job(step("a", "sleep 600"), step("quick", "true")), MINE)
    heard = Heard()

    def when(event: StepEvent) -> None:
        if (event.step, event.state) == ("quick", "success"):
            wait_until(
                lambda: bool(engine.containers.list(filters={"label": "beeyard.step=a"})),
                clock=SystemClock(),
                deadline=30,
                interval=0.05,
            )
            cut()

    heard.when = when
    with pytest.raises(EngineGone) as raised:
        heard.run(cut_engine, one)
    assert raised.value.what == "the Docker engine does not answer"
    assert heard.states() == {"a": "error", "quick": "success"}
    collect_sockets()  # or it would be another request's to do
    # As a runner does that comes up again.
    assert docker_engine.sweep({"beeyard.pipeline": one.id}) > 0
