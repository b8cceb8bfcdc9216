"""A `Runner` and `Starter` that starts nothing: it records commands and plays scripted answers."""

from dataclasses import dataclass, field
from types import EllipsisType, TracebackType
from typing import Self

from beeyard.errors import BeeyardError, ToolError
from beeyard.process import (
    Command,
    CommandFailed,
    CommandTimeout,
    Completed,
    LineHandler,
)


@dataclass
class _Expected:
    argv: tuple[str | EllipsisType, ...]
    stdout: str
    stderr: str
    code: int
    seconds: float
    missing: bool
    raises: BeeyardError | None
    left: int

    def matches(self, argv: tuple[str, ...]) -> bool:
        if self.argv and self.argv[-1] is Ellipsis:
            return argv[: len(self.argv) - 1] == self.argv[:-1]
        return argv == self.argv


@dataclass
class FakeRunning:
    """A process in the background that never was: `code` and `text` are what a test sets."""

    command: Command
    code: int | None = None
    text: str = ""
    stopped: bool = False

    def said(self, lines: int = 12) -> str:
        return "\n".join(self.text.strip().splitlines()[-lines:])

    def stop(self) -> None:
        self.stopped = True
        if self.code is None:
            self.code = -2


@dataclass
class FakeRunner:
    """Plays what `expect` scripted; any other command is an AssertionError.

    `calls` holds every command, in order; `running` what was started in the background. As a
    context manager it fails at the end if a scripted command never came.
    """

    calls: list[Command] = field(default_factory=list)
    running: list[FakeRunning] = field(default_factory=list)
    _script: list[_Expected] = field(default_factory=list)

    def expect(
        self,
        *argv: str | EllipsisType,
        stdout: str = "",
        stderr: str = "",
        code: int = 0,
        seconds: float = 0.0,
        missing: bool = False,
        raises: BeeyardError | None = None,
        times: int = 1,
    ) -> Self:
        """Script the answer to a command; a trailing `...` stands for any further arguments.

        `seconds`  how long it would take: longer than the command's timeout is a CommandTimeout
        `missing`  the program is not installed
        `raises`   this error instead of an answer
        `times`    how often it may come
        """
        self._script.append(_Expected(argv, stdout, stderr, code, seconds, missing, raises, times))
        return self

    def run(
        self,
        command: Command,
        *,
        check: bool = True,
        on_line: LineHandler | None = None,
    ) -> Completed:
        answer = self._take(command)
        if on_line:
            for line in (answer.stdout + answer.stderr).splitlines():
                on_line(line)
        if command.timeout is not None and answer.seconds > command.timeout:
            raise CommandTimeout(
                f"`{command}` was stopped after {command.timeout:g} s without an end",
                why=(answer.stderr.strip() or answer.stdout.strip()) or None,
            )
        completed = Completed(command, answer.code, answer.stdout, answer.stderr, answer.seconds)
        if check and answer.code != 0:
            raise CommandFailed(completed)
        return completed

    def start(self, command: Command) -> FakeRunning:
        answer = self._take(command)
        process = FakeRunning(
            command, code=answer.code or None, text=answer.stderr or answer.stdout
        )
        self.running.append(process)
        return process

    def _take(self, command: Command) -> _Expected:
        self.calls.append(command)
        argv = tuple(command.argv)
        for expected in self._script:
            if expected.left and expected.matches(argv):
                expected.left -= 1
                if expected.missing:
                    raise ToolError(
                        f"`{argv[0]}` is not installed",
                        fix=f"install {argv[0]} and see that it is on PATH",
                    )
                if expected.raises is not None:
                    raise expected.raises
                return expected
        raise AssertionError(f"nothing was scripted for `{command}`")

    def assert_done(self) -> None:
        """Fail if a scripted command has not come."""
        left = [expected.argv for expected in self._script if expected.left]
        if left:
            raise AssertionError(f"these commands never came: {left}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.assert_done()
