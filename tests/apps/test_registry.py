"""The sign-in to a registry, as a node keeps it."""

import base64
import json

import pytest

from beeyard.apps import registry_login
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
