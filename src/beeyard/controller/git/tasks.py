"""Two things at once, of which neither outlives the other."""

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

S = TypeVar("S")
T = TypeVar("T")
Work = Coroutine[Any, Any, T]


async def both(one: Work[S], other: Work[T]) -> tuple[S, T]:
    """Run both to their ends, and give what they gave. If one fails, that is raised, and ends the
    other."""
    first, second = await _together(one, other, asyncio.FIRST_EXCEPTION)
    return first.result(), second.result()


async def until(one: Work[NoReturn], other: Work[T]) -> T:
    """Run `other` to its end, and give what it gave. `one` goes on meanwhile; if it raises, that
    ends both."""
    return (await _together(one, other, asyncio.FIRST_COMPLETED))[1].result()


async def _together(
    one: Work[S], other: Work[T], when: str
) -> tuple[asyncio.Task[S], asyncio.Task[T]]:
    """Both as tasks that have ended, unless neither failed and one is cancelled."""
    first, second = asyncio.create_task(one), asyncio.create_task(other)
    try:
        await asyncio.wait([first, second], return_when=when)
        for task in (first, second):
            if task.done() and (error := task.exception()):
                raise error
        return first, second
    finally:
        first.cancel()
        second.cancel()
        await asyncio.wait([first, second])
