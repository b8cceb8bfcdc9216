"""Stands in for `appleboy/drone-ssh`: runs a script on hosts by SSH.

A script that fails fails the step, with exit code 1 as the published plugin has it: a host's own 78
must not end the pipeline as a success.
"""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncssh

from .settings import Refusal, run
from .ssh_plan import Login, Plan, plan

_FAMILIES = {"tcp": socket.AF_UNSPEC, "tcp4": socket.AF_INET, "tcp6": socket.AF_INET6}
_LONGEST_LINE = 1 << 16
#: Seconds after which a host that says nothing is asked whether it is still there.
_KEEPALIVE = 15


def main() -> None:
    """One step. Raises Refusal."""
    wanted = plan(os.environ)
    print("======CMD======", *wanted.lines, "======END======", sep="\n")
    failures = asyncio.run(_everywhere(wanted))
    if failures:
        raise Refusal("; ".join(failures))
    print(f"the script ended well on all hosts ({len(wanted.hosts)})")


async def _everywhere(wanted: Plan) -> list[str]:
    """Run it on all hosts; give what failed. In turn, the first failure is the last host."""
    if not wanted.in_turn:
        runs = [_failure(wanted, login) for login in wanted.hosts]
        return [failure for failure in await asyncio.gather(*runs) if failure]
    for login in wanted.hosts:
        if failure := await _failure(wanted, login):
            return [failure]
    return []


async def _failure(wanted: Plan, login: Login) -> str:
    """Run it on one host; give why it failed, if it did."""
    try:
        async with _tunnel(wanted) as tunnel, _connected(wanted, login, tunnel) as connection:
            ended = await _script(wanted, login, connection)
    except Refusal as refusal:
        return str(refusal)
    except (OSError, asyncssh.Error) as error:
        return f"{login}: {error or type(error).__name__}"
    if ended.exit_signal:
        return f"{login}: the script was ended by signal {ended.exit_signal[0]}"
    if ended.exit_status is None:
        return f"{login}: the connection was lost before the script ended"
    return f"{login}: Process exited with status {ended.exit_status}" if ended.exit_status else ""


@asynccontextmanager
async def _tunnel(wanted: Plan) -> AsyncIterator[Any]:
    """A connection to the proxy; None where there is none."""
    if wanted.proxy is None:
        yield None
        return
    async with _connected(wanted, wanted.proxy, None) as connection:
        yield connection


@asynccontextmanager
async def _connected(wanted: Plan, login: Login, tunnel: Any) -> AsyncIterator[Any]:
    host_key = _HostKey(login.fingerprint)
    connecting = asyncssh.connect(
        login.host,
        login.port,
        tunnel=tunnel,
        family=_FAMILIES[wanted.family],
        username=login.username,
        password=login.password or None,
        client_keys=_keys(login),
        client_factory=lambda: host_key,
        # None of this container's own settings has a say; all host keys are shown to `host_key`.
        config=None,
        agent_path=None,
        known_hosts=([], [], []),
        keepalive_interval=_KEEPALIVE,
    )
    try:
        connection = await _within(login.timeout, connecting)
    except TimeoutError:
        raise Refusal(f"{login}: no connection within {login.timeout:g} s") from None
    except asyncssh.HostKeyNotVerifiable:
        raise Refusal(
            f"{login}: its key is {host_key.seen}, not the fingerprint {login.fingerprint}"
        ) from None
    except asyncssh.PermissionDenied as error:
        raise Refusal(f"{login}: not let in: {error.reason}") from error
    async with connection:
        if not login.fingerprint:
            print(f"{login}: its key {host_key.seen} was not checked: no fingerprint is given")
        yield connection


async def _within(seconds: float, awaited: Awaitable[Any]) -> Any:
    async with asyncio.timeout(seconds):
        return await awaited


def _keys(login: Login) -> list[asyncssh.SSHKey]:
    if not login.key:
        return []
    try:
        # As a secret, a key often loses its last line's end.
        return [asyncssh.import_private_key(f"{login.key.strip()}\n", login.passphrase or None)]
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise Refusal(f"{login}: the private key can't be used: {error}") from error


class _HostKey(asyncssh.SSHClient):  # type: ignore[misc]
    """Takes a host's key that has the fingerprint, or any if there is none. `seen`: the key's."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        self.seen = ""

    def validate_host_public_key(
        self,
        host: str,  # noqa: ARG002
        addr: str,  # noqa: ARG002
        port: int,  # noqa: ARG002
        key: asyncssh.SSHKey,
    ) -> bool:
        seen = key.get_fingerprint("sha256")
        self.seen = f"{seen} ({key.get_algorithm()})"
        return self._fingerprint in {"", seen}


async def _script(wanted: Plan, login: Login, connection: Any) -> Any:
    """Run it to its end, its output shown line by line; give the process."""
    prefix = f"{login}: " if len(wanted.hosts) > 1 else ""
    async with connection.create_process(wanted.command, errors="replace") as process:
        # One that has ended already says by its exit code what came of it.
        with suppress(BrokenPipeError):
            process.stdin.write(wanted.given)
            process.stdin.write_eof()
        showing = asyncio.gather(
            _show(f"{prefix}out: ", process.stdout), _show(f"{prefix}err: ", process.stderr)
        )
        try:
            async with asyncio.timeout(wanted.command_timeout):
                await showing
                await process.wait_closed()
        except TimeoutError:
            process.terminate()
            raise Refusal(
                f"{login}: the script did not end within {wanted.command_timeout:g} s "
                "(command_timeout)"
            ) from None
    return process


async def _show(prefix: str, stream: Any) -> None:
    """Show a stream's lines as they come; one that is too long, in pieces."""
    rest = ""
    while piece := await stream.read(_LONGEST_LINE):
        *lines, rest = (rest + piece).split("\n")
        for line in lines:
            print(f"{prefix}{line}")
        if len(rest) > _LONGEST_LINE:
            print(f"{prefix}{rest}")
            rest = ""
    if rest:
        print(f"{prefix}{rest}")


if __name__ == "__main__":
    sys.exit(run(main))
