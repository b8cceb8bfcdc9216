"""The only place that starts a process.

`Runner` is the seam: `LocalRunner` on this machine, `SshRunner` on a node, `ContainerRunner` in a
container. Each takes an argv list, never a shell string. `Starter` is the seam for a process that
goes on beside us. The fake that records calls and plays scripted answers to both is
`beeyard.testing.FakeRunner`.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn, Protocol

from beeyard import process_file
from beeyard.errors import BeeyardError, ToolError

LineHandler = Callable[[str], None]

# Takes as many bytes as its first argument says from standard input, as assignments, and becomes
# the command that follows, for which the rest of the input is.
_WITH_ENVIRONMENT = 'set -a; eval "$(head -c "$1")"; set +a; shift; exec "$@"'


@dataclass(frozen=True)
class Command:
    """What is to be run: argv, what it reads, where, and for how long (seconds).

    `tied`, for one in the background: its standard input stays open for as long as we live. One
    that ends with its input so ends with us, however we end. `output`, for what must not be cut off
    in its middle: all that it says goes through this file, so it goes on if we are killed, and
    `process_file.is_written` tells whether it does. Ctrl-C still reaches it.
    """

    argv: Sequence[str]
    input: bytes | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    timeout: float | None = None
    tied: bool = False
    output: Path | None = None

    def __str__(self) -> str:
        return shlex.join(self.argv)


@dataclass(frozen=True)
class Completed:
    """What a process said. `seconds` is wall time."""

    command: Command
    code: int
    stdout: str
    stderr: str
    seconds: float

    def tail(self, lines: int = 12) -> str:
        """The last lines of its output, standard error first choice: for an error's `why`."""
        return _tail(self.stdout, self.stderr, lines)


class CommandFailed(BeeyardError):
    """A process ended with a code other than 0; carries the argv and the output."""

    def __init__(self, completed: Completed) -> None:
        super().__init__(
            f"`{completed.command}` ended with exit code {completed.code}",
            why=completed.tail() or None,
        )
        self.completed = completed


class CommandTimeout(BeeyardError):
    """A process did not end within its deadline and was stopped."""


class Runner(Protocol):
    """Runs commands somewhere."""

    def run(
        self,
        command: Command,
        *,
        check: bool = True,
        on_line: LineHandler | None = None,
    ) -> Completed:
        """Run to the end and give back what it said.

        `on_line` is called with each line of standard output and error as it comes.
        Raises CommandFailed (with `check`), CommandTimeout, or ToolError if it can't be started.
        """
        ...


class Running(Protocol):
    """A process that goes on beside us until it ends or is stopped."""

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        ...

    def said(self, lines: int = 12) -> str:
        """The last lines that it wrote so far, standard error first choice; all that it wrote, once
        it has ended."""
        ...

    def stop(self) -> None:
        """End it and all that it started. Does nothing if it has ended."""
        ...


class Starter(Protocol):
    """Starts commands that are not waited for."""

    def start(self, command: Command) -> Running:
        """Start it in the background; the caller stops it. Raises ToolError if it can't be."""
        ...


