"""The cluster that is measured: the example's, in a sandbox of its own."""

import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from beeyard import sandbox
from beeyard.cli.options import Options
from beeyard.cli.wiring import open_cluster
from beeyard.errors import BeeyardError, Refused
from beeyard.process import Command, LocalRunner
from beeyard.workflows import Cluster

NAME = "bench"
DOMAIN = "bench.localhost"
CIDR = "10.92.0.0/16"
#: Of 127.0.0.1, away from those that sandboxes choose by themselves.
PORTS = "18080,18443"
EXAMPLE = Path(__file__).resolve().parents[1] / "examples/timeoff"

#: Lines of the command line's progress begin with the seconds since its start.
_PROGRESS = re.compile(r"^\s*\d+\.\ds  ")


def say(text: str) -> None:
    """Tell on standard error what is being done."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@dataclass(frozen=True)
class Yard:
    """A `beeyard.yml` in a folder of its own, and the command line on it."""

    folder: Path
    file: Path
    niceness: int = 0

    @property
    def aside(self) -> "Yard":
        """The same, with the command line giving way to all else, as if it ran on a machine of its
        own: a user's does."""
        return replace(self, niceness=19)

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator["Yard"]:
        """A yard that is removed at the end, with its cluster. Raises Refused if one is there."""
        if NAME in sandbox.all_names():
            raise Refused(
                f"there is a rehearsal `{NAME}` already",
                why="another bench runs, or one was killed",
                fix=f"wait for it, or remove it: beeyard sandbox down {NAME}",
            )
        folder = Path(tempfile.mkdtemp(prefix="beeyard-bench-"))
        # For the command line and for what is measured in this process alike.
        os.environ |= {"XDG_STATE_HOME": str(folder), "NO_COLOR": "1"}
        os.environ.setdefault("BEEYARD_SANDBOX_PORTS", PORTS)
        yard = cls(folder, write_file(folder))
        try:
            yield yard
        finally:
            yard._remove()
            shutil.rmtree(folder)

    def run(self, *arguments: str) -> Any:
        """Run `beeyard --sandbox --json …`; gives what it printed, parsed. Raises CommandFailed."""
        argv = [
            *("nice", "-n", str(self.niceness)),
            *(sys.executable, "-m", "beeyard.cli", "--sandbox", "--json"),
            *("-f", str(self.file), *arguments),
        ]
        return json.loads(LocalRunner().run(Command(argv), on_line=_pass_on).stdout)

    def up(self) -> tuple[dict[str, Any], float]:
        """Run `beeyard up`; gives its result and the seconds that the whole command took."""
        started = time.monotonic()
        result = self.run("up", "--yes")
        return result, time.monotonic() - started

    @contextmanager
    def cluster(self, *, mitogen: bool = True) -> Iterator[Cluster]:
        """The running cluster, for workflows that are measured without the start of a program."""
        with open_cluster(Options(file=self.file, sandbox=True, json=True)) as found:
            yield replace(found, mitogen=mitogen)

    def _remove(self) -> None:
        say("== down")
        try:
            sandbox.down(NAME, say)
        except (BeeyardError, KeyboardInterrupt):
            say(f"it is not all gone: XDG_STATE_HOME={self.folder} beeyard sandbox down {NAME}")
            raise


def write_file(folder: Path) -> Path:
    """The example's file with a name, a domain and addresses of its own."""
    yaml = YAML()
    document = yaml.load(EXAMPLE / "beeyard.yml")
    document.update({"name": NAME, "domain": DOMAIN, "vpc_cidr": CIDR})
    document["dns"]["zone"] = DOMAIN
    document["applications"]["timeoff"]["path"] = str(EXAMPLE)
    file = folder / "beeyard.yml"
    yaml.dump(document, file)
    return file


def _pass_on(line: str) -> None:
    if _PROGRESS.match(line):
        say(line)
