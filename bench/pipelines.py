"""What a push costs: until its first container, until the new version is served, and beside the
same by hand; and what a log of 100 MB costs the controller."""

import os
import shutil
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from beeyard import sandbox
from beeyard.errors import UnverifiedError
from beeyard.process import Command, LocalRunner, Runner
from beeyard.workflows import hosts_of
from bench.load.application import rewritten
from bench.table import Row
from bench.yard import DOMAIN, EXAMPLE, NAME, PORTS, Yard, say

FIRST_SECONDS, SERVED_SECONDS, BY_HAND_RATIO = 3.0, 60.0, 1.25
LOG_MB = 50.0
_ROUNDS = 3
_APPLICATION = "timeoff"
_REGISTRY = f"registry.{DOMAIN}"
_TIMEOUT = 900.0
_LOG_BYTES = 100_000_000
_FLOOD = f"""
kind: pipeline
name: flood
steps:
  - name: flood
    image: python:3.11-slim-bookworm
    commands:
      - |
        python -c "for _ in range({_LOG_BYTES // 100}): print('x' * 99)"
"""


@dataclass(frozen=True)
class Pushed:
    """One push. Seconds from its start: to its first container, and to the run's end; `stages` are
    those of each step."""

    first: float
    served: float
    stages: Mapping[str, float]


