"""An environment that is handed to a program and written down nowhere."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil

from beeyard.process import Command, LocalRunner
from beeyard.provision.handover import handing
from beeyard.waiting import SystemClock, wait_until

SHOW = "import json, os, sys; print(json.dumps([dict(os.environ), sys.argv[1:]]))"


def test_the_program_gets_it_and_nothing_of_it_stays(tmp_path: Path) -> None:
    # More than a pipe holds at once; Linux takes 128 KiB for one variable.
    wanted = {"PATH": os.environ["PATH"], "TOKEN": "hush", "LONG": "x" * 100_000}
    with handing(wanted, tmp_path) as receiver:
        (pipe,) = tmp_path.iterdir()
        assert pipe.is_fifo()
        assert pipe.stat().st_mode & 0o777 == 0o600
        assert "hush" not in " ".join(receiver)
        said = LocalRunner().run(Command([*receiver, sys.executable, "-c", SHOW, "a b"])).stdout
    environment, arguments = json.loads(said)
    assert arguments == ["a b"]
    assert {name: environment.get(name) for name in wanted} == wanted
    assert set(environment) - set(wanted) <= {"LC_CTYPE"}
    assert list(tmp_path.iterdir()) == []


#: Starts a program that takes long, tells its process, and waits for it.
START = """
import subprocess, sys
from pathlib import Path
from beeyard.provision.handover import handing
with handing({"PATH": "/usr/bin:/bin"}, Path(sys.argv[1])) as receiver:
    with subprocess.Popen([*receiver, "sh", "-c", "echo $$; exec sleep 600"]) as started:
        started.wait()
"""


def test_the_program_ends_with_who_started_it(tmp_path: Path) -> None:
    """However that ends: else it went on beside the next one."""
    argv = [sys.executable, "-c", START, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        program = psutil.Process(int(parent.stdout.readline()))
        assert program.is_running()
        parent.kill()
        parent.wait()
    wait_until(
        lambda: not program.is_running() or program.status() == psutil.STATUS_ZOMBIE,
        clock=SystemClock(),
        deadline=10,
    )


def test_a_program_that_never_starts_is_not_waited_for(tmp_path: Path) -> None:
    with handing({"TOKEN": "x" * 200_000}, tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
