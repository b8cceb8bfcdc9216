"""What `down` leaves of a cluster: nothing. The last of this folder's files, by its name."""

import socket
import subprocess
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from cluster.yard import CIDR, NAME, Running, leftovers
from leavings import STATE_HOME

pytestmark = pytest.mark.cluster


def test_down_leaves_nothing(cluster: Running, sandbox: dict[str, Any]) -> None:
    ports = (sandbox["http_port"], sandbox["https_port"], urlsplit(sandbox["endpoint"]).port)
    supervised = [process for process in psutil.process_iter() if NAME in _arguments(process)]
    assert supervised
    assert leftovers()
    cluster.yard.run("down", "--yes")
    assert leftovers() == []
    # Not even the SSH key, which a cluster on AWS leaves: no backup of a rehearsal stays.
    assert not (STATE_HOME / "beeyard/clusters" / f"{NAME}@sandbox").exists()
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, port
    assert not [process for process in supervised if _lives(process)]
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    assert CIDR.removesuffix(".0.0/16") not in routes


def _lives(process: psutil.Process) -> bool:
    """Whether it still runs; one that merely waits for its parent to ask after it does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _arguments(process: psutil.Process) -> str:
    """What a process was started with, where it belongs to a beeyard."""
    try:
        text = " ".join(process.cmdline())
    except psutil.Error:
        return ""
    return text if "beeyard" in text else ""
