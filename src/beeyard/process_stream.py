"""Processes whose bytes pass through us as they come: the asyncio form of `process`.

`process.Runner` gives back what a command said, as text, when it has ended. What is here is for
streams that are too large to hold, and for ends that other events decide: somebody hangs up.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

from beeyard.errors import BeeyardError, ToolError
from beeyard.process import Command, CommandTimeout

#: Bytes that are read at once. A stream holds twice as much at most before the process has to wait.
PIECE = 65536
_SAID = 8192
_GRACE = 5.0


class TooMuchOutput(BeeyardError):
    """A process wrote more than its caller is ready to hold; it was stopped."""


class Stream:
    """A process that runs, with its three streams. Made by `streaming`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._said = bytearray()
        self._listening = asyncio.create_task(self._listen())

    async def read(self) -> bytes:
        """The next bytes of its standard output; empty at the end of it."""
        output = self._process.stdout
        return b"" if output is None else await output.read(PIECE)

    async def write(self, data: bytes) -> bool:
        """Hand it `data`, and wait until it has room for more. False: it reads no more."""
        target = self._process.stdin
        if target is None or target.is_closing():
            return False
        try:
            target.write(data)
            await target.drain()
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def close_input(self) -> None:
        """Let it read the end of its input."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def end(self) -> int:
        """Wait for its end; its exit code, negative for a signal."""
        code = await self._process.wait()
        # A grandchild may hold the stream open.
        await asyncio.wait([self._listening], timeout=1.0)
        return code

    @property
    def said(self) -> str:
        """The last that it wrote to standard error."""
        return self._said.decode(errors="replace").strip()

    async def release(self, grace: float) -> None:
        """End it and its group if it runs, asked first, so that it can tidy up, and killed after
        `grace` seconds; then close its streams."""
        # `wait` waits for the end of the streams as well (python/cpython#119710), so they are read.
        reading = asyncio.create_task(self._discard())
        try:
            if self._process.returncode is None:
                await self._stop(grace)
        finally:
            reading.cancel()
            self._listening.cancel()
            # There is no public way to close the pipes of a process that was not read to its end.
            self._process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001
        await asyncio.wait([reading, self._listening])

    async def _stop(self, grace: float) -> None:
        try:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), grace)
        finally:
            self._signal(signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _GRACE)

    async def _discard(self) -> None:
        while await self.read():
            pass

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def _listen(self) -> None:
        errors = self._process.stderr
        while errors is not None and (data := await errors.read(PIECE)):
            self._said += data
            del self._said[:-_SAID]


@contextlib.asynccontextmanager
async def streaming(
    command: Command, *, inherit: bool = True, output: int | None = None, grace: float = _GRACE
) -> AsyncIterator[Stream]:
    """A process of this machine, for as long as the block runs: what is left of it then is ended.

    inherit  whether the command's environment adds to ours (as with `Runner`), or is all of it
    output   a file descriptor that gets its standard output instead of `read`
    grace    seconds in which it may end by itself, after it was asked

    The command's input, timeout and tie are not for here. Raises ToolError if it can't be started.
    """
    stream = Stream(await _start(command, inherit=inherit, output=output))
    try:
        yield stream
    finally:
        await stream.release(grace)


@dataclass(frozen=True)
class Captured:
    """What a process said: standard output as bytes, the last of standard error as text."""

    code: int
    output: bytes
    said: str


async def capture(command: Command, *, inherit: bool = True, limit: int = 1 << 20) -> Captured:
    """Run to the end, with the command's input and timeout, holding `limit` bytes at most.

    Raises TooMuchOutput, CommandTimeout, or ToolError if it can't be started.
    """
    async with streaming(command, inherit=inherit) as stream:
        feeding = asyncio.create_task(_feed(stream, command.input))
        try:
            async with asyncio.timeout(command.timeout):
                output = await _read(stream, command, limit)
                return Captured(await stream.end(), output, stream.said)
        except TimeoutError:
            raise CommandTimeout(
                f"`{command}` was stopped after {command.timeout:g} s without an end",
                why=stream.said or None,
            ) from None
        finally:
            feeding.cancel()
            await asyncio.wait([feeding])


async def _feed(stream: Stream, data: bytes | None) -> None:
    if data is not None:
        await stream.write(data)
    stream.close_input()


async def _read(stream: Stream, command: Command, limit: int) -> bytes:
    output = bytearray()
    while data := await stream.read():
        output += data
        if len(output) > limit:
            raise TooMuchOutput(f"`{command}` wrote more than {limit} bytes")
    return bytes(output)


async def _start(
    command: Command, *, inherit: bool, output: int | None
) -> asyncio.subprocess.Process:
    if command.cwd is not None and not command.cwd.is_dir():
        raise ToolError(f"`{command}` can't be run in {command.cwd}", why="there is no such folder")
    try:
        return await asyncio.create_subprocess_exec(
            *command.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE if output is None else output,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **command.env} if inherit else dict(command.env),
            cwd=command.cwd,
            limit=PIECE,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise ToolError(
            f"`{command.argv[0]}` is not installed",
            why=str(error),
            fix=f"install {command.argv[0]} and see that it is on PATH",
        ) from error
    except OSError as error:
        raise ToolError(f"`{command.argv[0]}` can't be started", why=str(error)) from error
