"""Logs of tasks and commands inside them, on a real Swarm."""

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from beeyard.errors import SwarmError
from beeyard.process import Command, LocalRunner
from beeyard.swarm import Manager, Patience, Snapshot, await_converged
from beeyard.swarm.logs import Excerpt
from beeyard.waiting import SystemClock, wait_until
from beeyard.workflows.inside import (
    Line,
    Place,
    command_inside,
    place_of,
    read_logs,
    services_of,
)

SAYS = """\
trap 'exit 0' TERM
echo "first of $1"; echo "problem of $1" >&2; echo
while :; do sleep 0.1; echo "tick of $1"; done
"""
SAYS_ONCE = "trap 'exit 0' TERM; echo 'one  two'; while :; do sleep 0.2; done"
#: `beeyard …` with a tunnel of its own: only how the cluster is found is left out.
COMMAND_LINE = """\
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from beeyard.cli import inside
from beeyard.cli.main import main
from beeyard.cli.signals import leave
from beeyard.process import LocalRunner
from beeyard.swarm import Manager, Tunnel

ssh_config = Path(sys.argv[1])

@contextmanager
def looked_into(options, application, noting=None):
    with Tunnel(LocalRunner(), ssh_config, "manager-1") as tunnel:
        files = SimpleNamespace(ssh_config=ssh_config)
        cluster = SimpleNamespace(progress=SimpleNamespace(listener=print))
        hosts = SimpleNamespace(files=files, cluster=cluster)
        yield SimpleNamespace(manager=Manager(tunnel.client), hosts=hosts)

inside.looked_into = looked_into
leave(main(sys.argv[2:]))
"""
LINE = Line("web", "web.1", "worker-2", "stdout", "2030-01-01T00:00:00.000000000Z", "hello")


@pytest.mark.parametrize(
    ("line", "origin"),
    [
        (LINE, "web.1@worker-2"),
        (replace(LINE, task="web.worker-2"), "web@worker-2"),
    ],
)
def test_where_a_line_comes_from(line: Line, origin: str) -> None:
    assert line.origin == origin


def test_a_command_survives_the_remote_shell() -> None:
    place = Place("web.1", "worker-1", "abc")
    argv = command_inside(Path("ssh_config"), place, ["echo", "a b", "$HOME"], terminal=False)
    assert argv[:6] == ["ssh", "-F", "ssh_config", "-T", "-o", "LogLevel=ERROR"]
    assert argv[6:] == ["worker-1", "--", "sudo -n docker exec -i abc echo 'a b' '$HOME'"]
    argv = command_inside(Path("ssh_config"), place, ["sh"], terminal=True)
    assert (argv[3], argv[-1]) == ("-t", "sudo -n docker exec -it abc sh")


def test_an_application_that_does_not_run() -> None:
    nothing = Snapshot(datetime(2030, 1, 1, tzinfo=UTC), (), (), (), (), ())
    with pytest.raises(SwarmError, match="shop does not run"):
        services_of(nothing, "shop")


@pytest.fixture(scope="module")
def talks(real_swarm: Any, manager: Manager) -> Iterator[str]:
    """An application with a service that goes on talking, and one on every node that spoke once."""
    services = {
        "web": {
            "image": real_swarm.tiny,
            "command": ["/bin/sh", "-c", SAYS.replace("$", "$$"), "sh", "web"],
            "deploy": {"replicas": 2},
        },
        "agent": {
            "image": real_swarm.tiny,
            "command": ["/bin/sh", "-c", SAYS_ONCE],
            "deploy": {"mode": "global"},
        },
    }
    file = json.dumps({"version": "3.8", "services": services}).encode()
    first = real_swarm.on("manager-1")
    argv = ["docker", "stack", "deploy", "--with-registry-auth", "-c", "-", "talks"]
    first.run(Command(argv, input=file))
    try:
        names = ["talks_web", "talks_agent"]
        await_converged(manager, names, patience=Patience(deadline=60, settle=1))
        yield "talks"
    finally:
        first.run(Command(["docker", "stack", "rm", "talks"]))


