"""Instance metadata: what is told of whom, and by which rules the server answers."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from beeyard.sandbox.metadata import Metadata
from beeyard.sandbox.metadata_server import Server, Tokens, page
from beeyard.sandbox.world import Imds, Lent
from beeyard.secret import Secret
from sandbox import worlds

HERE = "127.0.0.1"
LENT = Lent(
    "arn:aws:iam::1:instance-profile/p", "P", "keeper", "AK", Secret("S"), Secret("T"), "a", "b"
)
MANAGER = replace(worlds.MANAGER, private_ip=HERE, type="t3.micro", zone="us-east-1a", lent=LENT)
TOKEN, WANTED = "X-aws-ec2-metadata-token", "X-aws-ec2-metadata-token-ttl-seconds"


def told(imds: Imds | None = None) -> str:
    one = replace(MANAGER, imds=imds or Imds())
    return Metadata("us-east-1", (one, worlds.WORKER), worlds.WORLD.elastic_ips).render()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    path = tmp_path / "instances.json"
    path.write_text(told())
    with Server((HERE, 0), path) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    url = f"http://{HERE}:{server.server_port}/latest"
    with httpx.Client(base_url=url, trust_env=False) as made:
        yield made


def token(client: httpx.Client) -> str:
    return client.put("/api/token", headers={WANTED: "60"}).raise_for_status().text


def test_without_a_token_nothing_is_told(client: httpx.Client) -> None:
    assert client.get("/meta-data/instance-id").status_code == 401
    assert client.get("/meta-data/instance-id", headers={TOKEN: "guessed"}).status_code == 401
    answer = client.get("/meta-data/instance-id", headers={TOKEN: token(client)})
    assert answer.text == "i-m1"


def test_the_instance_says_whether_it_takes_a_token(server: Server, client: httpx.Client) -> None:
    server.told.write_text(told(Imds(token_required=False)))
    assert client.get("/meta-data/instance-id").text == "i-m1"
    server.told.write_text(told(Imds(enabled=False)))
    assert client.put("/api/token", headers={WANTED: "60"}).status_code == 403


@pytest.mark.parametrize("seconds", ["0", "21601", "x", "", "-1"])
def test_a_token_is_for_six_hours_at_most(client: httpx.Client, seconds: str) -> None:
    assert client.put("/api/token", headers={WANTED: seconds}).status_code == 400


def test_who_asks_for_others_gets_no_token(client: httpx.Client) -> None:
    headers = {WANTED: "60", "X-Forwarded-For": "192.0.2.1"}
    assert client.put("/api/token", headers=headers).status_code == 403


def test_who_is_no_node_is_told_nothing(server: Server, client: httpx.Client) -> None:
    server.told.write_text("{}")
    assert client.put("/api/token", headers={WANTED: "60"}).status_code == 404


def test_a_token_is_the_nodes_that_asked_and_ends() -> None:
    tokens = Tokens()
    one = tokens.give("10.0.0.1", 60)
    assert tokens.holds("10.0.0.1", one)
    assert not tokens.holds("10.0.0.2", one)
    assert not tokens.holds("10.0.0.1", tokens.give("10.0.0.1", 0))


def test_credentials_of_the_role(client: httpx.Client) -> None:
    headers = {TOKEN: token(client)}
    place = "/meta-data/iam/security-credentials/"
    assert client.get(place, headers=headers).text == "keeper"
    lent = client.get(f"{place}keeper", headers=headers).json()
    assert (lent["AccessKeyId"], lent["SecretAccessKey"], lent["Token"]) == ("AK", "S", "T")
    assert (lent["Code"], lent["Expiration"]) == ("Success", "b")


def test_no_repr_shows_what_is_lent() -> None:
    assert "Secret('S')" not in repr(MANAGER)
    assert "secret_access_key=***" in repr(MANAGER)


def test_what_an_instance_knows_of_itself() -> None:
    pages = json.loads(told())[HERE]["pages"]
    assert pages["meta-data/placement/availability-zone"] == "us-east-1a"
    assert pages["meta-data/public-ipv4"] == "127.1.2.3"
    assert pages["meta-data/hostname"] == "ip-127-0-0-1.ec2.internal"
    assert json.loads(pages["dynamic/instance-identity/document"])["privateIp"] == HERE
    worker = json.loads(told())["10.20.6.4"]["pages"]
    assert not [path for path in worker if path.startswith("meta-data/iam")]
    assert "user-data" not in worker


def test_folders_tell_what_lies_below() -> None:
    pages = {"meta-data/a/b": "1", "meta-data/a/c/d": "2", "meta-data/e": "3"}
    assert page(pages, "meta-data/a") == "b\nc/"
    assert page(pages, "") == "meta-data/"
    assert page(pages, "meta-data/f") is None
