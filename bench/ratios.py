"""What beeyard gains over doing the same by hand: both ways in turns, in one run."""

import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

from beeyard.errors import UnverifiedError
from beeyard.process import Command, LocalRunner
from beeyard.workflows import run_provision
from beeyard.workflows.cloud import open_cloud, read_outputs
from beeyard.workflows.schedule import hosts_to_play
from bench.speed import unchanged
from bench.table import Row
from bench.yard import Yard, say

#: The most that an `up` with nothing to do may take, of what it takes by hand.
AGAIN_RATIO = 0.5
_ROUNDS = 2
_CHANGED = re.compile(r"changed=(\d+)")


def mitogen(yard: Yard) -> Sequence[Row]:
    """All playbooks with nothing to do, with Mitogen and without it."""
    slow, fast = _in_turns(lambda: _play(yard, mitogen=False), lambda: _play(yard, mitogen=True))
    return [
        Row("playbooks, nothing to do, without Mitogen", slow, "s"),
        Row("playbooks, nothing to do, with Mitogen", fast, "s"),
        Row("Mitogen's gain", slow / fast, "times", note="without it, through it"),
    ]


def by_hand(yard: Yard) -> Sequence[Row]:
    """An `up` with nothing to do, and what of it can be done by hand: the Terraform plans one after
    another, then the playbooks, with Terraform's and Ansible's own settings."""
    slow, fast = _in_turns(lambda: _by_hand(yard), lambda: unchanged(yard))
    return [
        Row("plans and playbooks by hand", slow, "s", note="stock settings, one after another"),
        Row("`up`, nothing to do, in turns with it", fast, "s", note="and verifies all addresses"),
        Row("`up`, nothing to do, of by hand", fast / slow, "times", AGAIN_RATIO),
    ]


def _in_turns(one: Callable[[], float], other: Callable[[], float]) -> tuple[float, float]:
    """Medians of both; in turns, so that a busy machine slows both alike."""
    pairs = [(one(), other()) for _ in range(_ROUNDS)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def _play(yard: Yard, *, mitogen: bool) -> float:
    """Seconds of the playbooks alone. Raises UnverifiedError if they changed something."""
    say(f"playbooks, Mitogen: {'yes' if mitogen else 'no'}")
    with yard.cluster(mitogen=mitogen) as cluster:
        done = run_provision(cluster, playbook="deploy")
        if done.total:
            raise UnverifiedError(
                f"playbooks with nothing to do made {done.total} changes", why="\n".join(done.tasks)
            )
        return cluster.progress.seconds["deploy"]


def _by_hand(yard: Yard) -> float:
    say("plans and playbooks by hand")
    runner = LocalRunner()
    with yard.cluster() as cluster:
        cloud = open_cloud(cluster)
        inventory = hosts_to_play(cluster, read_outputs(cluster)).files.inventory
        terraform = cloud.terraform
        started = time.monotonic()
        for folder in cloud.folders.values():
            argv = [*terraform.binary.argv, "plan", "-input=false", "-detailed-exitcode"]
            # -detailed-exitcode: a plan with changes fails here.
            runner.run(Command(argv, cwd=folder, env=terraform.environment))
        _playbook(runner, inventory, yard.folder)
        return time.monotonic() - started


def _playbook(runner: LocalRunner, inventory: Path, temporary: Path) -> None:
    """`ansible-playbook deploy.yml` as it is without our ansible.cfg."""
    empty = temporary / "ansible.cfg"
    empty.touch()
    with resources.as_file(resources.files("beeyard.provision") / "ansible") as project:
        argv = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            *("-i", str(inventory), str(project / "deploy.yml")),
        ]
        environment = {
            "ANSIBLE_CONFIG": str(empty),
            "ANSIBLE_LIBRARY": str(project / "library"),
            "ANSIBLE_LOCAL_TEMP": str(temporary / "ansible"),
        }
        said = runner.run(Command(argv, cwd=project, env=environment)).stdout
    if any(int(count) for count in _CHANGED.findall(said)):
        raise UnverifiedError("playbooks with nothing to do changed something", why=said[-2000:])
