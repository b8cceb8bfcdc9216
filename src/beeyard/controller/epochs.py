"""One active copy: a lease in numbered epochs, made of nothing but files on the shared storage.

    epochs/00000007/claim       made once, with O_EXCL: who holds the epoch
                    heartbeat   a number that its holder counts up, or `released`
                    successor   empty, until somebody has taken over
                    records     the journal's (`beeyard.controller.journal`)

The next epoch may be claimed when the one before was released, or when its heartbeat has not
changed for `GONE` seconds by the clock of the one who looks. No two clocks are compared. Claims are
never removed, so that nobody who slept for long can claim an old number again.

Whoever claims an epoch first writes into `successor` of those before, and only then looks how far
their files go. The holder reads its own `successor` after every write, and before it tells anybody
of it. So what it has told of was there when its successor looked; what it writes later counts for
nobody (`journal`), and `check` raises LeaseLost before it is told of.

What a holder can still do that was frozen and wakes up: add bytes to files of its own epoch, which
nobody reads, and change its own heartbeat, which nobody looks at any more. It finds out at its next
`check`. What it does elsewhere than below its epoch (a deploy) needs a fence of its own: see
`beeyard.apps.lock`.

What is relied on of the file system stands in `beeyard.controller.files`.
"""

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from beeyard.controller import files
from beeyard.errors import BeeyardError
from beeyard.waiting import Clock, SystemClock

#: Seconds between two beats of a holder; and without one after which it counts as gone.
BEATS, GONE = 3.0, 15.0
_POLL = 1.0
_RELEASED = b"released"
_FOLLOWED = "it released its lease, or was silent for too long and another took over"


class LeaseLost(BeeyardError):
    """Another copy is the active one: nothing may be written, or told, any more."""


class Held(BeeyardError):
    """Another copy is active, and lives."""


