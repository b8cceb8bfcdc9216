"""`up`, stopped as a phase begins."""

import re
import signal
import subprocess
from collections.abc import Collection

from cluster.yard import Yard

#: A line of progress that says that a phase begins, and which.
BEGINS = re.compile(r"^\s*\d+\.\ds  (\S.*) …$")


def stopped_at_what_is_new(yard: Yard, seen: Collection[str], by: signal.Signals) -> str | None:
    """Run `up` until a phase begins that is not among `seen`, and send it a signal there; gives the
    phase. None: it came to its end.

    By SIGINT, as Ctrl-C does, it has to end by itself, with its own code and in words, and to leave
    no lock that the next one would have to take over.
    """
    with yard.start("up", "--yes", stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            begins = BEGINS.match(line)
            if begins and begins[1] not in seen:
                process.send_signal(by)
                if by is signal.SIGINT:
                    rest = process.stderr.read()
                    assert process.wait() == 130, "".join(said[-20:]) + rest
                    assert "Traceback" not in rest
                    assert not any("taken over" in before for before in said)
                return begins[1]
        assert process.wait() == 0, "".join(said[-40:])
    return None
