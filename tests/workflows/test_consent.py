"""Nothing goes or restarts that was not shown; and what was shown is not asked for again."""

from typing import NoReturn

import pytest

from beeyard.cloud.api import Account
from beeyard.cloud.nodes import address_of
from beeyard.cloud.terraform import Change, Plan
from beeyard.errors import Refused
from beeyard.workflows.consent import Consent
from cloud.example import spec

ACCOUNT = Account("123456789012", "arn")
NODE = address_of("worker-1")
RESTARTED = Change(NODE, "update", ("instance_type",))


def plans(*changes: Change, project: str = "swarm_cluster") -> dict[str, Plan]:
    return {project: Plan(project, changes, pending=bool(changes))}


def refused(what: str) -> NoReturn:
    raise Refused(what)


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def consent(asked: list[str]) -> Consent:
    """Whoever is asked says yes; `asked` has what for, and which of the two."""
    return Consent(
        lambda what: asked.append(f"make {what.splitlines()[-1].strip()}"),
        lambda what: asked.append(f"destroy {what.splitlines()[-1].strip()}"),
    )


def test_a_change_is_no_loss(consent: Consent, asked: list[str]) -> None:
    consent.to_plans(spec(), ACCOUNT, plans(Change("rule", "update")))
    assert asked == ["make swarm_cluster: 1 to change"]


def test_nothing_is_asked_for_nothing(consent: Consent, asked: list[str]) -> None:
    consent.to_plans(spec(), ACCOUNT, plans())
    consent.to_losses(plans(Change("rule", "create"), Change("rule", "update")))
    consent.to_removals("shop", [])
    assert asked == []


@pytest.mark.parametrize("change", [RESTARTED, Change(NODE, "replace"), Change(NODE, "delete")])
def test_what_was_shown_is_not_asked_for_again(
    consent: Consent, asked: list[str], change: Change
) -> None:
    consent.to_plans(spec(), ACCOUNT, plans(change))
    (once,) = asked
    assert once.startswith("destroy ")
    assert once.endswith(NODE)
    consent.to_losses(plans(change))
    assert asked == [once]


def test_what_a_later_plan_would_destroy_besides_is_asked_for(
    consent: Consent, asked: list[str]
) -> None:
    consent.to_plans(spec(), ACCOUNT, plans(Change(NODE, "delete")))
    consent.to_losses(plans(Change(NODE, "delete"), Change("disk", "replace"), project="efs"))
    assert asked[1:] == ["destroy efs: replace disk"]


def test_services_that_are_removed(consent: Consent, asked: list[str]) -> None:
    consent.to_removals("shop", ("worker",))
    consent.to_removals("shop", ("worker",))
    assert asked == ["destroy shop: remove worker"]


def test_a_no_stays_a_no() -> None:
    consent = Consent.by(refused)
    for _ in range(2):
        with pytest.raises(Refused, match="shop: remove worker"):
            consent.to_removals("shop", ("worker",))
