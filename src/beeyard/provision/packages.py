"""A node's packages: what there is to upgrade, and that done.

apt runs as a unit of the node's own, not as a child of our connection: when that is cut, it goes on
to its end, and whoever comes next waits for it.
"""

import re
from dataclasses import dataclass

from beeyard.errors import HostError
from beeyard.process import Command, Runner

#: Of which the engine is made: upgrading one restarts it, and with it the node's tasks.
ENGINE = frozenset(
    {"containerd", "containerd.io", "docker-ce", "docker-ce-cli", "docker.io", "runc"}
)
UNIT = "beeyard-upgrade"
#: Seconds that an upgrade may take; a kernel's, over a slow line, takes many minutes.
DEADLINE = 3600.0
_LOCK = ("-o", "DPkg::Lock::Timeout=300")
# What the administrator has changed stays; nobody is asked.
_UPGRADE = (
    "dpkg --configure -a && exec apt-get -q -y -o DPkg::Lock::Timeout=300 "
    "-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold --with-new-pkgs upgrade"
)
# Source: proc(5), "/proc/pid/exe": of a file that is gone, or replaced, it says so.
_PROGRAMS = (
    "for unit in docker containerd; do "
    'pid=$(systemctl show --value -p MainPID "$unit"); '
    'if [ "${pid:-0}" -gt 0 ]; then readlink "/proc/$pid/exe"; fi; done'
)
# Source: apt-get(8), "--simulate"; `Inst NAME [OLD] (NEW …)`, without [OLD] for what comes anew.
_INST = re.compile(r"Inst (\S+) (?:\[(\S+)\] )?\((\S+)[^)]*\)")


@dataclass(frozen=True)
class Package:
    """What is to be upgraded; `old` None: it comes along, and was not there."""

    name: str
    old: str | None
    new: str

    def __str__(self) -> str:
        return f"{self.name} {f'{self.old} → ' if self.old else 'new: '}{self.new}"


def read(simulated: str) -> tuple[Package, ...]:
    """The packages of what `apt-get --simulate upgrade` said. Pure."""
    found = (_INST.match(line) for line in simulated.splitlines())
    return tuple(Package(one[1], one[2], one[3]) for one in found if one)


def pending(node: Runner, name: str) -> tuple[Package, ...]:
    """What there is to upgrade on a node; `node` runs there as root. Raises HostError."""
    env = {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    _said(node, name, Command(["apt-get", "-q", *_LOCK, "update"], env=env, timeout=600))
    argv = ["apt-get", "-q", *_LOCK, "--simulate", "--with-new-pkgs", "upgrade"]
    return read(_said(node, name, Command(argv, env=env, timeout=120)))


def is_interrupted(node: Runner) -> bool:
    """Whether dpkg was stopped in the middle: then there is something to do."""
    done = node.run(Command(["dpkg", "--audit"], timeout=60), check=False)
    return done.code != 0 or bool(done.stdout.strip())


def is_at_work(node: Runner) -> bool:
    """Whether an upgrade that was begun goes on."""
    argv = ["systemctl", "is-active", "--quiet", UNIT]
    return node.run(Command(argv, timeout=60), check=False).code == 0


def upgrade(node: Runner, name: str) -> None:
    """Upgrade a node's packages; returns at the end. Raises HostError with what apt said last."""
    argv = [
        "systemd-run", "--quiet", "--wait", "--collect", f"--unit={UNIT}",
        "--setenv=DEBIAN_FRONTEND=noninteractive", "--setenv=NEEDRESTART_MODE=a",
        "--setenv=LC_ALL=C", "sh", "-c", _UPGRADE,
    ]  # fmt: skip
    done = node.run(Command(argv, timeout=DEADLINE), check=False)
    if done.code != 0:
        journal = ["journalctl", "--unit", UNIT, "--lines", "15", "--output", "cat", "--no-pager"]
        said = node.run(Command(journal, timeout=60), check=False)
        raise HostError(
            f"the packages of {name} could not be upgraded",
            where=name,
            why=said.tail(15) or done.tail(),
            fix=f"mend that there (beeyard ssh {name}), then run this again: it goes on with it",
        )


def runs_old_engine(node: Runner) -> bool:
    """Whether an engine's program was replaced under it: Debian's package does not restart it, nor
    does whatever upgrades by itself at night."""
    return "(deleted)" in node.run(Command(["sh", "-c", _PROGRAMS], timeout=60)).stdout


def restart_engine(node: Runner, name: str) -> None:
    """Start the engine anew, with the program that is installed. Raises HostError."""
    argv = ["systemctl", "restart", "containerd.service", "docker.service"]
    done = node.run(Command(argv, timeout=300), check=False)
    if done.code != 0:
        raise HostError(
            f"the engine of {name} does not start again",
            where=name,
            why=done.tail(),
            fix=f"see why: beeyard ssh {name} sudo journalctl -u docker -n 50; mended, run this "
            "again",
        )


def wants_reboot(node: Runner) -> bool:
    """Whether a package asked for one, as Debian's and Ubuntu's kernels do."""
    argv = ["test", "-e", "/run/reboot-required"]
    return node.run(Command(argv, timeout=60), check=False).code == 0


def _said(node: Runner, name: str, command: Command) -> str:
    done = node.run(command, check=False)
    if done.code != 0:
        raise HostError(
            f"apt does not say what is new for {name}",
            where=name,
            why=done.tail(6),
            fix="see whether it reaches its package sources: "
            f"beeyard ssh {name} sudo apt-get update",
        )
    return done.stdout
