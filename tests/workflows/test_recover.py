"""What is recovered, what is refused, and what is said before."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from beeyard.errors import Refused
from beeyard.workflows.recover import _age, _asked_for
from beeyard.workflows.recover_look import Found, only_manager, refuse_living
from cloud.example import outputs
from workflows.backups_of import backup


@pytest.mark.parametrize("found", ["gone", "silent", "blank", "begun"])
def test_what_is_lost_is_recovered(found: Found) -> None:
    refuse_living("manager-1", found, force=False)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ("lives", "manager-1 lives, and manages the Swarm: nothing is to be recovered"),
        ("stopped", "manager-1 is stopped, and not lost"),
    ],
)
def test_what_is_not_lost_is_refused_unless_forced(found: Found, says: str) -> None:
    with pytest.raises(Refused) as caught:
        refuse_living("manager-1", found, force=False)
    assert caught.value.what == says
    assert "--force" in str(caught.value.fix)
    refuse_living("manager-1", found, force=True)


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
        ("silent", "its machine lets nobody in. It is terminated and made anew, and given"),
        ("lives", "it manages the Swarm. It is terminated and made anew, and given"),
        ("blank", "its machine is in no Swarm. It is given the state"),
        ("begun", "what follows was cut short. It goes on where it was cut short"),
    ],
)
def test_whoever_says_yes_knows_to_what(found: Found, says: str) -> None:
    asked = _asked_for("manager-1", found, backup())
    assert says in asked
    assert ("20261126T030000Z-5f3a, 3 h 12 min old" in asked) is (found != "begun")


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
