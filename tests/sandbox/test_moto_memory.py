"""What EC2 lends an instance: credentials of its profile's role, renewed in time."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from beeyard.sandbox.moto_memory import Lender

#: No other test's.
ACCOUNT = "210987654321"
HOUR = 3600.0


@pytest.fixture
def iam() -> Iterator[Any]:
    backend = iam_backends[ACCOUNT]["aws"]
    backend.create_role("keeper", "{}", "/hives/", None, "", [], "3600")
    backend.create_instance_profile("hive", "/", [], None)
    backend.add_role_to_instance_profile("hive", "keeper")
    yield backend
    backend.reset()


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def lender(clock: list[float]) -> Lender:
    return Lender(ACCOUNT, "us-east-1", lambda: clock[0])


def test_the_session_is_called_after_the_instance(iam: Any, lender: Lender) -> None:
    lent = lender.lend("i-1", iam.get_instance_profile("hive").arn)
    assert lent
    found = sts_backends[ACCOUNT]["aws"].get_assumed_role_from_access_key(lent.access_key_id)
    assert found
    assert found.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/keeper/i-1"
    assert found.role_arn == f"arn:aws:iam::{ACCOUNT}:role/hives/keeper"
    assert (lent.role, lent.since, lent.until) == (
        "keeper",
        "1970-01-01T00:00:00Z",
        "1970-01-01T06:00:00Z",
    )


def test_others_are_made_an_hour_before_their_end(
    iam: Any, lender: Lender, clock: list[float]
) -> None:
    arn = iam.get_instance_profile("hive").arn
    first = lender.lend("i-1", arn)
    clock[0] = 5 * HOUR
    assert lender.lend("i-1", arn) == first
    clock[0] += 1
    renewed = lender.lend("i-1", arn)
    assert renewed
    assert renewed.until == "1970-01-01T11:00:01Z"
    assert renewed != first


def test_another_role_is_lent_at_once(iam: Any, lender: Lender) -> None:
    arn = iam.get_instance_profile("hive").arn
    first = lender.lend("i-1", arn)
    assert lender.lend("i-2", arn) != first
    iam.create_role("guest", "{}", "/", None, "", [], "3600")
    iam.remove_role_from_instance_profile("hive", "keeper")
    assert lender.lend("i-1", arn) is None
    iam.add_role_to_instance_profile("hive", "guest")
    lent = lender.lend("i-1", arn)
    assert lent
    assert lent.role == "guest"


def test_without_a_profile_nothing_is_lent(lender: Lender) -> None:
    assert lender.lend("i-1", None) is None
    assert lender.lend("i-1", "arn:aws:iam::1:instance-profile/gone") is None
