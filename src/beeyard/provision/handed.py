"""`python handed.py PARENT PIPE PROGRAM ARGS…`: become PROGRAM, its environment read from PIPE.

It ends when the process PARENT does, which started it, where the kernel can see to that: a playbook
that outlives its `up` would go on beside the next one's, and wait for ever for nodes that are gone
by then.
"""

import ctypes
import json
import os
import signal
import sys

#: prctl(2)
_PR_SET_PDEATHSIG = 1


def _end_with_the_parent(parent: int) -> None:
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # It may have died before.
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    _end_with_the_parent(int(sys.argv[1]))
    with open(sys.argv[2], "rb") as pipe:  # noqa: PTH123 (pathlib would take a while to import)
        environment = json.load(pipe)
    os.execvpe(sys.argv[3], sys.argv[3:], environment)  # noqa: S606
