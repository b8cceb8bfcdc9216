"""The loop that keeps Docker in step with the AWS API, until it is told to end.

It runs in a process of its own (see `daemon`). Until the sandbox is ready it says what it does.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler

from botocore.exceptions import BotoCoreError, ClientError
from docker.errors import DockerException

from beeyard.errors import BeeyardError, SandboxError, render
from beeyard.sandbox import (
    acme,
    amis,
    api_gate,
    database,
    edge,
    engine,
    environment,
    files,
    metadata,
    names,
    network,
    readiness,
)
from beeyard.sandbox.act import Hands
from beeyard.sandbox.api_server import ApiServer
from beeyard.sandbox.desired import Setting, desired
from beeyard.sandbox.iam_facts import make_operator
from beeyard.sandbox.moto_memory import Lender, Passwords, Secrets
from beeyard.sandbox.observe import Observer
from beeyard.sandbox.plan import Action, plan
from beeyard.sandbox.spec import ACCOUNT, Addresses
from beeyard.sandbox.state import Problem, ProcessIdentity, Report, StateFolder

#: Seconds between two looks at Docker while the API is quiet.
_QUIET = 5.0
#: Seconds in which changes are gathered: Terraform's requests come in bursts.
_GATHER = 0.1
#: Seconds until what failed is tried again: the first time, and at most.
_RETRY, _LONGEST_RETRY = 0.5, 30.0

READY = "ready"

log = logging.getLogger("beeyard.sandbox")


@dataclass
class Failures:
    """What did not work, and when it is tried again. Keyed by the action in words."""

    clock: Callable[[], float] = time.monotonic
    _failed: dict[str, tuple[str, float, float]] = field(default_factory=dict)

    def note(self, action: Action, error: Exception | None) -> None:
        key = str(action)
        if error is None:
            self._failed.pop(key, None)
            return
        _, _, delay = self._failed.get(key, ("", 0.0, _RETRY / 2))
        delay = min(delay * 2, _LONGEST_RETRY)
        words = (
            render(error) if isinstance(error, BeeyardError) else f"{type(error).__name__}: {error}"
        )
        self._failed[key] = (words, self.clock() + delay, delay)

    def may_be_tried(self, action: Action) -> bool:
        return self.clock() >= self._failed.get(str(action), ("", 0.0, 0.0))[1]

    def keep_only(self, actions: set[str]) -> None:
        """Forget what is no longer asked for."""
        self._failed = {key: value for key, value in self._failed.items() if key in actions}

    def seconds_to_next(self) -> float:
        soonest = min((retry for _, retry, _ in self._failed.values()), default=float("inf"))
        return max(0.0, soonest - self.clock())

    def problems(self) -> tuple[Problem, ...]:
        return tuple(
            Problem(f"could not {key}", words) for key, (words, _, _) in self._failed.items()
        )


class Supervisor:
    """One sandbox's loop: observe, plan, act, report."""

    def __init__(self, folder: StateFolder, setting: Setting, tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._setting = setting
        self._tell = tell
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._failures = Failures()
        self._indexes: dict[str, int] = {}
        self._written: Report | None = None
        self._unreal: tuple[Problem, ...] = ()
        self._blind: tuple[Problem, ...] = ()
        self._ready = False
        self._identity = ProcessIdentity.current()

    def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises BeeyardError if the sandbox can't be made."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._end())
        spec = self._setting.request.spec
        self._prepare()
        docker = engine.connect()
        self._tell("VPC network")
        network.ensure(docker, spec.name, self._setting.addresses)
        self._hands = Hands(docker, spec.name, self._setting.folder)
        self._tell("AWS API")
        amis_file = self._setting.folder / "amis.json"
        amis.prepare(amis_file, spec.region)
        door = self._setting.folder / api_gate.FOLDER / api_gate.SOCKET
        self._server = ApiServer(amis_file, door, self._changed.set)
        make_operator(spec.region)
        variables = environment.variables(self._setting.folder, spec.region)
        secrets = Secrets(Passwords(ACCOUNT, spec.region), Lender(ACCOUNT, spec.region))
        self._observer = Observer(self._server.endpoint, spec.region, variables, secrets)
        if spec.zone:
            self._observer.ensure_hosted_zone(spec.zone)
        self._report()
        self._tell("resolver, hub, certificates")
        self._reconcile()
        self._await_ready()
        self._loop()
        self._server.stop()

    def _prepare(self) -> None:
        name = self._setting.request.spec.name
        acme.prepare(name, self._folder.folder(acme.FOLDER), self._folder.ca_certificate)
        files.prepare(self._folder.folder(files.FOLDER))
        api_gate.prepare(self._folder.folder(api_gate.FOLDER))
        for one in (names.FOLDER, edge.FOLDER, metadata.FOLDER):
            self._folder.folder(one)
        log.info("sandbox %s in %s", name, self._setting.folder)

    def _await_ready(self) -> None:
        request, addresses = self._setting.request, self._setting.addresses
        if problems := self._failures.problems():
            raise SandboxError(problems[0].about, why=problems[0].why)
        if problems := self._hands.bind_problems:
            raise SandboxError(problems[0].about, why=problems[0].why)
        readiness.wait(request, addresses, self._folder.ca_certificate)
        self._ready = True
        self._report()
        self._tell(READY)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self._changed.wait(min(_QUIET, self._failures.seconds_to_next()))
            # Not `sleep`: the end must not wait for it.
            if self._stopping.wait(_GATHER):
                break
            self._changed.clear()
            self._look_again()
            self._report()

    def _look_again(self) -> None:
        try:
            self._reconcile()
        except (OSError, DockerException, BotoCoreError, ClientError) as error:
            # Docker may be restarting: the next look tells.
            log.exception("a look at Docker or the API failed")
            self._blind = (Problem("Docker or the AWS API does not answer", str(error)),)
        else:
            self._blind = ()

    def _reconcile(self) -> None:
        world = self._observer.world()
        self._indexes = database.assign_addresses(world.databases, self._indexes)
        wanted = desired(self._setting, world, self._indexes)
        self._unreal = wanted.problems
        rounds = plan(wanted, self._hands.look())
        self._failures.keep_only({str(action) for actions in rounds for action in actions})
        for actions in rounds:
            due = [action for action in actions if self._failures.may_be_tried(action)]
            if due and not self._stopping.is_set():
                self._hands.do(due, self._note)

    def _note(self, action: Action, error: Exception | None) -> None:
        if error is None:
            log.info("%s: done", action)
        else:
            expected = isinstance(error, BeeyardError)
            log.warning("%s: %s", action, error, exc_info=None if expected else error)
        self._failures.note(action, error)

    def _report(self) -> None:
        problems: tuple[Problem, ...] = ()
        if self._ready:
            problems = (
                *self._blind,
                *self._failures.problems(),
                *self._hands.bind_problems,
                *self._hands.firewall_problems,
                *self._unreal,
            )
        report = Report(self._identity, self._server.endpoint, self._ready, problems)
        if report != self._written:
            self._folder.write_report(report)
            self._written = report

    def _end(self) -> None:
        self._stopping.set()
        self._changed.set()


def main(name: str, pipe: int) -> int:
    """Run until told to end, and give the exit code.

    Until ready, what is done, and then `READY`, goes to the file descriptor `pipe`, a line each;
    the lines of a failure begin with an exclamation mark. All of it is in the log as well.
    """
    folder = StateFolder.of(name)
    handler = RotatingFileHandler(folder.log, maxBytes=2_000_000, backupCount=2)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("botocore", "httpx", "httpcore", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    with os.fdopen(pipe, "w") as listener:

        def tell(line: str) -> None:
            log.info("%s", line)
            listener.write(line + "\n")
            listener.flush()
            if line == READY:
                listener.close()

        try:
            Supervisor(folder, setting(folder), tell).run()
        except BeeyardError as error:
            log.exception("the supervisor ended")
            if not listener.closed:
                listener.writelines(f"! {line}\n" for line in render(error).splitlines())
            return 1
    return 0


def setting(folder: StateFolder) -> Setting:
    """What the sandbox was asked to be."""
    request = folder.request()
    if request is None:
        raise SandboxError(f"no sandbox was asked for in {folder.path}")
    upstream = tuple(names.upstream_servers())
    return Setting(request, Addresses.of(request.spec), folder.path, upstream)
