"""A git remote on this machine, with users of two roles, and Git's own client to go at it."""

import contextlib
import os
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from beeyard.controller.git import (
    Action,
    GitRemote,
    Identity,
    OnPush,
    Push,
    Repositories,
    Settings,
)
from beeyard.process import Command, Completed, LocalRunner
from beeyard.secret import Secret
from beeyard.waiting import SystemClock, wait_until

OPERATOR, VIEWER = "token-of-an-operator", "token-of-a-viewer"
_NAMES = {OPERATOR: "operator", VIEWER: "viewer"}


class Users:
    """An operator and a viewer, by their tokens; remembers the addresses of who came."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    async def identify(self, username: str, password: Secret, address: str) -> Identity | None:
        self.addresses.append(address)
        name = _NAMES.get(password.reveal())
        return Identity(name) if name else None

    def may(self, identity: Identity, action: Action, application: str) -> bool:
        return action == "read" or identity.name == "operator"


@dataclass
class Served:
    """A remote that answers at `port`. `pushes` is what it was told of; `scripts`, by application,
    what it then does instead of saying `taken`."""

    repositories: Repositories
    remote: GitRemote
    users: Users
    port: int
    pushes: list[Push]
    scripts: dict[str, OnPush]
    unknown: set[str] = field(default_factory=set)

    def url(self, application: str, token: str = OPERATOR) -> str:
        return f"http://any:{token}@127.0.0.1:{self.port}/{application}.git"

    def path(self, application: str) -> Path:
        return self.repositories.folder / f"{application}.git"

    def pushed(self, application: str) -> list[Push]:
        return [push for push in self.pushes if push.application == application]


@contextlib.contextmanager
def serving(folder: Path, settings: Settings | None = None) -> Iterator[Served]:
    """A remote served by uvicorn in a thread, with its repositories below `folder`."""
    pushes: list[Push] = []
    scripts: dict[str, OnPush] = {}
    unknown: set[str] = set()

    async def on_push(now: Sequence[Push]) -> AsyncGenerator[str, None]:
        pushes.extend(now)
        script = scripts.get(now[0].application)
        if script is None:
            yield "taken"
            return
        async with contextlib.aclosing(script(now)) as lines:
            async for line in lines:
                yield line

    repositories = Repositories(folder)
    users = Users()
    remote = GitRemote(repositories, users, lambda name: name not in unknown, on_push, settings)
    with running(remote) as port:
        yield Served(repositories, remote, users, port, pushes, scripts, unknown)


@contextlib.contextmanager
def running(remote: Callable[..., object]) -> Iterator[int]:
    """Serve an ASGI application on loopback; gives the port."""
    config = uvicorn.Config(remote, "127.0.0.1", 0, lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="git remote")
    thread.start()
    try:
        until(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def until(condition: Callable[[], bool], deadline: float = 20.0) -> None:
    wait_until(condition, clock=SystemClock(), deadline=deadline, interval=0.01)


@dataclass(frozen=True)
class Work:
    """A working copy of Git's client, with a home of its own."""

    folder: Path

    @property
    def environment(self) -> Mapping[str, str]:
        who = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Somebody"), ("EMAIL", "somebody@example.com"))
        }
        return who | {
            "HOME": str(self.folder.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            # No processes besides those that are tested.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "maintenance.auto",
            "GIT_CONFIG_VALUE_0": "false",
            "GIT_ASKPASS": "true",
        }

    def git(self, *arguments: str, check: bool = True, data: bytes | None = None) -> Completed:
        argv = ["git", *arguments]
        command = Command(argv, data, env=self.environment, cwd=self.folder, timeout=60)
        return LocalRunner().run(command, check=check)

    def head(self, name: str = "HEAD") -> str:
        return self.git("rev-parse", "--verify", "--end-of-options", name).stdout.strip()

    def command(self, *arguments: str) -> Command:
        """For one that goes on in the background."""
        return Command(["git", *arguments], env=self.environment, cwd=self.folder)

    def commits(self, count: int, branch: str) -> None:
        """That many empty commits on a new branch, at once."""
        one = f"commit refs/heads/{branch}\ncommitter S <s@example.com> 1 +0000\ndata 0\n"
        self.git("fast-import", "--quiet", data=(one * count).encode())

    def commit(self, message: str = "change", **files: str) -> str:
        """Commit files (`a__b` is `a/b`, `a_b` is `a.b`), or nothing; the commit's id."""
        for name, text in files.items():
            path = self.folder / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        if any(path.name != ".git" for path in self.folder.iterdir()):
            self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.head()


def new_work(folder: Path) -> Work:
    """An empty working copy on the branch `main`."""
    folder.mkdir(parents=True)
    work = Work(folder)
    work.git("init", "--quiet", "--template=", "--initial-branch=main")
    return work