class LocalRunner:
    """Runs on this machine; the environment is this process's plus the command's own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()

    def interrupt(self) -> None:
        """Pass Ctrl-C on to every process that runs now, whichever thread waits for it."""
        with self._lock:
            for process in self._processes:
                _signal_group(process, signal.SIGINT)

    def run(
        self,
        command: Command,
        *,
        check: bool = True,
        on_line: LineHandler | None = None,
    ) -> Completed:
        started = time.monotonic()
        process, streams = _start(command, on_line)
        with self._lock:
            self._processes.add(process)
        try:
            code = process.wait(timeout=command.timeout)
        except subprocess.TimeoutExpired:
            _stop(process)
            raise CommandTimeout(
                f"`{command}` was stopped after {command.timeout:g} s without an end",
                why=_tail(*streams.join()) or None,
            ) from None
        except BaseException:
            _stop(process)
            raise
        finally:
            with self._lock:
                self._processes.discard(process)
        stdout, stderr = streams.join()
        streams.raise_failure()
        completed = Completed(command, code, stdout, stderr, time.monotonic() - started)
        if check and code != 0:
            raise CommandFailed(completed)
        return completed

    def start(self, command: Command) -> "LocalRunning":
        return LocalRunning(*_start(command, None))


class LocalRunning:
    """A process in the background on this machine, as LocalRunner starts it."""

    def __init__(self, process: subprocess.Popen[bytes], streams: "_Streams") -> None:
        self._process = process
        self._streams = streams

    @property
    def code(self) -> int | None:
        return self._process.poll()

    def said(self, lines: int = 12) -> str:
        found = self._streams.so_far() if self.code is None else self._streams.join()
        return _tail(*found, lines=lines)

    def stop(self) -> None:
        if self.code is None:
            _stop(self._process)
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._streams.join()


@dataclass(frozen=True)
class SshRunner:
    """Runs on a node by the OpenSSH client, as `ssh_config` describes the host.

    The command's environment goes ahead of its input: in an argv, whoever may list the node's
    processes could read it.
    """

    local: Runner
    ssh_config: Path
    host: str
    sudo: bool = False
    #: Of the OpenSSH client, as it calls them, before what `ssh_config` says.
    options: tuple[str, ...] = ()

    def run(
        self,
        command: Command,
        *,
        check: bool = True,
        on_line: LineHandler | None = None,
    ) -> Completed:
        sudo = ["sudo", "-n"] if self.sudo else []
        folder = ["env", "-C", str(command.cwd)] if command.cwd else []
        environment, given = self._environment(command)
        argv = [*sudo, *folder, *environment, *command.argv]
        ssh = [
            "ssh",
            "-F",
            str(self.ssh_config),
            *(word for option in self.options for word in ("-o", option)),
            "-T",
            self.host,
            "--",
            shlex.join(argv),
        ]
        return self.local.run(
            Command(ssh, input=given + (command.input or b""), timeout=command.timeout),
            check=check,
            on_line=on_line,
        )

    @staticmethod
    def _environment(command: Command) -> tuple[list[str], bytes]:
        """What stands before the command, and what it reads."""
        if not command.env:
            return [], b""
        text = "".join(f"{key}={shlex.quote(value)}\n" for key, value in command.env.items())
        return ["sh", "-c", _WITH_ENVIRONMENT, "sh", str(len(text.encode()))], text.encode()


@dataclass(frozen=True)
class ContainerRunner:
    """Runs in a running container by `docker exec`, which takes the environment from its own."""

    local: Runner
    container: str

    def run(
        self,
        command: Command,
        *,
        check: bool = True,
        on_line: LineHandler | None = None,
    ) -> Completed:
        flags = [flag for key in command.env for flag in ("-e", key)]
        if command.cwd:
            flags += ["-w", str(command.cwd)]
        argv = ["docker", "exec", "-i", *flags, self.container, *command.argv]
        return self.local.run(
            Command(argv, command.input or b"", command.env, timeout=command.timeout),
            check=check,
            on_line=on_line,
        )


def replace_by(argv: Sequence[str]) -> NoReturn:
    """Become that program: for `ssh`, which wants the terminal for itself."""
    try:
        os.execvp(argv[0], list(argv))  # noqa: S606
    except FileNotFoundError as error:
        raise ToolError(f"`{argv[0]}` is not installed", fix=f"install {argv[0]}") from error


def _start(
    command: Command, on_line: LineHandler | None
) -> "tuple[subprocess.Popen[bytes], _Streams]":
    process: subprocess.Popen[bytes] | None = None
    try:
        with _signals_held():
            process = _popen(command)
            data = None if command.tied else command.input or b""
            streams = _Streams(process, _outputs(process, command), data, on_line)
    except BaseException:
        if process is not None:
            _stop(process)
        raise
    return process, streams


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until a process that starts is one that we know of."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # Those that are ignored, or end us at once, stay so: a child inherits what is ignored.
    held = {number: handler for number, handler in before.items() if callable(handler)}
    try:
        for number in held:
            signal.signal(number, lambda number, _: came.append(number))
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _outputs(process: subprocess.Popen[bytes], command: Command) -> "Sequence[_Output]":
    if command.output is not None:
        return [process_file.Followed(command.output, lambda: process.poll() is None)]
    return [stream for stream in (process.stdout, process.stderr) if stream is not None]


def _popen(command: Command) -> subprocess.Popen[bytes]:
    if command.output is None:
        return _popen_with(command, subprocess.PIPE, subprocess.PIPE)
    with process_file.opened(command.output) as file:
        return _popen_with(command, file, subprocess.STDOUT)


def _popen_with(command: Command, stdout: IO[bytes] | int, stderr: int) -> subprocess.Popen[bytes]:
    if command.cwd is not None and not command.cwd.is_dir():
        raise ToolError(f"`{command}` can't be run in {command.cwd}", why="there is no such folder")
    try:
        return subprocess.Popen(
            list(command.argv),
            stdin=subprocess.PIPE
            if command.tied or command.input is not None
            else subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **command.env},
            cwd=command.cwd,
            # A group of its own: Ctrl-C reaches us first, and we pass it on once, to all of it.
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


def _stop(process: subprocess.Popen[bytes], grace: float = 20.0) -> None:
    """Interrupt the process's group as Ctrl-C would; kill what is left after `grace` seconds."""
    try:
        _signal_group(process, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=grace)
    finally:
        # Also where Ctrl-C came again, and for children that ignore SIGINT (a shell's do).
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _tail(stdout: str, stderr: str, lines: int = 12) -> str:
    text = stderr.strip() or stdout.strip()
    return "\n".join(text.splitlines()[-lines:])


