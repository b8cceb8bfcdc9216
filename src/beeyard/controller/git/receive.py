"""Pushes: `git receive-pack`, read on its way in and out.

On the way in, the refs that are to be moved; on the way out, Git's report of those that were. There
is no hook: the report is what a hook would be told, and comes where the pusher's connection is.
"""

import logging
from collections.abc import Collection

from beeyard.controller.git.commands import Head, Report, answered, read_report
from beeyard.controller.git.environment import git
from beeyard.controller.git.errors import ClientGone, GitError, ProtocolError, Refusal
from beeyard.controller.git.exchange import Answer, Body
from beeyard.controller.git.history import refs
from beeyard.controller.git.names import BRANCHES, NOTHING, TAGS
from beeyard.controller.git.pktline import DATA, Packets, packet, unpacked
from beeyard.controller.git.repositories import Repository
from beeyard.controller.git.run import failed
from beeyard.controller.git.tasks import both
from beeyard.process import Command
from beeyard.process_stream import Stream, streaming

ONLY = "only branches and tags are kept here"
RESULT = "application/x-git-receive-pack-result"

# Bytes of Git's words that wait until the client has sent everything.
_HELD = 1 << 20
_REPORT = 16 << 20

_log = logging.getLogger(__name__)


class _TooLarge(Exception):
    """More came than a push may have."""


class Receiving:
    """One push into a repository, from the end of its head on.

    pusher  the name that the reflog gets
    limit   bytes of what is pushed
    """

    def __init__(
        self, repository: Repository, pusher: str, body: Body, answer: Answer, limit: int
    ) -> None:
        self._repository = repository
        self._pusher = pusher
        self._body = body
        self._answer = answer
        self._limit = limit

    async def run(self, head: Head, packets: Packets) -> Report:
        """Hand the push to Git, and Git's words to the pusher, all but the last packet.

        A client that hangs up ends what it sends, not what Git makes of it: whatever was moved is
        in the report. Raises Refusal for a client that wants no report, if nothing was taken.
        """
        mistake = _mistake(head)
        if mistake:
            return await self._say(head, *mistake)
        try:
            return await self._hand_over(head, packets)
        except _TooLarge:
            words = f"this push has more than the {_size(self._limit)} that one may have"
            return await self._say(head, "too large", words)
        except GitError as error:
            _log.error("%s: %s", error.what, error.why)
            there = await refs(self._repository)
            moved = [one.ref for one in head.changes if there.get(one.ref, NOTHING) == one.after]
            return await self._say(head, "Git failed", f"{error.what}: {error.why}", moved)

    async def _hand_over(self, head: Head, packets: Packets) -> Report:
        async with streaming(self._receive_pack(), inherit=False) as process:
            relay = _Relay(self._repository, process, self._body, self._answer, head)
            fits, report = await both(self._feed(process, head, packets), relay.run())
            # It tidies up after its last words.
            await process.end()
        if not fits:
            raise _TooLarge
        await relay.release()
        return report

    def _receive_pack(self) -> Command:
        path = self._repository.path
        # Source: git(1), "GIT_COMMITTER_NAME": who the reflog names.
        name = "".join(one for one in self._pusher if one.isprintable() and one not in "<>")
        who = {"GIT_COMMITTER_NAME": name.strip() or "unknown", "GIT_COMMITTER_EMAIL": "pusher"}
        size = [("receive.maxInputSize", str(self._limit))]
        return git(path, "receive-pack", "--stateless-rpc", str(path), settings=size, more=who)

    async def _feed(self, process: Stream, head: Head, packets: Packets) -> bool:
        """Hand on all that comes; once Git reads no more, it is thrown away. False: it is too much.

        What is cut off ends with the end of its input: then Git tidies up, which it does not if it
        gets a signal (release notes of Git 2.39).
        """
        await process.write(head.encoded())
        count = 0
        try:
            data = packets.rest() or await self._body.read()
            while data and count + len(data) <= self._limit:
                count += len(data)
                await process.write(data)
                data = await self._body.read()
            return not data
        except ClientGone:
            return True
        finally:
            process.close_input()

    async def _say(self, head: Head, why: str, words: str, moved: Collection[str] = ()) -> Report:
        """Answer that only these refs were moved, once the client listens: after it has sent all,
        or twice of what it may."""
        refused = tuple((one.ref, why) for one in head.changes if one.ref not in moved)
        report = Report(why, tuple(moved), refused)
        if not head.reports and not moved:
            raise Refusal(403, f"{words}\n")
        most = self._body.size + self._limit
        while await self._body.read() and self._body.size < most:
            pass
        if not self._answer.started:
            await self._answer.start(RESULT)
        await self._answer.write(answered(head, report, words) if head.reports else b"")
        return report


class _Relay:
    """Reads what Git answers, and passes on what the client has asked for.

    Nothing is sent before all has come: not every client, or proxy, reads while it writes.
    """

    def __init__(
        self, repository: Repository, process: Stream, body: Body, answer: Answer, head: Head
    ) -> None:
        self._repository = repository
        self._process = process
        self._body = body
        self._answer = answer
        self._head = head
        self._held = bytearray()

    async def run(self) -> Report:
        packets = Packets(self._process.read)
        report = bytearray()
        try:
            while (data := await packets.next()) is not None:
                if data[:1] == bytes([DATA]):
                    report += data[1:]
                if len(report) > _REPORT:
                    raise GitError("Git's report of a push has no end")
                await self._pass(data)
            return read_report(list(unpacked(bytes(report))))
        except (EOFError, ProtocolError):
            await self._process.end()
            raise failed(self._repository, "receive-pack", self._process.said) from None

    async def release(self) -> None:
        """Send what was held back."""
        if not self._answer.started:
            await self._answer.start(RESULT)
        held, self._held = self._held, bytearray()
        await self._answer.write(bytes(held))

    async def _pass(self, data: bytes) -> None:
        band, payload = data[:1], data[1:]
        if band == bytes([DATA]) and payload and not self._head.reports:
            return
        plain = payload if band == bytes([DATA]) else b""
        shown = packet(data) if self._head.bands else plain
        if self._body.complete:
            await self.release()
            await self._answer.write(shown)
        elif len(self._held) < _HELD:
            self._held += shown


def _mistake(head: Head) -> tuple[str, str] | None:
    """Why a push is refused whole before Git sees it, in few words and in more."""
    names = [one.ref for one in head.changes]
    if any(0xDC80 <= ord(one) <= 0xDCFF for name in names for one in name):
        return "no UTF-8", "names of branches and tags are UTF-8"
    # Git refuses such refs alone, and lets the others in, also where all or none are to be.
    if head.atomic and not all(name.startswith((BRANCHES, TAGS)) for name in names):
        return "not all of it can be", ONLY
    return None


def _size(count: int) -> str:
    """Bytes, in words."""
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count} bytes"
