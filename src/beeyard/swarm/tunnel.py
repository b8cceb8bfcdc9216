"""A manager's Docker socket, on this machine, for as long as it is needed."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import requests
from docker import DockerClient
from docker.errors import DockerException

from beeyard.errors import SwarmError
from beeyard.process import Command, Runner, Running, SshRunner, Starter
from beeyard.waiting import Clock, SystemClock

_POLL = 0.05
_CALL_TIMEOUT = 20.0
# Generous: a push may be silent for minutes. A link that died is noticed by ssh's own keep-alive.
_HTTP_TIMEOUT = 300
# After 25 seconds of a silence that no reset ends: whoever holds a lock has lost it by then.
_KEEP_ALIVE = ("ServerAliveInterval=5", "ServerAliveCountMax=5")


@dataclass(frozen=True)
class _Cause:
    sign: str
    what: str
    fix: str


# sshd says only that it could not open a socket; this, run on the node, says why.
_WHY_NOT = """
if [ ! -e "$1" ]; then echo "socket: absent"
elif [ ! -w "$1" ]; then echo "socket: forbidden"
else echo "socket: unanswered"; fi
"""

# What ssh, or the above, writes, in the order in which it is looked for.
_CAUSES = (
    _Cause(
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "{host} shows another SSH host key than before",
        "if the machine was reinstalled: `beeyard node forget-key {host}`, then `beeyard up`; if "
        "not, somebody may be in between: do not go on",
    ),
    _Cause(
        "Host key verification failed",
        "the SSH host key of {host} is not known",
        "run `beeyard up`, which pins keys on first contact",
    ),
    _Cause(
        "socket: forbidden",
        "the user that ssh signs in as may not use the Docker socket of {host}",
        "put that user into the group `docker` on the node (the role `docker` does)",
    ),
    _Cause(
        "socket: absent",
        "{host} has no Docker socket at {socket}",
        "run `beeyard provision`: the Docker engine is not installed there, or not running",
    ),
    _Cause(
        "socket: unanswered",
        "the Docker engine of {host} does not run",
        "see `systemctl status docker` on the node",
    ),
    _Cause(
        "open failed: administratively prohibited",
        "the SSH server of {host} forbids forwarding",
        "allow AllowStreamLocalForwarding in its sshd_config",
    ),
    _Cause(
        "Permission denied (",
        "{host} did not accept the SSH key",
        "see that the key in beeyard.yml is the one that the nodes were made with",
    ),
    _Cause(
        "Connection refused",
        "{host} refuses SSH connections",
        "see that the node has booted, and that its SSH server runs",
    ),
    _Cause(
        "timed out",
        "{host} does not answer on its SSH port",
        "see that the node runs, and that `ssh.allowed_cidrs` holds the address you come from",
    ),
    _Cause(
        "Could not resolve hostname",
        "the address of {host} is not known",
        "see the ssh_config that `where` names",
    ),
)


class Local(Runner, Starter, Protocol):
    """Runs commands on this machine, to the end or in the background."""


class Tunnel:
    """A manager's Docker socket forwarded to a local one by the OpenSSH client.

    with Tunnel(LocalRunner(), ssh_config, "manager-1") as tunnel:
        tunnel.client.nodes.list()

    On entry it waits, `deadline` seconds at most, until the engine answers, else SwarmError says
    why not. On exit, whatever happened, its process is gone.
    """

    def __init__(
        self,
        local: Local,
        ssh_config: Path,
        host: str,
        *,
        socket: str = "/var/run/docker.sock",
        deadline: float = 30.0,
        clock: Clock | None = None,
    ) -> None:
        self._local = local
        self._ssh_config = ssh_config
        self._host = host
        self._socket = socket
        self._deadline = deadline
        self._clock = clock or SystemClock()
        self._client: DockerClient | None = None

    @property
    def client(self) -> DockerClient:
        """The Docker SDK's client for that manager."""
        if self._client is None:
            raise RuntimeError("the tunnel is not open")
        return self._client

    def __enter__(self) -> Self:
        # A short folder of its own: a socket's path has room for 107 bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="beeyard-", dir="/tmp")
        local = Path(self._folder.name) / "docker.sock"
        self._ssh: Running | None = None
        try:
            self._ssh = self._local.start(self._command(local))
            self._client = self._await_engine(local, self._ssh)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process and forget the socket. Does nothing the second time."""
        try:
            if self._client is not None:
                self._client.close()
                self._client = None
        finally:
            if self._ssh is not None:
                self._ssh.stop()
                self._ssh = None
            self._folder.cleanup()

    def _command(self, local: Path) -> Command:
        options = (
            "BatchMode=yes",
            # What a refused forward is told with; a quieter ssh_config would hide it.
            "LogLevel=INFO",
            "ConnectTimeout=10",
            "ExitOnForwardFailure=yes",
            *_KEEP_ALIVE,
            # A connection of its own: forwards given to a shared one outlive the process.
            "ControlMaster=no",
            "ControlPath=none",
        )
        flags = [flag for option in options for flag in ("-o", option)]
        forward = f"{local}:{self._socket}"
        # Ends with its input, so that no tunnel is left behind by a process that was killed.
        argv = ["ssh", "-F", str(self._ssh_config), *flags, "-L", forward, self._host, "cat"]
        return Command(argv, tied=True)

    def _await_engine(self, local: Path, ssh: Running) -> DockerClient:
        end = self._clock.monotonic() + self._deadline
        while True:
            if local.exists():
                client = _dial(local, end - self._clock.monotonic())
                if client is not None:
                    return client
            # In this order: what it says last, it says before it ends.
            code, said = ssh.code, ssh.said(40)
            if "open failed: connect failed" in said:
                raise self._error(f"{said}\n{self._why_not()}", "")
            if code is not None or "open failed:" in said:
                raise self._error(said, f"ssh ended with exit code {code}")
            if self._clock.monotonic() >= end:
                raise self._error(said, f"nothing answered within {self._deadline:g} s")
            self._clock.sleep(_POLL)

    def _why_not(self) -> str:
        node = SshRunner(self._local, self._ssh_config, self._host)
        argv = ["sh", "-c", _WHY_NOT, "sh", self._socket]
        return node.run(Command(argv, timeout=_CALL_TIMEOUT), check=False).stdout.strip()

    def _error(self, said: str, otherwise: str) -> SwarmError:
        where = f"ssh -F {self._ssh_config} {self._host}"
        words = {"host": self._host, "socket": self._socket}
        for cause in _CAUSES:
            if cause.sign in said:
                return SwarmError(cause.what.format(**words), where=where, why=said, fix=cause.fix)
        return SwarmError(
            f"the Docker engine of {self._host} can't be reached over SSH",
            where=where,
            why=said or otherwise,
            fix="try the command under `where` by hand",
        )


def _dial(local: Path, seconds: float) -> DockerClient | None:
    """A client if the engine answers within `seconds`, None if it does not (yet)."""
    try:
        client = DockerClient(
            base_url=f"unix://{local}", version="auto", timeout=max(int(seconds), 1)
        )
    except (DockerException, requests.RequestException):
        return None
    client.api.timeout = _HTTP_TIMEOUT
    return client