class _Output(Protocol):
    """What a process says, line by line, until its end."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


class _Streams:
    """Feeds and reads a process in threads, so that no stream fills and blocks it, or us."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        outputs: "Sequence[_Output]",
        data: bytes | None,
        on_line: LineHandler | None,
    ) -> None:
        self._on_line = on_line
        self._lock = threading.Lock()
        self._failure: Exception | None = None
        self._parts: tuple[list[str], list[str]] = ([], [])
        self._threads = [
            threading.Thread(target=self._read, args=(stream, part), daemon=True)
            for stream, part in zip(outputs, self._parts, strict=False)
        ]
        if process.stdin is not None and data is not None:
            feeder = threading.Thread(target=_feed, args=(process.stdin, data), daemon=True)
            feeder.start()
        for thread in self._threads:
            thread.start()

    def _read(self, stream: "_Output", part: list[str]) -> None:
        for raw in stream:
            line = raw.decode(errors="replace")
            part.append(line)
            self._tell(line.rstrip("\n"))
        stream.close()

    def _tell(self, line: str) -> None:
        """Hand on one line at a time. A handler's failure must not keep us from reading on."""
        if self._on_line is None:
            return
        with self._lock:
            if self._failure is None:
                try:
                    self._on_line(line)
                except Exception as error:  # noqa: BLE001
                    self._failure = error

    def raise_failure(self) -> None:
        """Raise what the handler of lines raised, if it did."""
        if self._failure is not None:
            raise self._failure

    def so_far(self) -> tuple[str, str]:
        return "".join(self._parts[0]), "".join(self._parts[1])

    def join(self) -> tuple[str, str]:
        # A grandchild may hold the pipe open after its parent ended (ssh's ControlMaster does).
        for thread in self._threads:
            thread.join(timeout=5.0)
        return self.so_far()


def _feed(stream: IO[bytes], data: bytes) -> None:
    # A process that ends without reading says why by its exit code and words.
    with contextlib.suppress(BrokenPipeError):
        stream.write(data)
    with contextlib.suppress(BrokenPipeError):
        stream.close()
