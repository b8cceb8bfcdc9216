"""What is recovered, what is refused, and what is said before."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from beeyard.cloud.api import Aws
from beeyard.errors import HostError, Refused
from beeyard.testing import FakeRunner
from beeyard.workflows import Cluster
from beeyard.workflows.recover import _age, _asked_for, _compared
from beeyard.workflows.recover_look import (
    Found,
    Look,
    begun_with,
    look,
    only_manager,
    refuse_living,
)
from cloud.example import outputs
from provision.test_reach import CHANGED
from workflows.backups_of import backup
from workflows.test_lost import ONE, hosts_of

MakeCluster = Callable[..., Cluster]


@pytest.mark.parametrize("found", ["gone", "impaired", "blank", "cut", "begun"])
def test_what_is_lost_is_recovered(found: Found) -> None:
    refuse_living("manager-1", Look(found), force=False)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ("lives", "manager-1 lives, and manages the Swarm: nothing is to be recovered"),
        ("stopped", "manager-1 is not lost: its machine is stopped"),
        ("silent", "manager-1 is not lost: its machine runs by EC2, and does not answer us"),
        ("locked", "manager-1 is not lost: its Swarm is locked (autolock)"),
        ("down", "manager-1 is not lost: its engine does not run, and was in a Swarm"),
        ("troubled", "manager-1 is not lost: it is in a Swarm, and does not manage it"),
    ],
)
def test_what_is_not_lost_is_refused_unless_forced(found: Found, says: str) -> None:
    with pytest.raises(Refused) as caught:
        refuse_living("manager-1", Look(found), force=False)
    assert caught.value.what == says
    assert "--force" in str(caught.value.fix)
    refuse_living("manager-1", Look(found), force=True)


RUNNING = {"i-manager-1": "running"}


def looked(
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    answers: Sequence[tuple[str, str, int]],
    states: Mapping[str, str] = RUNNING,
) -> Look:
    """What is made of a manager that lets us in, and answers so, in order: with these words on
    standard output, these on standard error, and this code."""
    monkeypatch.setattr(Aws, "instance_states", lambda *_: states)
    with FakeRunner() as runner:
        for stdout, stderr, code in answers:
            runner.expect("ssh", ..., stdout=stdout, stderr=stderr, code=code)
        return look(hosts_of(cluster, runner, ONE))


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("inactive \n", "blank"),
        ("locked \n", "locked"),
        ("pending \n", "troubled"),
        ("error can't open the log\n", "troubled"),
    ],
)
def test_only_what_is_in_no_swarm_is_blank(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch, said: str, found: Found
) -> None:
    seen = looked(make_cluster(), monkeypatch, [("", "", 0), (said, "", 0)])
    assert seen.found == found
    assert ("can't open" in str(seen)) is ("can't open" in said)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (CHANGED, "the host key of manager-1 is not the one that was pinned"),
        ("Host key verification failed.", "the host key of manager-1 is not known"),
        ("admin@198.51.100.1: Permission denied (publickey).", "manager-1 does not let us in"),
    ],
)
def test_one_that_answers_and_keeps_us_out_is_not_silent(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch, said: str, what: str
) -> None:
    often = 31 if "Permission" in said else 1
    with pytest.raises(HostError, match=what):
        looked(make_cluster(), monkeypatch, [("", said, 255)] * often)


@pytest.mark.parametrize(("failed", "found"), [((), "silent"), (("instance",), "impaired")])
def test_one_that_does_not_answer_is_lost_only_where_ec2_says_so(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch, failed: Any, found: Found
) -> None:
    monkeypatch.setattr(Aws, "failed_checks", lambda *_: failed)
    why = "ssh: connect to host 198.51.100.1 port 22: Connection timed out"
    seen = looked(make_cluster(), monkeypatch, [("", why, 255)] * 31)
    assert seen.found == found
    assert why in str(seen)
    assert why in _asked_for("manager-1", seen, backup())


RECORD = {"id": "c0", "backup": "b1", "formed": True, "different": ["x"], "ended": False}


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, Look("begun", backup="b1", different=("x",))),
        ({"different": None}, Look("begun", backup="b1")),
        ({"formed": False, "different": None}, Look("cut", backup="b1")),
        ({"ended": True}, Look("lives")),
    ],
)
def test_how_far_an_earlier_run_came(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch, changes: Any, seen: Look
) -> None:
    answers = ["", "active ", json.dumps(RECORD | changes)]
    found = looked(make_cluster(), monkeypatch, [(said, "", 0) for said in answers])
    assert found == seen


def test_it_goes_on_with_the_backup_that_it_was_begun_with() -> None:
    begun = Look("begun", backup="b1")
    assert begun_with("manager-1", begun, None, force=False) == (begun, "b1")
    assert begun_with("manager-1", begun, "b1", force=True) == (begun, "b1")
    with pytest.raises(Refused, match="was given the state of another backup: b1"):
        begun_with("manager-1", begun, "b2", force=False)
    assert begun_with("manager-1", begun, "b2", force=True) == (Look("lives"), "b2")
    assert begun_with("manager-1", Look("gone"), None, force=False) == (Look("gone"), None)


def test_what_an_earlier_run_found_different_is_said_again(make_cluster: MakeCluster) -> None:
    hosts = hosts_of(make_cluster(), FakeRunner(), ONE)
    seen = Look("begun", backup="b1", different=("service web is missing",))
    assert _compared(hosts, backup(), seen) == ("service web is missing",)


def test_what_no_earlier_run_compared_is_compared(make_cluster: MakeCluster) -> None:
    with FakeRunner() as runner:
        runner.expect("ssh", ..., stdout="{}")
        runner.expect("ssh", ..., stdout="{}")
        hosts = hosts_of(make_cluster(), runner, ONE)
        found = _compared(hosts, backup(), Look("begun", backup="b1"))
    assert found == ("service web is missing",)
    assert runner.calls[-1].argv[-1].endswith("compared")
    assert json.loads(runner.calls[-1].input or b"") == list(found)


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (("", "", 0), "blank"),
        (("/var/lib/docker/swarm/docker-state.json\n", "", 0), "down"),
        (("", "sudo: a password is required", 1), "silent"),
    ],
)
def test_of_an_engine_that_does_not_run_its_disk_tells(
    make_cluster: MakeCluster,
    monkeypatch: pytest.MonkeyPatch,
    there: tuple[str, str, int],
    found: Found,
) -> None:
    monkeypatch.setattr(Aws, "failed_checks", lambda *_: ())
    down = ("", "Cannot connect to the Docker daemon", 1)
    assert looked(make_cluster(), monkeypatch, [("", "", 0), down, there]).found == found


def test_several_managers_are_refused() -> None:
    with pytest.raises(Refused, match="there are 3 managers"):
        only_manager(outputs_of_three())


def outputs_of_three() -> Any:
    one = outputs()
    manager = one.managers[0]
    return replace(one, nodes=tuple(replace(manager, name=f"manager-{n}") for n in (1, 2, 3)))


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ("gone", "its machine is gone. It is made anew, and given the state"),
        ("impaired", "and EC2's status checks fail. It is terminated and made anew, and given"),
        ("lives", "it manages the Swarm. It is terminated and made anew, and given"),
        ("blank", "its machine is in no Swarm. It is given the state"),
        (
            "begun",
            "was cut short (backup 20261126T030000Z-5f3a). It goes on where it was cut short",
        ),
    ],
)
def test_whoever_says_yes_knows_to_what(found: Found, says: str) -> None:
    asked = _asked_for("manager-1", Look(found), backup())
    assert says in asked
    assert "20261126T030000Z-5f3a" in asked
    assert ("3 h 12 min old" in asked) is (found != "begun")


@pytest.mark.parametrize(
    ("age", "says"),
    [
        (timedelta(seconds=20), "less than a minute"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(days=1, minutes=1), "1 d 1 min"),
    ],
)
def test_how_old(age: timedelta, says: str) -> None:
    assert _age(age) == says
