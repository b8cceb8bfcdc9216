"""An engine that stands still for a moment, and goes on whatever becomes of us."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alone import freezing
from words import Failed, say

#: Seconds that an engine may stand still: its workers take it to be gone after some beats of 5 s.
LONGEST = 1.8
_PID = Path("/run/docker.pid")
_UNIT = "beeyard-thaw-"


@dataclass
class Frozen:
    """How long it stood still (seconds), once it goes on."""

    seconds: float = 0.0


def engine_pid(file: Path = _PID) -> int:
    """The process of the node's engine. Raises Failed where none runs."""
    try:
        pid = int(file.read_text())
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except (OSError, ValueError) as error:
        raise Failed(f"the engine does not run: {error}") from error
    if name != "dockerd":
        raise Failed(f"{file} names process {pid}, which is {name}, not dockerd")
    return pid


@contextmanager
def frozen(pid: int) -> Iterator[Frozen]:
    """Stop a process, and let it go on: at the end, if we are killed, and after LONGEST at most.

    The last two are systemd's work, which outlives us. One at a time: where another is at it, its
    end is waited for. Raises Failed where it stood still for too long, or was let go on by somebody
    else: then it went on while somebody thought that it did not.
    """
    with freezing():
        _end_others(pid)
        with _frozen(pid) as standing:
            yield standing


@contextmanager
def _frozen(pid: int) -> Iterator[Frozen]:
    standing = Frozen()
    # systemd counts from later on: before that much time has passed, it has thawed nothing.
    asked = time.monotonic()
    timer = _thawed_by_systemd(pid)
    try:
        began = time.monotonic()
        try:
            os.kill(pid, signal.SIGSTOP)
            _await_stop(pid, began)
            yield standing
            stood = _stands(pid)
        finally:
            os.kill(pid, signal.SIGCONT)
            ended = time.monotonic()
            standing.seconds = ended - began
    finally:
        _stop(timer)
    if ended - asked >= LONGEST:
        raise Failed(f"the engine was not copied within {LONGEST} s, and goes on")
    if not stood:
        raise Failed("somebody let the engine go on while it was copied: try again")


#: Arguments: the process, ours, and the timer, which ends with us.
_THAW = 'kill -CONT "$1"; kill -0 "$2" || systemctl stop "$3"'


def _thawed_by_systemd(pid: int) -> str:
    """See to it that the process goes on in LONGEST seconds, and again each second, should it be
    stopped only then; gives the timer's name."""
    unit = f"{_UNIT}{os.getpid()}-{time.monotonic_ns()}"
    timer = f"{unit}.timer"
    _run(
        *("systemd-run", "--quiet", "--collect", f"--unit={unit}", f"--on-active={LONGEST}"),
        *("--timer-property=OnUnitActiveSec=1", "--timer-property=AccuracySec=10ms"),
        *("/bin/sh", "-c", _THAW, "sh", str(pid), str(os.getpid()), timer),
    )
    return timer


def _end_others(pid: int) -> None:
    """What thaws for a run that was killed would thaw ours."""
    os.kill(pid, signal.SIGCONT)
    _stop(f"{_UNIT}*")


def _stop(timer: str) -> None:
    """One that does not stop thaws what runs, and ends with us: it is said, and hides no error."""
    try:
        _run("systemctl", "stop", timer)
    except Failed as error:
        say(str(error))


def _await_stop(pid: int, began: float) -> None:
    """A signal takes its time to reach all threads."""
    while not _stands(pid):
        if time.monotonic() - began > LONGEST / 2:
            raise Failed(f"process {pid} does not stand still")
        time.sleep(0.001)


def _stands(pid: int) -> bool:
    return all(state in "Tt" for state in _states(pid))


def _states(pid: int) -> Iterator[str]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            yield (task / "stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            continue  # a thread that ended


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"`{' '.join(argv)}` failed: {done.stderr.strip()}")