@dataclass
class Team:
    """The example in a repository of its own, on the yard's cluster."""

    yard: Yard
    folder: Path
    environment: Mapping[str, str]
    changes: int = 0

    @classmethod
    def on(cls, yard: Yard, manager: Runner) -> "Team":
        """A working copy with the example's files, for this domain, and a remote."""
        folder = yard.folder / "team"
        # As a user's own, without the environment that the example's tests run in.
        leave = shutil.ignore_patterns("beeyard.yml", "__pycache__", ".venv", ".*_cache")
        shutil.copytree(EXAMPLE, folder, ignore=leave)
        pipeline = folder / ".drone.yml"
        pipeline.write_text(pipeline.read_text().replace("beeyard.localhost", DOMAIN))
        token = manager.run(
            Command(["cat", "/etc/beeyard/secrets/ci_admin_token"], timeout=60)
        ).stdout.strip()
        ca = yard.folder / "ca.pem"
        ca.write_text(sandbox.ca_certificate(NAME).read_text())
        who = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "bench"), ("EMAIL", "bench@example.com"))
        }
        environment = {"GIT_SSL_CAINFO": str(ca), "GIT_CONFIG_GLOBAL": os.devnull, **who}
        made = cls(yard, folder, environment)
        made.git("init", "--quiet", "--initial-branch=main")
        port = PORTS.partition(",")[2]
        url = f"https://any:{token}@git.{DOMAIN}:{port}/{_APPLICATION}.git"
        made.git("remote", "add", "beeyard", url)
        return made

    def git(self, *arguments: str) -> None:
        command = Command(
            ["git", *arguments], env=self.environment, cwd=self.folder, timeout=_TIMEOUT
        )
        LocalRunner().run(command)

    def change(self) -> None:
        """Another version of the code."""
        self.changes += 1
        file = self.folder / "src/timeoff/__init__.py"
        file.write_text(f"{file.read_text()}# change {self.changes}\n")

    def push(self, want: str = "success") -> Pushed:
        """Commit what there is, push it, and wait for the run's end."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", "A change")
        began = time.time()
        self.git("push", "--quiet", "beeyard", "main")
        run: dict[str, Any] = self.yard.run("pipeline", "ls", "-n", "1")[0]
        if run["status"] != want:
            what = f"run {run['number']} ended with {run['status']}, not {want}"
            reasons = (run["problem"], *(stage["reason"] for stage in run["stages"]))
            raise UnverifiedError(what, why="\n".join(filter(None, reasons)))
        steps = [step for stage in run["stages"] for step in stage["steps"]]
        containers = [_time(step["started"]) for step in steps if step["name"] != "clone"]
        return Pushed(
            min(containers) - began,
            _time(run["stopped"]) - began,
            {step["name"]: _time(step["stopped"]) - _time(step["started"]) for step in steps},
        )


def measure(yard: Yard) -> Iterator[Row]:
    """Pushes of a changed version, and the same by hand, in turns; then a flood."""
    say("adding ci")
    with rewritten(yard.file) as document:
        document["infrastructure"] = ["registry", "portainer", "ci"]
    yard.up()
    with yard.cluster() as cluster:
        hosts = hosts_of(cluster)
        team = Team.on(yard, hosts.manager)
        node = hosts.run_on(cluster.spec.pipeline_nodes[0], sudo=True)
        say("the first push, with nothing cached")
        team.push()
        hand = _Hand(team, hosts.manager, node)
        hand.ship()
        pairs = []
        for number in range(_ROUNDS):
            team.change()
            say(f"push {number + 1}")
            pushed = team.push()
            team.change()
            say(f"by hand {number + 1}")
            pairs.append((pushed, hand.ship()))
        yield from _rows(pairs)
        yield _flood(team, hosts.manager)


def _rows(pairs: Sequence[tuple[Pushed, float]]) -> Sequence[Row]:
    pushes = [pushed for pushed, _ in pairs]
    served = statistics.median(one.served for one in pushes)
    by_hand = statistics.median(seconds for _, seconds in pairs)
    stages = ", ".join(
        f"{name} {statistics.median(one.stages[name] for one in pushes):.1f} s"
        for name in pushes[0].stages
    )
    each = "; ".join(f"{pushed.served:.1f} and {seconds:.1f}" for pushed, seconds in pairs)
    first = statistics.median(one.first for one in pushes)
    return [
        Row("from `git push` to the first container", first, "s", FIRST_SECONDS, "median of three"),
        Row("from `git push` to the new version served", served, "s", SERVED_SECONDS, stages),
        Row("the same test, build, push and deploy by hand", by_hand, "s", note=each),
        Row("push, of by hand", served / by_hand, "times", BY_HAND_RATIO),
    ]


@dataclass
class _Hand:
    """Testing, building, pushing and deploying as one would who has signed in to the nodes."""

    team: Team
    manager: Runner
    node: Runner

    def ship(self) -> float:
        """Seconds until the version in the working copy is served."""
        image = f"{_REGISTRY}/{_APPLICATION}:hand-{time.time_ns()}"
        archive = self._archive()
        password = self.manager.run(
            Command(["cat", "/etc/beeyard/secrets/registry_password"], timeout=60)
        ).stdout.strip()
        login = ["docker", "login", _REGISTRY, "--username", "beeyard", "--password-stdin"]
        self.node.run(Command(login, input=password.encode(), timeout=60))
        began = time.monotonic()
        for dockerfile, tag in (("Dockerfile.test", "timeoff-tests"), ("Dockerfile", image)):
            build = ["docker", "build", "--quiet", "--tag", tag, "--file", dockerfile, "-"]
            buildkit = {"DOCKER_BUILDKIT": "1"}
            self.node.run(Command(build, input=archive, env=buildkit, timeout=_TIMEOUT))
        self.node.run(Command(["docker", "push", "--quiet", image], timeout=_TIMEOUT))
        update = ["docker", "service", "update", "--quiet", "--with-registry-auth"]
        # It waits until the update has converged, and was watched (`monitor`).
        self.manager.run(
            Command([*update, "--image", image, f"{_APPLICATION}_web"], timeout=_TIMEOUT)
        )
        return time.monotonic() - began

    def _archive(self) -> bytes:
        folder = str(self.team.folder)
        files = ["tar", "--create", "--exclude=.git", "--directory", folder, "."]
        into = self.team.yard.folder / "context.tar"
        LocalRunner().run(Command([*files, "--file", str(into)], timeout=60))
        return into.read_bytes()


def _flood(team: Team, manager: Runner) -> Row:
    """How much the controller grows, at its largest, while a log of 100 MB goes through it."""
    (team.folder / ".drone.yml").write_text(_FLOOD)
    before = _controller(manager, "VmRSS")
    pushed = team.push()
    grown = (_controller(manager, "VmHWM") - before) / 1e6
    took = f"{_LOG_BYTES / 1e6:.0f} MB in {pushed.stages['flood']:.0f} s"
    note = f"{took}; {before / 1e6:.0f} MB before"
    return Row("a log of 100 MB: the controller's growth", grown, "MB", LOG_MB, note)


# What it was at its largest is forgotten when VmRSS is asked for. Source: proc(5), "clear_refs".
_STATUS = r"""
import pathlib, sys
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        if (folder / "cmdline").read_bytes().endswith(b"-m\0beeyard.controller\0"):
            if sys.argv[1] == "VmRSS":
                (folder / "clear_refs").write_text("5")
            print((folder / "status").read_text())
            break
    except FileNotFoundError:
        continue
"""


def _controller(manager: Runner, figure: str) -> int:
    """What the kernel says of the controller's memory: `VmRSS`, or since that was asked for last
    `VmHWM`, its largest. Bytes."""
    said = manager.run(Command(["python3", "-c", _STATUS, figure], timeout=60)).stdout
    line = next(line for line in said.splitlines() if line.startswith(f"{figure}:"))
    return int(line.split()[1]) * 1024


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
