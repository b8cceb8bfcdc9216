"""The sandbox's files on this machine: what the supervisor and the commands tell each other."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

from beeyard.errors import SandboxError
from beeyard.private import write_private
from beeyard.sandbox.container import NodeForm
from beeyard.sandbox.spec import SandboxSpec


@dataclass(frozen=True)
class ImageNames:
    """References of the images that a sandbox's containers are made from."""

    node: str
    services: str
    mariadb: str
    hub: str


@dataclass(frozen=True)
class Request:
    """What the supervisor is started with."""

    spec: SandboxSpec
    images: ImageNames
    http_port: int
    https_port: int
    node_form: NodeForm

    @classmethod
    def parse(cls, data: dict[str, Any]) -> "Request":
        return cls(
            spec=SandboxSpec(**data["spec"]),
            images=ImageNames(**data["images"]),
            http_port=data["http_port"],
            https_port=data["https_port"],
            node_form=NodeForm(**data["node_form"]),
        )


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, told from a later one with the same number by when it started (clock ticks)."""

    pid: int
    started: int

    @classmethod
    def current(cls) -> "ProcessIdentity":
        return cls(os.getpid(), _start_time(os.getpid()) or 0)

    def is_alive(self) -> bool:
        return _start_time(self.pid) == self.started


@dataclass(frozen=True)
class Problem:
    """What could not be done, and is tried again; or is not done at all, and why."""

    about: str
    why: str


@dataclass(frozen=True)
class Report:
    """What the supervisor wrote last: who it is, where its API answers, what does not work."""

    process: ProcessIdentity
    endpoint: str
    ready: bool
    problems: tuple[Problem, ...] = ()

    @classmethod
    def parse(cls, data: dict[str, Any]) -> "Report":
        return cls(
            process=ProcessIdentity(**data["process"]),
            endpoint=data["endpoint"],
            ready=data["ready"],
            problems=tuple(Problem(**problem) for problem in data["problems"]),
        )


class StateFolder:
    """`~/.local/state/beeyard/sandbox/<name>`, or where the platform keeps such files."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, name: str) -> "StateFolder":
        return cls(_root() / name)

    @property
    def log(self) -> Path:
        return self.path / "supervisor.log"

    @property
    def ca_certificate(self) -> Path:
        return self.path / "ca.pem"

    def folder(self, name: str) -> Path:
        """A folder within, made if it isn't there."""
        path = self.path / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def write_request(self, request: Request) -> None:
        self._write("request.json", asdict(request))

    def request(self) -> Request | None:
        """None if no sandbox was ever started here."""
        data = self._read("request.json")
        return None if data is None else Request.parse(data)

    def write_report(self, report: Report) -> None:
        self._write("supervisor.json", asdict(report))

    def report(self) -> Report | None:
        data = self._read("supervisor.json")
        return None if data is None else Report.parse(data)

    def _write(self, name: str, data: dict[str, Any]) -> None:
        write_file(self.path / name, json.dumps(data, indent=2) + "\n")

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            data: dict[str, Any] = json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise SandboxError(
                f"{self.path / name} can't be read",
                why=str(error),
                fix="remove the sandbox with `beeyard sandbox down`, then start it anew",
            ) from error
        return data


def write_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Write the whole file or nothing: who reads it meanwhile sees the old one or the new."""
    write_private(path, text.encode(), mode)


def all_folders() -> list[str]:
    """Names of the sandboxes that were started here and not removed."""
    root = _root()
    return sorted(path.parent.name for path in root.glob("*/request.json"))


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """One `start` or `down` at a time: ports and networks are chosen by looking first."""
    root = _root()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _root() -> Path:
    return platformdirs.user_state_path("beeyard") / "sandbox"


def _start_time(pid: int) -> int | None:
    """Clock ticks from boot to its start (proc(5), field 22 of stat); None if it ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in parentheses, which may hold spaces.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else int(fields[18])
