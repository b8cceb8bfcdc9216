"""Signing in to Amazon ECR as workflows do: against moto's API, and an answer with a life."""

import base64
import json
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from beeyard.apps import Credentials
from beeyard.errors import AppError, CloudError, ConfigError, render
from beeyard.secret import Secret
from beeyard.testing import FakeRunner
from beeyard.workflows.images import Images
from beeyard.workflows.site import site_of
from cloud.answers import answering
from cloud.example import at
from cloud.moto import Moto
from workflows.conftest import MakeCluster

ECR = "123456789012.dkr.ecr.eu-west-3.amazonaws.com"
REGISTRY = {"kind": "external", "host": f"{ECR}/team"}
FIXED = {
    "kind": "external",
    "host": "r.example.com/team",
    "username_env": "R_USER",
    "password_env": "R_PASSWORD",
}
ROOT = "/root/.docker/config.json"


def token(password: str, lasts: int) -> str:
    """What ECR answers."""
    made = {
        "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
        "expiresAt": time.time() + lasts,
        "proxyEndpoint": f"https://{ECR}",
    }
    return json.dumps({"authorizationData": [made]})


def images(cluster: Any, manager: FakeRunner) -> Images:
    hosts = cast(Any, SimpleNamespace(cluster=cluster, manager=manager, files=None))
    return Images(cluster, hosts, cast(Any, None), "shop")


def test_nobody_is_signed_in_on_the_manager(make_cluster: MakeCluster) -> None:
    """No command at all goes to it, and the region is the registry's own."""
    with answering(200, token("one", 43_200)) as api:
        cluster = make_cluster(at(api.endpoint), registry=REGISTRY)
        made = images(cluster, FakeRunner())
        assert made.credentials(ECR) == Credentials("AWS", Secret("one"))
        assert made.credentials(ECR) == Credentials("AWS", Secret("one"))
    assert len(api.asked) == 1
    assert "/eu-west-3/ecr/aws4_request" in str(api.asked[0]["Authorization"])


def test_a_site_asks_each_time_and_says_what_no_node_keeps(make_cluster: MakeCluster) -> None:
    with answering(200, token("one", 43_200)) as api:
        cluster = make_cluster(at(api.endpoint), registry=REGISTRY)
        hosts = images(cluster, FakeRunner()).hosts
        site = site_of(hosts, cast(Any, None), "shop")
        assert site.unkept == {ECR}
        assert site.registry is None
        site.credentials(ECR)
        cluster.clock.sleep(5 * 3600)
        assert site.handed([f"{ECR}/team/shop@sha256:1"]).keys() == {ECR}
    assert len(api.asked) == 2


def test_moto_lends_what_has_ended(moto: Moto, make_cluster: MakeCluster) -> None:
    cluster = make_cluster(at(moto.endpoint), registry=REGISTRY)
    with pytest.raises(AppError, match=f"the sign-in to {ECR} had ended when it was given"):
        images(cluster, FakeRunner()).credentials(ECR)


def test_without_rights_it_is_said_for_which_registry(make_cluster: MakeCluster) -> None:
    said = "User: x is not authorized to perform: ecr:GetAuthorizationToken"
    body = json.dumps({"__type": "AccessDeniedException", "message": said})
    with answering(400, body) as api, pytest.raises(CloudError) as caught:
        images(make_cluster(at(api.endpoint), registry=REGISTRY), FakeRunner()).credentials(ECR)
    assert caught.value.what == f"there is no sign-in to {ECR}"
    assert str(caught.value.why).startswith("AWS did not allow ecr:GetAuthorizationToken: ")
    assert "have them granted by whoever keeps the account" in render(caught.value)


class TestOneThatStays:
    def test_the_operator_says_it(
        self, make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("R_USER", "me")
        monkeypatch.setenv("R_PASSWORD", "hush")
        with FakeRunner() as manager:
            manager.expect("docker", "login", "r.example.com", ...)
            found = images(make_cluster(registry=FIXED), manager).credentials("r.example.com")
        assert found == Credentials("me", Secret("hush"))
        assert manager.calls[0].input == b"hush"

    def test_the_controller_finds_it_on_the_manager(
        self, make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("R_USER", raising=False)
        monkeypatch.delenv("R_PASSWORD", raising=False)
        auths = {"r.example.com": {"auth": base64.b64encode(b"me:hush").decode()}}
        with FakeRunner() as manager:
            manager.expect("cat", ROOT, stdout=json.dumps({"auths": auths}))
            found = images(make_cluster(registry=FIXED), manager).credentials("r.example.com")
        assert found == Credentials("me", Secret("hush"))

    def test_nobody_says_it(
        self, make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("R_USER", raising=False)
        monkeypatch.delenv("R_PASSWORD", raising=False)
        manager = FakeRunner().expect("cat", ROOT, stderr="No such file or directory", code=1)
        with manager, pytest.raises(ConfigError, match="R_USER is empty"):
            images(make_cluster(registry=FIXED), manager).credentials("r.example.com")
