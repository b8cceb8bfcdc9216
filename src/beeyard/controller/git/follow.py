"""What the pusher sees after the push: lines of ours, as `remote: …`, for as long as it takes."""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

from beeyard.controller.git.exchange import Answer
from beeyard.controller.git.pktline import KEEP_ALIVE, WORDS, on_band
from beeyard.controller.git.push import Push
from beeyard.errors import BeeyardError, render

#: What the controller does with pushes, and says of it, in texts of a line or more. All that it
#: does before its first text is done in any case. What comes after is for whoever looks on, and is
#: cut short as soon as nobody does (`aclose`), so nothing that has to happen may depend on it.
OnPush = Callable[[Sequence[Push]], AsyncGenerator[str, None]]

_LEAVING = "the controller is being moved, and goes on with it elsewhere"

# Colours stay; what else a log may hold for a terminal does not.
_CONTROL = re.compile(r"(\x1b\[[0-9;]*m)|\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_log = logging.getLogger(__name__)
# The loop holds tasks weakly only.
_kept: set[asyncio.Task[str | None]] = set()


@dataclass(frozen=True)
class Audience:
    """Whoever pushed, and may look on.

    listens  whether it can be told anything, and wants to be
    gone     ends when it hangs up
    leaving  set when we have to go
    every    seconds of silence after which it gets a sign of life
    """

    answer: Answer
    listens: bool
    gone: asyncio.Task[None]
    leaving: asyncio.Event
    every: float

    async def say(self, line: str) -> None:
        if self.listens:
            await self.answer.write(on_band(WORDS, shown(line)))

    async def stay(self) -> None:
        if self.listens:
            await self.answer.write(KEEP_ALIVE)

    @property
    def is_gone(self) -> bool:
        return self.gone.done() or self.answer.gone


def shown(line: str) -> bytes:
    """A line, or several, as may go to somebody's terminal."""
    text = _CONTROL.sub(lambda match: match[1] or "", line.rstrip("\n"))
    return f"{text}\n".encode(errors="replace")


async def follow(lines: AsyncGenerator[str, None], audience: Audience, *, stay: bool) -> None:
    """Tell the audience what `lines` give: the first, and with `stay` the others while it is there.

    The first is waited for in any case, and goes on if we are cancelled.
    """
    told = _told(lines)
    turn = asyncio.create_task(_turn(told))
    _kept.add(turn)
    turn.add_done_callback(_kept.discard)
    while not turn.done():
        await asyncio.wait([turn], timeout=audience.every)
        await audience.stay()
    async with contextlib.aclosing(told):
        line = turn.result()
        while line is not None:
            await audience.say(line)
            line = await _next(told, audience) if stay and audience.listens else None


async def _next(told: AsyncGenerator[str, None], audience: Audience) -> str | None:
    """The next line; None at the end, or when nobody is there any more."""
    if audience.is_gone:
        return None
    turn = asyncio.create_task(_turn(told))
    leaving = asyncio.create_task(audience.leaving.wait())
    try:
        while not turn.done():
            await asyncio.wait(
                [turn, leaving, audience.gone],
                timeout=audience.every,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if turn.done():
                break
            if leaving.done():
                await audience.say(_LEAVING)
            if leaving.done() or audience.is_gone:
                return None
            await audience.stay()
        return turn.result()
    finally:
        for task in (turn, leaving):
            task.cancel()
        await asyncio.wait([turn, leaving])


async def _turn(told: AsyncGenerator[str, None]) -> str | None:
    return await anext(told, None)


async def _told(lines: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """The lines, and what went wrong in them, in words. The push is done in any case."""
    async with contextlib.aclosing(lines):
        try:
            async for line in lines:
                yield line
        except BeeyardError as error:
            yield "the push is taken, but then something failed"
            for line in render(error).splitlines():
                yield line
        except Exception:  # noqa: BLE001 (the pusher hears of it, and the log)
            _log.exception("after a push")
            yield "the push is taken, but what follows it failed; the controller's log has more"