@dataclass
class Lease:
    """The epoch that this process holds. Safe for use by several threads."""

    folder: Path
    holder: str
    epoch: int
    clock: Clock = field(default_factory=SystemClock)
    _count: int = field(default=1, init=False)
    _renewed: float = field(default=0.0, init=False)
    _over: bool = field(default=False, init=False)
    _why: str = field(default=_FOLLOWED, init=False)
    _one: threading.RLock = field(default_factory=threading.RLock, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _looks: tuple[Callable[[], None], ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        self._renewed = self.clock.monotonic()

    @property
    def path(self) -> Path:
        """The folder of the epoch: the one that its holder may write to."""
        return place(self.folder, self.epoch)

    @property
    def quiet(self) -> float:
        """Seconds since the lease was last renewed."""
        return self.clock.monotonic() - self._renewed

    def check(self) -> None:
        """Raise LeaseLost unless the epoch is still ours: after a write, before it is told of.

        It is asked, not remembered: this process may have slept. Raises OSError where the shared
        storage fails.
        """
        with self._one:
            if self._over or _is_succeeded(self.folder, self.epoch):
                self._over = True
                raise self._lost()

    def renew(self) -> None:
        """Show a sign of life. Raises LeaseLost, and OSError where it can't be written."""
        with self._one:
            self.check()
            self._count += 1
            files.overwrite(self.path / "heartbeat", _beat(self._count))
            self._renewed = self.clock.monotonic()

    def keep(self, lost: Callable[[LeaseLost], None]) -> None:
        """Renew from now on, in a thread. `lost` is called from it once, if the lease is lost."""
        self._thread = threading.Thread(target=self._keep, args=(lost,), name="lease", daemon=True)
        self._thread.start()

    def at_each_beat(self, *looks: Callable[[], None]) -> None:
        """What is done, too, in the thread that keeps the lease, whenever that was renewed. Gives
        it up (`give_up`) where it finds a reason; what it raises (BeeyardError) is not told of."""
        self._looks = looks

    def advance(self) -> None:
        """Go on in the next epoch, without a pause. Raises LeaseLost if another has claimed it."""
        with self._one:
            self.check()
            following = self.epoch + 1
            if not _claim(self.folder, following, self.holder):
                self._over = True
                raise self._lost()
            self.epoch, self._count = following, 1

    def give_up(self, why: str) -> None:
        """This process can't write any more, and must not look alive: `check` raises LeaseLost from
        now on, and who keeps the lease is told so at the next beat."""
        with self._one:
            if not self._over:
                self._over, self._why = True, why

    def release(self) -> None:
        """Let another copy take over at once. Whoever writes below the epoch must have ended."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=GONE)
        with self._one:
            if not self._over:
                self._over = True
                files.overwrite(self.path / "heartbeat", _RELEASED.ljust(len(_beat(0))))

    def _lost(self) -> LeaseLost:
        return LeaseLost(
            f"this copy of the controller is not the active one any more (epoch {self.epoch})",
            why=self._why,
            fix="nothing: it ends, and is started again as one that waits",
        )

    def _keep(self, lost: Callable[[LeaseLost], None]) -> None:
        while not self._stop.wait(BEATS):
            try:
                self.renew()
                self._look()
            except LeaseLost as error:
                if not self._stop.is_set():
                    lost(error)
                return
            except OSError:
                # `quiet` tells of it; the storage may come back before anybody takes over.
                continue

    def _look(self) -> None:
        """Raises LeaseLost where a look has given it up."""
        for look in self._looks:
            with contextlib.suppress(BeeyardError):
                look()
        with self._one:
            if self._over:
                raise self._lost()


def claim(
    folder: Path,
    holder: str,
    *,
    clock: Clock | None = None,
    gone: float = GONE,
    patience: float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Lease:
    """Wait until no copy is active, then be the one.

    folder    `/data/epochs`, made if it is not there
    holder    who claims, in words: it is kept in the claim
    gone      seconds without a heartbeat after which a holder counts as gone
    patience  seconds after which Held is raised; None: wait for as long as it takes
    say       hears once of each holder that is waited for
    """
    clock = clock or SystemClock()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    watch, lost, told = _Watch(folder, clock), 0, False
    start = clock.monotonic()
    while True:
        watch.look(at_least=lost)
        if watch.free or watch.silent >= gone:
            lost = watch.epoch + 1
            if _claim(folder, lost, holder):
                return Lease(folder, holder, lost, clock)
        elif patience is not None and clock.monotonic() - start >= patience:
            raise Held(
                "another copy of the controller is active",
                where=f"epoch {watch.epoch}",
                why=f"{who(folder, watch.epoch)} shows signs of life",
            )
        else:
            if not told:
                say(f"waiting for the active copy: {who(folder, watch.epoch)}")
            told = True
            clock.sleep(_POLL)


@dataclass
class _Watch:
    """What is seen of the newest epoch. `silent`: for how long its heartbeat surely stood still."""

    folder: Path
    clock: Clock
    epoch: int = 0
    silent: float = 0.0
    _beat: bytes | None = None
    _since: float = 0.0

    @property
    def free(self) -> bool:
        return self.epoch == 0 or (self._beat or b"").startswith(_RELEASED)

    def look(self, at_least: int) -> None:
        """`at_least`: an epoch that is known to be claimed, whatever the folder's listing says."""
        began = self.clock.monotonic()
        epoch = max(at_least, latest(self.folder))
        beat = files.content(place(self.folder, epoch) / "heartbeat") if epoch else None
        if (epoch, beat) == (self.epoch, self._beat) and epoch:
            self.silent = began - self._since
        else:
            self.epoch, self._beat, self.silent = epoch, beat, 0.0
            self._since = self.clock.monotonic()


def latest(folder: Path) -> int:
    """The newest epoch that somebody has claimed; 0: none."""
    for epoch in sorted(numbers(folder), reverse=True):
        if (place(folder, epoch) / "claim").exists():
            return epoch
    return 0


def who(folder: Path, epoch: int) -> str:
    """Who holds an epoch, in the words of its claim."""
    try:
        return str(json.loads(files.content(place(folder, epoch) / "claim") or b"")["holder"])
    except (ValueError, KeyError, TypeError):
        return f"the holder of epoch {epoch}"


def numbers(folder: Path) -> list[int]:
    """The epochs that have a folder, in no order."""
    return [int(one.name) for one in folder.iterdir() if len(one.name) == 8 and one.name.isdigit()]


def place(folder: Path, epoch: int) -> Path:
    return folder / f"{epoch:08d}"


def _claim(folder: Path, epoch: int, holder: str) -> bool:
    """Take an epoch, and close those before it. False: it is somebody else's."""
    here = place(folder, epoch)
    here.mkdir(exist_ok=True, mode=0o700)
    files.sync_folder(folder)
    if not files.create(here / "claim", json.dumps({"holder": holder}).encode() + b"\n"):
        return False
    files.overwrite(here / "heartbeat", _beat(1))
    files.overwrite(here / "successor", b"")
    _close(folder, epoch)
    return True


def _close(folder: Path, epoch: int) -> None:
    """Tell the holders of all earlier epochs. The oldest first: one that is told means that all
    before it are, so that whoever comes next need not ask them all."""
    untold = []
    for earlier in range(epoch - 1, 0, -1):
        if files.content(place(folder, earlier) / "successor"):
            break
        untold.append(earlier)
    for earlier in reversed(untold):
        files.overwrite(place(folder, earlier) / "successor", f"{epoch}\n".encode())


def _is_succeeded(folder: Path, epoch: int) -> bool:
    told = files.content(place(folder, epoch) / "successor")
    return bool(told) or (place(folder, epoch + 1) / "claim").exists()


def _beat(count: int) -> bytes:
    return b"%016d\n" % count