@pytest.mark.real
def test_every_line_has_its_task_node_and_stream(manager: Manager, talks: str) -> None:
    lines = list(read_logs(manager, talks, None, Excerpt()))
    tasks = {
        (task.name.removeprefix("talks_"), task.node)
        for service in manager.snapshot().stack(talks)
        for task in service.running
    }
    assert {(line.task, line.node) for line in lines} == tasks
    assert [line.time for line in lines] == sorted(line.time for line in lines)
    web = [line for line in lines if line.task == "web.1"]
    said = [(line.stream, line.text) for line in web]
    assert ("stdout", "first of web") in said
    assert ("stderr", "problem of web") in said
    assert ("stdout", "") in said
    assert said.count(("stdout", "tick of web")) > 1
    agents = {line.origin: line.text for line in lines if line.service == "agent"}
    assert sorted(agents) == ["agent@manager-1", "agent@worker-1", "agent@worker-2"]
    assert {line.text for line in lines if line.service == "agent"} >= {"one  two"}


@pytest.mark.real
def test_one_service_its_last_lines_and_those_since(manager: Manager, talks: str) -> None:
    last = list(read_logs(manager, talks, "web", Excerpt(tail=3)))
    assert {line.service for line in last} == {"web"}
    assert sorted(line.task for line in last) == ["web.1"] * 3 + ["web.2"] * 3
    start = time.time()
    wait_until(lambda: time.time() > start + 1, clock=SystemClock(), deadline=5, interval=0.1)
    since = list(read_logs(manager, talks, "web", Excerpt(since=start)))
    assert since
    assert {line.text for line in since} == {"tick of web"}
    assert min(line.time for line in since) >= datetime.fromtimestamp(start, UTC).isoformat()[:19]
    assert list(read_logs(manager, talks, "agent", Excerpt(since=start))) == []


@pytest.mark.real
def test_followed_until_the_tunnel_goes(real_swarm: Any, talks: str) -> None:
    before = threading.active_count()
    with real_swarm.tunnel() as tunnel:
        lines = read_logs(Manager(tunnel.client), talks, None, Excerpt(follow=True, tail=0))
        now = datetime.now(UTC).isoformat()
        heard: list[Line] = []
        while {line.task for line in heard} < {"web.1", "web.2"} or len(heard) < 20:
            heard.append(next(lines))
        assert {line.text for line in heard} == {"tick of web"}
        assert all(line.time[:19] >= now[:19] for line in heard)
        # Closed where a silent service is still waited for, too.
        lines.close()  # type: ignore[attr-defined]
    wait_until(
        lambda: threading.active_count() <= before, clock=SystemClock(), deadline=10, interval=0.1
    )


@pytest.mark.real
def test_a_service_that_is_not_there(manager: Manager, talks: str) -> None:
    with pytest.raises(SwarmError, match="talks has no service wbe") as caught:
        next(read_logs(manager, talks, "wbe", Excerpt()))
    assert caught.value.why == "its services are agent, web"
    with pytest.raises(SwarmError, match="nothing does not run"):
        next(read_logs(manager, "nothing", None, Excerpt()))


@pytest.mark.real
def test_a_command_inside_a_task(real_swarm: Any, manager: Manager, talks: str) -> None:
    place = place_of(manager, talks, "web", "2")
    assert place.task == "web.2"
    script = 'echo "$1|$2"; cat; echo oops >&2; exit 7'
    argv = command_inside(
        real_swarm.ssh_config,
        place,
        ["/bin/sh", "-c", script, "sh", "a  'b'", "$HOME"],
        terminal=False,
    )
    said = LocalRunner().run(Command(argv, input=b"from here\n"), check=False)
    assert (said.code, said.stdout, said.stderr) == (7, "a  'b'|$HOME\nfrom here\n", "oops\n")


