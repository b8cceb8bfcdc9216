"""The sign-in to a registry, as a node keeps it."""

import base64
import json

import pytest

from beeyard.apps import Credentials, registry_login
from beeyard.apps.registry import docker_config, fix_for
from beeyard.errors import AppError
from beeyard.secret import Secret
from beeyard.testing import FakeRunner

ROOT = "/root/.docker/config.json"
ABSENT = f"cat: {ROOT}: No such file or directory"


def config(**auths: str) -> str:
    return json.dumps(
        {
            "auths": {
                name: {"auth": base64.b64encode(v.encode()).decode()} for name, v in auths.items()
            }
        }
    )


def test_root_first_then_the_users() -> None:
    with FakeRunner() as node:
        node.expect("cat", ROOT, stderr=ABSENT, code=1)
        node.expect("cat", "/home/admin/.docker/config.json", stdout=config(reg="me:a:b"))
        found = registry_login(node, "reg", ["admin"])
    assert found is not None
    assert (found.username, found.password) == ("me", Secret("a:b"))


def test_docker_hub_is_filed_under_its_old_name() -> None:
    hub = config(**{"https://index.docker.io/v1/": "me:hush"})
    with FakeRunner().expect("cat", ROOT, stdout=hub) as node:
        found = registry_login(node, "docker.io")
    assert found is not None
    assert (found.username, found.password.reveal()) == ("me", "hush")


def test_nobody_has_signed_in() -> None:
    node = FakeRunner().expect("cat", ROOT, stdout=config(other="a:b"))
    assert registry_login(node, "reg") is None


def test_a_file_that_cannot_be_read_is_not_taken_for_none() -> None:
    node = FakeRunner().expect("cat", ROOT, stderr="cat: Permission denied", code=1)
    with pytest.raises(AppError, match="can't be read"):
        registry_login(node, "reg")


def test_a_helper_program_is_refused_in_words() -> None:
    node = FakeRunner().expect("cat", ROOT, stdout='{"credsStore": "pass"}')
    with pytest.raises(AppError, match="helper program"):
        registry_login(node, "reg")


ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    ("why", "fix"),
    [
        ("connection refused", "otherwise"),
        ("no basic auth credentials", "sign-in"),
        ("denied: Your authorization token has expired. Reauthenticate and try again.", "sign-in"),
        ("unauthorized: authentication required", "sign-in"),
        ("denied: User: x is not authorized to perform: ecr:PutImage", "sign-in"),
        (
            "name unknown: The repository with name 'x' does not exist in the registry with id '1'",
            (
                "make it first: aws ecr create-repository --region eu-central-1 "
                "--repository-name team/shop"
            ),
        ),
    ],
)
def test_what_a_registry_says_leads_to_what_is_to_be_done(why: str, fix: str) -> None:
    said = fix_for(f"{ECR}/team/shop:1", why, "otherwise")
    signed = f"see that the sign-in to {ECR} is right and has not ended"
    assert said.startswith(signed if fix == "sign-in" else fix)


def test_sign_ins_as_docker_reads_them() -> None:
    known = {"r.example.com": Credentials("me", Secret("a:b"))}
    node = FakeRunner().expect("cat", ROOT, stdout=docker_config(known))
    assert registry_login(node, "r.example.com") == known["r.example.com"]
