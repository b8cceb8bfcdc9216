"""A git remote in a process of its own, so that its memory can be measured.

Says its port, and ends with its input.
"""

import sys
from pathlib import Path

from controller.git.served import serving

if __name__ == "__main__":
    with serving(Path(sys.argv[1])) as remote:
        print(remote.port, flush=True)  # noqa: T201
        sys.stdin.read()
