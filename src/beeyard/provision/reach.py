"""Wait until every node lets us in; pin its host key, where that is the first contact."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from beeyard.errors import HostError
from beeyard.inventory import Host, Inventory
from beeyard.process import Command, CommandTimeout, Completed, Runner, SshRunner
from beeyard.waiting import Clock, Timeout, wait_until

#: Seconds that a node may take from the API's "running" to its SSH server's answer.
DEADLINE = 300.0
#: And one that was met before may keep us out: it may be restarting. Only of a new machine is it
#: to be expected that it has its keys long after its SSH server.
KEPT_OUT = 30.0
T = TypeVar("T")


class Silent(HostError):
    """No answer came from a node in time: none, and not one that keeps us out."""


_CHANGED = "REMOTE HOST IDENTIFICATION HAS CHANGED"
# OpenSSH's words for one that is not pinned, at `StrictHostKeyChecking yes`; read after the above.
_UNKNOWN = "Host key verification failed"
_DENIED = "Permission denied ("


def await_ssh(
    inventory: Inventory,
    runner: Runner,
    ssh_config: Path,
    clock: Clock,
    say: Callable[[str], None],
    deadline: float = DEADLINE,
    *,
    first: Collection[str] | bool = False,
) -> None:
    """Return once each node runs a command for us; managers first, since they are the way in.

    first  the identities of nodes that are met for the first time: their host keys are pinned.
           True: of all. OpenSSH asks for the kind of key: one that is pinned is not among them, or
           a key of another kind would be taken for its first

    Raises HostError naming the nodes that did not, with what SSH last said.
    """

    def reach(host: Host) -> None:
        met = first if isinstance(first, bool) else host.identity in first
        options = ("StrictHostKeyChecking=accept-new",) if met else ()
        ssh = SshRunner(runner, ssh_config, host.name, options=options)
        _await(ssh, host, clock, deadline, deadline if met else KEPT_OUT)
        say(f"{host.name} answers")

    for _ in _each(inventory, reach):
        pass


def unreachable(
    inventory: Inventory,
    runner: Runner,
    ssh_config: Path,
    clock: Clock,
    say: Callable[[str], None],
    deadline: float,
) -> dict[str, HostError]:
    """The nodes that do not let us in within `deadline` seconds, by name, and why."""

    def reach(host: Host) -> HostError | None:
        try:
            _await(SshRunner(runner, ssh_config, host.name), host, clock, deadline)
        except HostError as error:
            say(error.what)
            return error
        say(f"{host.name} answers")
        return None

    return {host.name: error for host, error in _each(inventory, reach) if error is not None}


def _each(inventory: Inventory, reach: Callable[[Host], T]) -> Iterator[tuple[Host, T]]:
    """Reach for all managers at once, then, as they are the way in, for all workers."""
    for group in (inventory.managers, inventory.workers):
        if group:
            with ThreadPoolExecutor(max_workers=min(len(group), 16)) as pool:
                yield from zip(group, pool.map(reach, group), strict=True)


def _await(
    runner: Runner, host: Host, clock: Clock, deadline: float, patience: float = KEPT_OUT
) -> None:
    """`patience`: seconds for which the host may say that it does not let us in."""
    last: list[str] = []
    kept_out: list[float] = []

    def answers() -> bool:
        try:
            result = runner.run(Command(["true"], timeout=30), check=False)
        except CommandTimeout as error:
            # A node that is still booting may take the connection and then stand still.
            last[:] = [error.what]
            return False
        if _CHANGED in result.stderr:
            raise _changed(host, result)
        if _UNKNOWN in result.stderr:
            raise _unknown(host)
        last[:] = [result.tail()]
        if _DENIED in last[0]:
            kept_out.append(clock.monotonic())
            if kept_out[-1] - kept_out[0] >= patience:
                raise Timeout
        else:
            kept_out.clear()
        return result.code == 0

    began = clock.monotonic()
    try:
        wait_until(answers, clock=clock, deadline=deadline, interval=0.5)
    except Timeout:
        raise _shut(host, clock.monotonic() - began, last[0]) from None


def _shut(host: Host, seconds: float, last: str) -> HostError:
    what = f"{host.name} does not let us in after {seconds:.0f} s"
    where = f"{host.name} ({host.identity}, {host.address})"
    if _DENIED in last:
        return HostError(
            what,
            where=where,
            why=last,
            fix="is your SSH key one of `ssh.operators`, and has one whom the nodes let in run "
            "`beeyard up` since it is? Is the user right (`ssh.user`)?",
        )
    return Silent(
        what,
        where=where,
        why=last or None,
        fix="look at the instance's console log; may this address reach port 22 "
        "(`ssh.allowed_cidrs`)? For a machine that is gone for good: beeyard node replace, or, for "
        "the only manager, beeyard recover",
    )


def _changed(host: Host, result: Completed) -> HostError:
    return HostError(
        f"the host key of {host.name} is not the one that was pinned",
        where=f"{host.name} ({host.identity}, {host.address})",
        why=result.tail(4),
        fix="if nobody reinstalled this machine, somebody may stand between you and it: find out "
        f"first. If it was: `beeyard node forget-key {host.name}`, then `beeyard up` pins the new "
        "one; `beeyard node replace` makes a clean machine instead",
    )


def _unknown(host: Host) -> HostError:
    return HostError(
        f"the host key of {host.name} is not known",
        where=f"{host.name} ({host.identity}, {host.address})",
        why="it is pinned neither on this machine nor in the state bucket, and only `up` takes one "
        "on trust, of a machine that was never met",
        fix="run `beeyard up` where the node was made, or here",
    )
