"""One change of a cluster at a time: an object in the state bucket, held by name and time.

S3 makes it only where there is none (`If-None-Match: *`), and replaces it only where it is still
the one that was seen (`If-Match`); source: docs.aws.amazon.com/AmazonS3/latest/userguide,
"conditional-requests". Its holder beats by writing it anew. Nobody's clock is compared with
another's: who wants it takes it over only after the holder's process is gone (where it is one of
this machine), or after having seen no beat for longer than a holder goes on without one.
"""

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import ClientError

from beeyard.cloud.api import Aws, in_words
from beeyard.errors import BeeyardError, CloudError, Refused
from beeyard.holder import Holder, await_gone
from beeyard.waiting import Clock, SystemClock

KEY = "locks/cluster.json"
#: Seconds between two beats; without one for how long the holder stops; and is taken to be gone.
BEATS, FENCED, GONE = 10.0, 40.0, 60.0
_POLL = 2.0
#: S3's words for a condition that does not hold, or that another request is just changing.
_NOT_SO = {"PreconditionFailed", "ConditionalRequestConflict"}
_NONE = {"NoSuchKey", "NoSuchBucket", "404"}


class ClusterHeld(Refused):
    """Somebody is changing the cluster, and lives."""

    def __init__(self, cluster: str, holder: Holder) -> None:
        super().__init__(
            f"{cluster} is being changed already",
            why=str(holder),
            fix="wait for its end, then run the command again",
        )
        self.holder = holder


class ClusterLockLost(CloudError):
    """The lock may be somebody else's now: nothing may be touched any more."""


@dataclass
class ClusterLock:
    """The lock of a cluster, from entry to exit. The bucket has to be there.

    say         hears when another is waited for, or was taken over from
    taken_over  whose it was, where its holder was gone
    gone        all who held it and ended without letting go, the last one included: what they left
                behind is for us to tidy up (`beeyard.cloud.state_locks`)

    Entering raises ClusterHeld, or CloudError.
    """

    aws: Aws
    bucket: str
    cluster: str
    doing: str
    clock: Clock = field(default_factory=SystemClock)
    say: Callable[[str], None] = lambda _: None
    taken_over: Holder | None = field(default=None, init=False)
    gone: tuple[Holder, ...] = field(default=(), init=False)
    _etag: str = field(default="", init=False)
    _count: int = field(default=0, init=False)
    _beaten: float = field(default=0.0, init=False)
    _lost: str = field(default="", init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        self._me = Holder.me(self.doing)
        with in_words():
            while not self._write(IfNoneMatch="*"):
                if self._wait_for_its_end():
                    break
        self._thread = threading.Thread(target=self._beat, name="lock of the cluster", daemon=True)
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
            self._thread.join()
        # What can't be removed now is taken over later: we beat no more.
        with suppress(BeeyardError), in_words():
            found = self._look()
            if found is not None and found.mark == self._etag:
                self._s3.delete_object(Bucket=self.bucket, Key=KEY)

    def check(self) -> None:
        """Before each phase: whether it is still ours. Raises ClusterLockLost if it may not be."""
        silent = self.clock.monotonic() - self._beaten
        why = self._lost or (silent > FENCED and f"S3 took no sign of life for {silent:.0f} s")
        if why:
            raise ClusterLockLost(
                f"the lock of {self.cluster} is lost",
                where=f"s3://{self.bucket}/{KEY}",
                why=why,
                fix="see who is at work on it, then run the command again: it goes on from there",
            )

    @cached_property
    def _s3(self) -> Any:
        return self.aws.client("s3")

    def _write(self, **condition: str) -> bool:
        """Write it with this condition; give whether it holds."""
        said = {
            "holder": asdict(self._me),
            "beat": self._count,
            "gone": [asdict(one) for one in self.gone],
        }
        started = self.clock.monotonic()
        try:
            written = self._s3.put_object(
                Bucket=self.bucket,
                Key=KEY,
                Body=json.dumps(said).encode(),
                ContentType="application/json",
                **condition,
            )
        except ClientError as error:
            if _code(error) not in _NOT_SO | _NONE:
                raise
            # A request that was sent again, as its answer was lost, meets what it wrote itself.
            found = self._look()
            if found is None or found.holder != self._me:
                return False
            self._etag = found.mark
        else:
            self._etag = str(written["ETag"])
        # From its start on: that is when another who looks may have seen it.
        self._beaten = started
        self._count += 1
        return True

    def _wait_for_its_end(self) -> bool:
        """Take it over where its holder is gone; False if it is free, or changed hands."""
        found = await_gone(
            self._look,
            partial(ClusterHeld, self.cluster),
            clock=self.clock,
            say=self.say,
            patience=GONE,
            poll=_POLL,
        )
        if found is None:
            return False
        self.gone = (*found.gone, found.holder)
        if not self._write(IfMatch=found.mark):
            return False
        self.taken_over = found.holder
        self.say(f"took over from {found.holder}, which is gone")
        return True

    def _look(self) -> "_Found | None":
        return look(self._s3, self.bucket)

    def _beat(self) -> None:
        while not self._stop.wait(BEATS):
            # One that does not arrive is seen by `check`, when it matters.
            with suppress(BeeyardError), in_words():
                if not self._write(IfMatch=self._etag):
                    self._lost = "somebody else has taken it over"
                    return


@dataclass(frozen=True)
class _Found:
    """The lock in the bucket; its mark is its ETag."""

    mark: str
    holder: Holder
    gone: tuple[Holder, ...]


def look(s3: Any, bucket: str) -> _Found | None:
    """Who holds the lock in a bucket; None where nobody does."""
    try:
        found = s3.get_object(Bucket=bucket, Key=KEY)
    except ClientError as error:
        if _code(error) in _NONE:
            return None
        raise
    said: Mapping[str, Any] = json.loads(found["Body"].read())
    gone = tuple(Holder(**one) for one in said["gone"])
    return _Found(str(found["ETag"]), Holder(**said["holder"]), gone)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
