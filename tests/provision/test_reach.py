"""First contact with the nodes."""

from pathlib import Path

import pytest

from beeyard.errors import HostError, render
from beeyard.inventory import Inventory, SshAccess, build
from beeyard.provision import await_ssh, unreachable
from beeyard.testing import FakeClock, FakeRunner
from cloud.example import MANAGER, WORKERS, outputs, spec

CONFIG = Path("/x/ssh_config")
SSH = SshAccess("admin", Path("/k/id"), Path("/k/known_hosts"), Path("/run/s"))
REFUSED = "ssh: connect to host 198.51.100.1 port 22: Connection refused"
CHANGED = (
    "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n"
    "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n"
    "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n"
    "Offending ED25519 key in /k/known_hosts:1\n"
    "Host key verification failed."
)


def inventory(workers: int = 1) -> Inventory:
    return build(spec(), outputs(nodes=(MANAGER, *WORKERS[:workers])), SSH)


def command(host: str) -> tuple[str, ...]:
    return ("ssh", "-F", str(CONFIG), "-T", host, "--", "true")


def contact(runner: FakeRunner, nodes: Inventory, clock: FakeClock | None = None) -> list[str]:
    said: list[str] = []
    await_ssh(nodes, runner, CONFIG, clock or FakeClock(), said.append, deadline=10.0)
    return said


def refusal(runner: FakeRunner, clock: FakeClock | None = None) -> HostError:
    with pytest.raises(HostError) as caught:
        contact(runner, inventory(workers=0), clock)
    return caught.value


def test_managers_first_since_they_are_the_way_in() -> None:
    with FakeRunner() as runner:
        for name in ("manager-1", "worker-1", "worker-2"):
            runner.expect(*command(name))
        said = contact(runner, inventory(workers=2))
    assert said[0] == "manager-1 answers"
    assert set(said[1:]) == {"worker-1 answers", "worker-2 answers"}
    assert runner.calls[0].argv[4] == "manager-1"


def test_only_those_without_a_pin_are_met_for_the_first_time() -> None:
    """With a pin of one kind, OpenSSH would take a key of another kind for a new one."""
    met = command("worker-1")
    met = (*met[:3], "-o", "StrictHostKeyChecking=accept-new", *met[3:])
    with FakeRunner() as runner:
        runner.expect(*command("manager-1")).expect(*met)
        first = {WORKERS[0].instance_id}
        await_ssh(inventory(1), runner, CONFIG, FakeClock(), lambda _: None, first=first)


def test_those_that_do_not_answer_by_name() -> None:
    said: list[str] = []
    with FakeRunner() as runner:
        runner.expect(*command("manager-1")).expect(*command("worker-2"))
        runner.expect(*command("worker-1"), code=255, stderr=CHANGED)
        found = unreachable(inventory(2), runner, CONFIG, FakeClock(), said.append, 10.0)
    assert {name: error.what for name, error in found.items()} == {
        "worker-1": "the host key of worker-1 is not the one that was pinned"
    }
    assert set(said) == {"manager-1 answers", "worker-2 answers", found["worker-1"].what}


def test_a_node_that_still_boots_is_asked_again() -> None:
    clock = FakeClock()
    with FakeRunner() as runner:
        runner.expect(*command("manager-1"), code=255, stderr=REFUSED, times=3)
        runner.expect(*command("manager-1"))
        contact(runner, inventory(workers=0), clock)
    assert clock.slept == [0.5, 0.5, 0.5]


def test_one_that_takes_the_connection_and_stands_still_is_asked_again() -> None:
    with FakeRunner() as runner:
        runner.expect(*command("manager-1"), seconds=31)
        runner.expect(*command("manager-1"))
        assert contact(runner, inventory(workers=0)) == ["manager-1 answers"]


def test_the_deadline_says_which_node_and_what_ssh_said_last() -> None:
    clock = FakeClock()
    runner = FakeRunner().expect(*command("manager-1"), code=255, stderr=REFUSED, times=99)

    error = refusal(runner, clock)

    assert clock.monotonic() == 10.0
    assert render(error) == (
        "error: manager-1 does not let us in after 10 s\n"
        "  where: manager-1 (i-manager-1, 198.51.100.1)\n"
        f"  why:   {REFUSED}\n"
        "  do:    look at the instance's console log; may this address reach port 22 "
        "(`ssh.allowed_cidrs`)? For a machine that is gone for good: beeyard node replace, or, for "
        "the only manager, beeyard recover"
    )


@pytest.mark.parametrize(("first", "seconds"), [(False, 30.0), (True, 300.0)])
def test_one_that_keeps_us_out_is_given_long_only_where_it_is_new(
    first: bool, seconds: float
) -> None:
    clock = FakeClock()
    name = command("manager-1")
    argv = (*name[:3], *(["-o", "StrictHostKeyChecking=accept-new"] if first else ()), *name[3:])
    denied = "admin@198.51.100.1: Permission denied (publickey)."
    runner = FakeRunner().expect(*argv, code=255, stderr=denied, times=999)
    with pytest.raises(HostError, match=f"does not let us in after {seconds:.0f} s") as caught:
        await_ssh(inventory(workers=0), runner, CONFIG, clock, lambda _: None, first=first)
    assert clock.monotonic() == seconds
    assert "ssh.operators" in str(caught.value.fix)


def test_one_that_never_says_a_word() -> None:
    runner = FakeRunner().expect(*command("manager-1"), seconds=31, times=99)
    assert "without an end" in str(refusal(runner).why)


def test_workers_are_not_asked_while_there_is_no_way_in() -> None:
    runner = FakeRunner().expect(*command("manager-1"), code=255, times=99)
    with pytest.raises(HostError):
        contact(runner, inventory(workers=2))
    assert {call.argv[4] for call in runner.calls} == {"manager-1"}


def test_a_host_key_that_is_not_the_pinned_one_is_not_waited_for() -> None:
    clock = FakeClock()
    runner = FakeRunner().expect(*command("manager-1"), code=255, stderr=CHANGED)

    error = refusal(runner, clock)

    assert (len(runner.calls), clock.slept) == (1, [])
    assert error.what == "the host key of manager-1 is not the one that was pinned"
    assert error.where == "manager-1 (i-manager-1, 198.51.100.1)"
    assert "Offending ED25519 key in /k/known_hosts:1" in str(error.why)
    assert "somebody may stand between you and it" in str(error.fix)