@pytest.mark.real
def test_which_task_a_command_goes_to(manager: Manager, talks: str) -> None:
    assert place_of(manager, talks, "web").task == "web.1"
    place = place_of(manager, talks, "agent", "worker-2")
    assert (place.task, place.node) == ("agent.worker-2", "worker-2")
    with pytest.raises(SwarmError, match="web has no running task 3") as caught:
        place_of(manager, talks, "web", "3")
    assert caught.value.why == "those that run are 1, 2"


@pytest.mark.real
def test_the_log_of_a_terminal(real_swarm: Any, manager: Manager) -> None:
    services = {
        "web": {
            "image": real_swarm.tiny,
            "command": ["/bin/sh", "-c", "echo on a terminal; sleep 600"],
            "tty": True,
        }
    }
    first = real_swarm.on("manager-1")
    file = json.dumps({"version": "3.8", "services": services}).encode()
    argv = ["docker", "stack", "deploy", "--with-registry-auth", "-c", "-", "tty"]
    with contextlib.ExitStack() as after:
        after.callback(first.run, Command(["docker", "stack", "rm", "tty"]))
        first.run(Command(argv, input=file))
        await_converged(manager, ["tty_web"], patience=Patience(deadline=60, settle=0))
        found: list[Line] = []

        def written() -> bool:
            found[:] = read_logs(manager, "tty", None, Excerpt())
            return bool(found)

        wait_until(written, clock=SystemClock(), deadline=10, interval=0.2)
    assert [(line.task, line.text) for line in found] == [("web.1", "on a terminal")]


def command_line(swarm: Any, *arguments: str) -> list[str]:
    return [sys.executable, "-c", COMMAND_LINE, str(swarm.ssh_config), *arguments]


@pytest.mark.real
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_followed_log_ends_without_a_word(
    real_swarm: Any, talks: str, number: signal.Signals
) -> None:
    argv = command_line(real_swarm, "logs", talks, "web", "-f", "--tail", "0")
    with subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        restore_signals=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        heard = {process.stdout.readline().partition("@")[0] for _ in range(20)}
        (tunnel,) = psutil.Process(process.pid).children()
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
    assert heard == {"web.1", "web.2"}
    assert (process.returncode, said) == (130, "")
    assert not tunnel.is_running()


@pytest.mark.real
def test_a_log_as_json(real_swarm: Any, talks: str) -> None:
    argv = command_line(real_swarm, "logs", talks, "agent", "--json")
    lines = [json.loads(line) for line in LocalRunner().run(Command(argv)).stdout.splitlines()]
    assert sorted(line["node"] for line in lines) == ["manager-1", "worker-1", "worker-2"]
    assert {(line["service"], line["stream"], line["text"]) for line in lines} == {
        ("agent", "stdout", "one  two")
    }
    assert sorted(lines[0]) == ["node", "service", "stream", "task", "text", "time"]


@pytest.mark.real
def test_a_command_gives_its_exit_code(real_swarm: Any, talks: str) -> None:
    script = "echo $0; exit 5"
    argv = command_line(real_swarm, "exec", talks, "web", "--task", "2", "--", "sh", "-c", script)
    said = LocalRunner().run(Command([*argv, "--json"]), check=False)
    assert (said.code, said.stdout, said.stderr) == (5, "--json\n", "")


@pytest.mark.real
def test_a_node_that_is_down(real_swarm: Any, manager: Manager, talks: str) -> None:
    """The others' lines are shown, and that there are more."""
    node = real_swarm.on("worker-2")
    lines: list[Line] = []

    def read() -> None:
        for line in read_logs(manager, talks, "agent", Excerpt()):
            lines.append(line)  # noqa: PERF402 (those before the failure count)

    node.run(Command(["systemctl", "stop", "docker.socket", "docker"]))
    try:
        with pytest.raises(SwarmError, match="the log is not complete") as caught:
            read()
    finally:
        node.run(Command(["systemctl", "start", "docker"]))
    assert caught.value.why == "agent: node worker-2 is not available"
    assert {line.node for line in lines} == {"manager-1", "worker-1"}
