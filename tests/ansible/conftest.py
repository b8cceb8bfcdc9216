"""The Ansible project, and how its tools are called. Nothing here needs a cluster."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import beeyard.provision

PROJECT = Path(beeyard.provision.__file__).parent / "ansible"
Tool = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """Runs one of the tools that lie beside this Python, in the project's folder or in `cwd`."""
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
        "ANSIBLE_LOCAL_TEMP": str(tmp_path_factory.mktemp("ansible")),
        "NO_COLOR": "1",
    }

    def run(name: str, *arguments: str, cwd: Path = PROJECT) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(programs / name), *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
