"""Two things at once, of which neither outlives the other."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
Work = Coroutine[Any, Any, T]


async def both(one: Work[None], other: Work[T]) -> T:
    """Run both to their ends, and give what `other` gave. If one fails, that is raised, and ends
    the other."""
    return await _together(one, other, asyncio.FIRST_EXCEPTION)


async def until(one: Work[None], other: Work[T]) -> T:
    """Run `other` to its end, and give what it gave. `one` goes on meanwhile, and ends both if it
    raises; it must not end otherwise."""
    return await _together(one, other, asyncio.FIRST_COMPLETED)


async def _together(one: Work[None], other: Work[T], when: str) -> T:
    first, second = asyncio.create_task(one), asyncio.create_task(other)
    try:
        await asyncio.wait([first, second], return_when=when)
        for task in (first, second):
            if task.done():
                task.result()
        return second.result()
    finally:
        for task in (first, second):
            task.cancel()
        await asyncio.wait([first, second])
