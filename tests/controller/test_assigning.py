"""What a stage gets of a registry outside, whose sign-ins end."""

from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet, MultiFernet

from beeyard.apps import Credentials
from beeyard.controller.assigning import Assigning
from beeyard.controller.assignment import Assignment
from beeyard.controller.planning import as_json
from beeyard.controller.records import RunCreated, StagePlan
from beeyard.controller.runs import Runs
from beeyard.controller.starts import Place
from beeyard.controller.vault import Vault
from beeyard.errors import CloudError
from beeyard.pipelines.event import Event
from beeyard.secret import Secret
from cloud.example import spec
from pipelines.events import PUSH, pull_request

HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
PUBLISH = """
kind: pipeline
name: default
steps:
  - name: publish
    image: plugins/docker
    settings:
      repo: HOST/team/shop
      registry: {from_secret: registry}
      username: {from_secret: registry_username}
      password: {from_secret: registry_password}
""".replace("HOST", HOST)
PLAIN = "kind: pipeline\nname: default\nsteps: [{name: test, image: alpine, commands: [id]}]\n"
OURS = PLAIN.replace("alpine", f"{HOST}/team/tools")


class Lender:
    """Gives a sign-in that is another one each time; counts who asks."""

    host = HOST
    error: CloudError | None = None
    asked = 0

    def credentials(self) -> Credentials:
        self.asked += 1
        if self.error:
            raise self.error
        return Credentials("AWS", Secret(f"password-{self.asked}"))


@pytest.fixture
def lender() -> Lender:
    return Lender()


def assigning(lender: Lender | None, registry: str | None = "own") -> Assigning:
    outside = {"kind": "external", "host": f"{HOST}/team"}
    known = spec(
        infrastructure=["registry", "ci"],
        applications={"shop": {"path": "shop"}},
        **({"registry": outside} if lender else {}),
    )
    return Assigning(
        known,
        Vault(MultiFernet([Fernet(Fernet.generate_key())])),
        Place("shop", "ci.shop.example.com", "git.shop.example.com"),
        Secret(registry) if registry else None,
        "1.0",
        lender,
    )


def handed(made: Assigning, text: str, event: Event = PUSH) -> Assignment:
    runs = Runs()
    runs.apply(
        RunCreated(
            at=datetime(2030, 1, 1, tzinfo=UTC),
            run=1,
            application="shop",
            event=as_json(event),
            config=text,
            stages=(StagePlan(name="default", steps=()),),
        )
    )
    run = runs.get(1)
    assert run is not None
    return made.assignment(run, run.stages["default"])


def test_each_stage_gets_one_that_was_asked_for_then(lender: Lender) -> None:
    made = assigning(lender)
    for number in (1, 2):
        given = handed(made, PUBLISH)
        password = f"password-{number}"
        assert given.secrets == {
            "registry": HOST,
            "registry_username": "AWS",
            "registry_password": password,
        }
        assert given.registry == {"host": HOST, "username": "AWS", "password": password}
        assert given.registries == ("registry.shop.example.com", f"{HOST}/team")


def test_images_of_steps_are_pulled_with_it(lender: Lender) -> None:
    given = handed(assigning(lender), OURS)
    assert (given.secrets, given.registry) == (
        {},
        {"host": HOST, "username": "AWS", "password": "password-1"},
    )


@pytest.mark.parametrize(("text", "event"), [(PLAIN, PUSH), (OURS, pull_request())])
def test_who_needs_none_or_may_not_have_it_runs_without(
    lender: Lender, text: str, event: Event
) -> None:
    lender.error = CloudError(f"there is no sign-in to {HOST}")
    given = handed(assigning(lender), text, event)
    assert (given.secrets, given.registry, lender.asked) == ({}, None, 0)


def test_who_needs_one_that_can_not_be_made_is_told(lender: Lender) -> None:
    lender.error = CloudError(f"there is no sign-in to {HOST}")
    with pytest.raises(CloudError, match="there is no sign-in"):
        handed(assigning(lender), PUBLISH)


def test_the_names_are_known_without_asking(lender: Lender) -> None:
    names = {one.name for one in assigning(lender, None).policies("shop")}
    assert names == {"registry", "registry_username", "registry_password"}
    assert lender.asked == 0
    assert not list(assigning(None, None).policies("shop"))


def test_the_cluster_s_own_stays_as_it_was() -> None:
    given = handed(assigning(None), PLAIN)
    host = "registry.shop.example.com"
    assert given.registry == {"host": host, "username": "beeyard", "password": "own"}
    assert given.registries == (host,)
