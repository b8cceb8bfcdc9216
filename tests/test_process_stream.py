"""Processes whose bytes pass through us, started for real."""

import asyncio
import os
import signal
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from beeyard.errors import ToolError
from beeyard.process import Command, CommandTimeout
from beeyard.process_stream import Stream, TooMuchOutput, capture, streaming
from beeyard.waiting import SystemClock, wait_until

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, 20))


def shell(script: str, **more: Any) -> Command:
    return Command(["sh", "-c", script], **more)


def test_bytes_pass_both_ways_and_are_not_held() -> None:
    async def through() -> int:
        count = 0
        async with streaming(Command(["cat"])) as stream:

            async def feed() -> None:
                for _ in range(100):
                    assert await stream.write(b"\xff" * 100_000)
                stream.close_input()

            feeding = asyncio.create_task(feed())
            while data := await stream.read():
                assert len(data) <= 131_072
                count += len(data)
            await feeding
            assert await stream.end() == 0
        return count

    assert run(through()) == 10_000_000


def test_one_that_reads_no_more_is_noticed() -> None:
    async def feed() -> tuple[bool, int]:
        async with streaming(shell("exec <&-; echo closed >&2; sleep 0.1; exit 3")) as stream:
            taken = True
            while taken:
                taken = await stream.write(b"x" * 65536)
            return taken, await stream.end()

    assert run(feed()) == (False, 3)


def test_what_was_said_last_is_kept() -> None:
    async def listen() -> str:
        async with streaming(shell("seq 1 100000 >&2; echo last >&2")) as stream:
            stream.close_input()
            await stream.end()
            return stream.said

    said = run(listen())
    assert said.endswith("100000\nlast")
    assert len(said) <= 8192


def pid_of(folder: Path) -> int:
    path = folder / "pid"
    wait_until(
        lambda: path.exists() and path.read_text().endswith("\n"),
        clock=SystemClock(),
        deadline=10,
        interval=0.01,
    )
    return int(path.read_text())


@pytest.mark.parametrize("trap", ["", "trap '' TERM;"])
def test_leaving_the_block_ends_it_and_its_children(tmp_path: Path, trap: str) -> None:
    async def leave() -> None:
        script = f"{trap} sh -c 'echo $$ > pid; exec sleep 60' & wait"
        async with streaming(shell(script, cwd=tmp_path), grace=0.2):
            await asyncio.to_thread(pid_of, tmp_path)

    run(leave())
    wait_until(lambda: not alive(pid_of(tmp_path)), clock=SystemClock(), deadline=10, interval=0.01)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_it_is_asked_before_it_is_killed(tmp_path: Path) -> None:
    async def leave() -> None:
        script = (
            "trap 'echo tidy > tidied; exit 0' TERM; echo $$ > pid; while :; do sleep 0.02; done"
        )
        async with streaming(shell(script, cwd=tmp_path)):
            await asyncio.to_thread(pid_of, tmp_path)

    run(leave())
    assert (tmp_path / "tidied").read_text() == "tidy\n"


def test_who_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    async def cancel() -> None:
        command = shell("echo $$ > pid; exec sleep 60", cwd=tmp_path)
        task = asyncio.create_task(capture(command))
        await asyncio.to_thread(pid_of, tmp_path)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(cancel())
    assert not alive(pid_of(tmp_path))


def test_its_environment_is_ours_and_more_or_all_its_own() -> None:
    command = Command(["/usr/bin/env"], env={"OWN": "1"})
    whole = run(capture(command)).output.decode()
    assert f"PATH={os.environ['PATH']}\n" in whole
    assert "OWN=1\n" in whole
    assert run(capture(command, inherit=False)).output == b"OWN=1\n"


def test_its_output_can_go_elsewhere(tmp_path: Path) -> None:
    async def into(descriptor: int) -> bytes:
        async with streaming(shell("echo out"), output=descriptor) as stream:
            await stream.end()
            return await stream.read()

    with (tmp_path / "out").open("wb") as file:
        assert run(into(file.fileno())) == b""
    assert (tmp_path / "out").read_bytes() == b"out\n"


def test_what_it_said_is_captured() -> None:
    done = run(capture(shell("cat; echo bad >&2; exit 4", input=b"\x00\xff" * 100_000)))
    assert (done.code, done.output, done.said) == (4, b"\x00\xff" * 100_000, "bad")


def test_without_input_it_reads_the_end() -> None:
    assert run(capture(shell("cat; echo done"))).output == b"done\n"


def test_more_than_the_limit_is_not_held() -> None:
    """And that nobody reads the rest does not keep it from ending."""
    started = time.monotonic()
    with pytest.raises(TooMuchOutput, match="wrote more than 1000 bytes"):
        run(capture(Command(["yes"]), limit=1000))
    assert time.monotonic() - started < 3


def test_the_deadline_holds() -> None:
    with pytest.raises(CommandTimeout, match=r"stopped after 0\.2 s") as caught:
        run(capture(shell("echo begun >&2; exec sleep 60", timeout=0.2)))
    assert caught.value.why == "begun"


def test_a_missing_program_is_named() -> None:
    with pytest.raises(ToolError, match="`no-such-program-anywhere` is not installed"):
        run(capture(Command(["no-such-program-anywhere"])))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="can't be run in"):
        run(capture(Command(["true"], cwd=tmp_path / "none")))


def test_a_program_that_can_not_be_started_is_named(tmp_path: Path) -> None:
    (tmp_path / "program").write_text("")
    with pytest.raises(ToolError, match="can't be started"):
        run(capture(Command([str(tmp_path / "program")])))


def test_a_signal_is_a_negative_code() -> None:
    async def killed() -> int:
        async with streaming(shell("kill -9 $$")) as stream:
            return await ended(stream)

    assert run(killed()) == -signal.SIGKILL


async def ended(stream: Stream) -> int:
    stream.close_input()
    return await stream.end()
