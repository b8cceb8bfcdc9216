"""`up`, stopped as a phase begins."""

import re
import signal
import subprocess
import zlib
from collections.abc import Callable

from cluster.yard import NAME, Yard

#: A line of progress that says that a phase begins, and which.
BEGINS = re.compile(r"^\s*\d+\.\ds  (\S.*) …$")


#: What a new cluster goes through at least.
PHASES = {
    "account",
    "lock",
    "cloud: network and nodes",
    "nodes",
    "hosts: swarm",
    "cloud: efs",
    "cloud: database",
    "hosts: files and services",
    "names",
    "secrets and databases",
    "infrastructure",
    "timeoff: switch",
    "services",
    "addresses",
}
#: All of them one after the other would take a quarter of an hour: each third is a drill.
THIRDS = (0, 1, 2)


def third_of(phase: str) -> int:
    """Of `THIRDS`, by the name alone: in whichever order phases begin, each is in one of them."""
    return zlib.crc32(phase.encode()) % len(THIRDS)


def stopped_in(yard: Yard, third: int, by: signal.Signals) -> list[str]:
    """Make a cluster anew, with an `up` that is stopped as each phase of a third begins, and is
    begun again each time, until one has come to its end. Gives the phases, which are those that
    there have to be, or more."""
    yard.run("sandbox", "down", NAME, "--yes")
    stopped = stopped_as_it_begins(yard, lambda phase: third_of(phase) == third, by)
    assert set(stopped) >= {phase for phase in PHASES if third_of(phase) == third}
    return stopped


def stopped_as_it_begins(
    yard: Yard, wanted: Callable[[str], bool], by: signal.Signals
) -> list[str]:
    """Run `up`, stopped as each phase that is `wanted` begins, and begun again each time, until one
    has come to its end. Gives the phases."""
    stopped: list[str] = []
    said: list[str] = []

    def new(phase: str) -> bool:
        return wanted(phase) and phase not in stopped

    while (phase := _stopped_at_what_is_new(yard, new, by, said)) is not None:
        stopped.append(phase)
    # Of one that is dead with a word; who ends by himself gives it back.
    taken_over = [line for line in said if "taken over from" in line]
    assert bool(taken_over) is (by is signal.SIGKILL), taken_over
    return stopped


def _stopped_at_what_is_new(
    yard: Yard, new: Callable[[str], bool], by: signal.Signals, said: list[str]
) -> str | None:
    """Run `up` until a phase begins that is `new`, and send it a signal there; gives the phase.
    None: it came to its end. What it says is added to `said`.

    By SIGINT, as Ctrl-C does, it has to end by itself, with its own code and in words, and to leave
    no lock that the next one would have to take over.
    """
    with yard.start("up", "--yes", stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            begins = BEGINS.match(line)
            if begins and new(begins[1]):
                process.send_signal(by)
                if by is signal.SIGINT:
                    rest = process.stderr.read()
                    assert process.wait() == 130, "".join(said[-20:]) + rest
                    assert "Traceback" not in rest
                return begins[1]
        assert process.wait() == 0, "".join(said[-40:])
    return None
