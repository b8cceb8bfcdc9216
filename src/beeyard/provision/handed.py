"""`python handed.py PIPE PROGRAM ARGS…`: become PROGRAM, with the environment read from PIPE."""

import json
import os
import sys

if __name__ == "__main__":
    with open(sys.argv[1], "rb") as pipe:  # noqa: PTH123 (pathlib would take a while to import)
        environment = json.load(pipe)
    os.execvpe(sys.argv[2], sys.argv[2:], environment)  # noqa: S606
