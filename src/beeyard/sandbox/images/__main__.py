"""`python -m beeyard.sandbox.images`: see to it that all are there, before they are needed."""

import contextlib
import sys

import docker

from beeyard.errors import BeeyardError
from beeyard.process import LocalRunner
from beeyard.sandbox.images import State, build_all


def _say(name: str, state: State, seconds: float, _: str) -> None:
    if state != "building":
        sys.stderr.write(f"images: {name} {state} ({seconds:.0f} s)\n")


def main() -> None:
    with contextlib.closing(docker.from_env(timeout=120)) as client:
        build_all(client, LocalRunner(), _say)


if __name__ == "__main__":
    try:
        main()
    except BeeyardError as error:
        sys.exit(f"images: error: {error}")
