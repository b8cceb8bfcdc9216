"""One change of an application at a time: a lock in the Swarm, held by name and time.

The lock is a Docker config: to make one of a name that is taken fails, for every manager alike. Its
holder beats every few seconds by changing a label. Nobody's clock is compared with another's:
whoever wants a lock that somebody holds takes it only after the holder's process is gone (where it
is one of this machine), or after it has seen no beat for longer than a holder goes on without one.
"""

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Self, cast

import requests
from docker import DockerClient
from docker.errors import APIError, DockerException

from beeyard.apps.contents import APPLICATION
from beeyard.errors import AppError, SwarmError
from beeyard.holder import Holder, await_gone
from beeyard.swarm import TunnelEnded, in_words
from beeyard.swarm.objects import relabel
from beeyard.waiting import Clock, SystemClock

_BEAT = "beeyard.beat"
_HOLDER = "beeyard.holder"
#: Seconds between two beats; without one for how long the holder stops; and is taken to be gone.
BEATS, FENCED, GONE = 5.0, 15.0, 25.0
_POLL = 1.0


class LockLost(SwarmError):
    """The lock may be somebody else's now: nothing may be touched any more, and no later beat gives
    it back."""


class _Held(AppError):
    """Somebody holds the lock, and lives."""

    def __init__(self, application: str, holder: Holder) -> None:
        super().__init__(
            f"{application} is being changed already",
            why=str(holder),
            fix="wait for its end, then run the command again",
        )
        self.holder = holder


@dataclass
class Lock:
    """The lock of an application, from entry to exit. `say` hears when another is waited for.

    Entering raises AppError if somebody holds it and is not gone. `taken_over`: whose it was.
    """

    client: DockerClient
    application: str
    doing: str
    clock: Clock = field(default_factory=SystemClock)
    say: Callable[[str], None] = lambda _: None
    taken_over: Holder | None = field(default=None, init=False)
    _id: str = field(default="", init=False)
    _beaten: float = field(default=0.0, init=False)
    _count: int = field(default=0, init=False)
    _one: threading.Lock = field(default_factory=threading.Lock, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        while not self._take():
            self._wait_for_its_end()
        self._beaten = self.clock.monotonic()
        self._thread = threading.Thread(
            target=self._beat, name=f"lock of {self.application}", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            # A manager that neither answers nor refuses must not keep us.
            self._thread.join(timeout=FENCED)
        # If it can't be removed now, it is taken over later: we beat no more.
        with suppress(APIError, DockerException, requests.RequestException):
            self._api.remove_config(self._id)

    def check(self) -> None:
        """Before each step: whether it is still ours. Raises LockLost if that is not sure, and
        TunnelEnded if nobody can be asked any more.

        It is asked, not remembered: this machine may have slept meanwhile, and its clock with it. A
        manager that says nothing is asked again for as long as nobody else may take it over.
        """
        why = "there was no beat"
        while self.clock.monotonic() - self._beaten <= FENCED:
            try:
                with in_words(f"the lock of {self.application} could not be held"):
                    self._require_mine()
            except (LockLost, TunnelEnded):
                raise
            except SwarmError as error:
                why = error.why or error.what
                self.clock.sleep(_POLL)
            else:
                return
        raise LockLost(
            f"the lock of {self.application} is lost",
            why=f"the manager took no sign of life from here for {FENCED:g} s: {why}",
            fix="see whether the manager is reachable; the next command finishes or undoes it",
        )

    def _require_mine(self) -> None:
        try:
            self._renew()
        except APIError as error:
            if error.status_code != 404:
                raise
            raise LockLost(
                f"the lock of {self.application} is lost",
                why="somebody else has taken it over",
                fix="see what becomes of it: `beeyard releases`",
            ) from error

    def _renew(self) -> None:
        # One at a time: of two changes to one version of the object, the second fails.
        with self._one:
            raw = self._api.inspect_config(self._id)
            self._count += 1
            relabel(self._api, "configs", raw, {**raw["Spec"]["Labels"], _BEAT: str(self._count)})
            self._beaten = self.clock.monotonic()

    @property
    def _api(self) -> Any:
        return cast(Any, self.client.api)

    @property
    def _name(self) -> str:
        return f"beeyard.{self.application}.lock"

    def _take(self) -> bool:
        holder = Holder.me(self.doing)
        labels = {APPLICATION: self.application, _HOLDER: json.dumps(asdict(holder)), _BEAT: "0"}
        with in_words(f"the lock of {self.application} could not be taken"):
            try:
                made = self._api.create_config(self._name, b"lock", labels)
            except APIError as error:
                if error.status_code == 409:
                    return False
                raise
        self._id = str(made["ID"])
        return True

    def _wait_for_its_end(self) -> None:
        """Return when the lock is free, having removed it where its holder is gone."""
        found = await_gone(
            self._look,
            partial(_Held, self.application),
            clock=self.clock,
            say=self.say,
            patience=GONE,
            poll=_POLL,
        )
        if found is None:
            return
        self.taken_over = found.holder
        self.say(f"took over from {found.holder}, which is gone")
        with in_words("the lock could not be taken over"):
            try:
                self._api.remove_config(found.id)
            except APIError as error:
                if error.status_code != 404:
                    raise

    def _look(self) -> "_Found | None":
        with in_words(f"the lock of {self.application} could not be read"):
            try:
                raw: Mapping[str, Any] = self._api.inspect_config(self._name)
            except APIError as error:
                if error.status_code == 404:
                    return None
                raise
        return _Found(str(raw["ID"]), _holder(raw), int(raw["Version"]["Index"]))

    def _beat(self) -> None:
        while not self._stop.wait(BEATS):
            # One that does not arrive is seen by `check`, when it matters.
            with suppress(APIError, DockerException, requests.RequestException):
                self._renew()


@dataclass(frozen=True)
class _Found:
    """The lock in the Swarm; its mark is its version."""

    id: str
    holder: Holder
    mark: int


def holder(
    client: DockerClient, application: str, clock: Clock, say: Callable[[str], None]
) -> Holder | None:
    """Who holds the lock of an application and lives; None where nobody does.

    Removes a lock whose holder is gone, and may wait to see whether it is. Raises SwarmError.
    """
    lock = Lock(client, application, "", clock, say)
    try:
        lock._wait_for_its_end()  # noqa: SLF001 (its own module)
    except _Held as held:
        return held.holder
    return None


def is_free(client: DockerClient, application: str) -> bool:
    """Whether surely nobody holds an application's lock; waits for nothing. Raises SwarmError."""
    found = Lock(client, application, "")._look()  # noqa: SLF001 (its own module)
    return found is None or found.holder.is_gone()


def _holder(raw: Mapping[str, Any]) -> Holder:
    return Holder(**json.loads(raw["Spec"]["Labels"][_HOLDER]))
