"""Smaller parts: what the API's answers mean, files, databases, retries, requests."""

import io
import os
import stat
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from cryptography import x509

from beeyard.errors import ToolError
from beeyard.process import Command, Completed
from beeyard.sandbox import (
    acme,
    api_server,
    authority,
    database,
    engine,
    environment,
    files,
    observe,
    provider_mirror,
    readiness,
)
from beeyard.sandbox.container import create_body
from beeyard.sandbox.desired import desired
from beeyard.sandbox.plan import Start
from beeyard.sandbox.state import ProcessIdentity, StateFolder, write_file
from beeyard.sandbox.supervisor import Failures
from beeyard.sandbox.world import PortRange
from beeyard.testing import FakeRunner
from cloud import moto
from sandbox import worlds

#: A proxy that is not there.
NOBODY = "http://127.0.0.1:9"


def rule(protocol: str, first: int, last: int, block: str) -> dict[str, Any]:
    return {
        "IpProtocol": protocol,
        "FromPort": first,
        "ToPort": last,
        "IpRanges": [{"CidrIp": block}],
    }


def test_only_tcp_rules_for_the_whole_world_open_ports() -> None:
    rules = [
        rule("tcp", 80, 80, "0.0.0.0/0"),
        rule("udp", 53, 53, "0.0.0.0/0"),
        rule("tcp", 22, 22, "203.0.113.0/24"),
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
    ]
    assert observe.open_ports(rules) == (PortRange(80, 80), PortRange(0, 65535))


def test_a_node_is_called_what_its_tag_says() -> None:
    instance = {"PrivateIpAddress": "10.20.1.4", "Tags": [{"Key": "beeyard:node", "Value": "m"}]}
    assert observe.hostname(instance) == "m"
    assert observe.hostname({"PrivateIpAddress": "10.20.1.4"}) == "ip-10-20-1-4"


def test_databases_keep_their_addresses() -> None:
    one = worlds.DATABASE
    two = replace(one, identifier="other", endpoint="other.x")
    first = database.assign_addresses((one, two), {})
    assert first == {"db-timeoff": 0, "db-other": 1}
    alone = database.assign_addresses((two,), first)
    assert alone == {"db-other": 1}
    assert database.assign_addresses((two, one), alone) == {"db-other": 1, "db-timeoff": 0}


class Recorder:
    def __init__(self) -> None:
        self.commands: list[Command] = []

    def run(self, command: Command, **_: object) -> Completed:
        self.commands.append(command)
        return Completed(command, 0, "", "", 0.0)


def test_the_password_is_quoted_and_never_an_argument() -> None:
    runner = Recorder()
    database.set_password(runner, worlds.DATABASE)
    sql = (runner.commands[0].input or b"").decode()
    assert "ALTER USER 'boss'@'%' IDENTIFIED BY 'it\\'s \\\\ secret';" in sql
    assert "secret" not in str(runner.commands[0])


def test_a_node_by_single_permissions() -> None:
    found = desired(worlds.SETTING, worlds.WORLD, {"db-timeoff": 0})
    node = next(one for one in found.containers if one.thing == "i-w1")
    body = create_body(node, {"a": "b"}, "net")
    assert body["Hostname"] == "worker-1"
    assert body["HostConfig"]["CapDrop"] == ["SYS_RESOURCE"]
    assert body["HostConfig"]["MaskedPaths"] == []
    assert "Privileged" not in body["HostConfig"]
    config = body["NetworkingConfig"]["EndpointsConfig"]["net"]["IPAMConfig"]
    assert config == {"IPv4Address": "10.20.6.4"}


def test_the_edge_is_on_the_machines_own_network() -> None:
    found = desired(worlds.SETTING, worlds.WORLD, {"db-timeoff": 0})
    edge = next(one for one in found.containers if one.thing == "edge")
    body = create_body(edge, {}, "net")
    assert body["HostConfig"]["NetworkMode"] == "host"
    assert "NetworkingConfig" not in body


def test_running_is_not_part_of_a_containers_identity() -> None:
    found = desired(worlds.SETTING, worlds.WORLD, {"db-timeoff": 0}).containers[4]
    values = {**found.__dict__}
    assert type(found)(**values | {"running": False}).fingerprint == found.fingerprint
    assert type(found)(**values | {"image": "x"}).fingerprint != found.fingerprint


@pytest.mark.parametrize(
    ("url", "info", "word"),
    [
        ("http://192.0.2.1:2375", {}, "another machine"),
        ("http+docker://localhost", {"SecurityOptions": ["name=rootless"]}, "rootless"),
        ("http+docker://localhost", {"OperatingSystem": "Docker Desktop"}, "virtual machine"),
    ],
)
def test_untried_engines_are_refused_in_words(url: str, info: dict[str, Any], word: str) -> None:
    with pytest.raises(ToolError) as caught:
        engine.refuse_untried(url, info)
    assert word in (caught.value.why or "")


def test_a_local_engine_will_do() -> None:
    engine.refuse_untried("http+docker://localhost", {"SecurityOptions": ["name=seccomp"]})


def test_an_engine_that_refuses_or_sleeps_is_told_apart() -> None:
    assert "group `docker`" in (engine.unreachable(OSError("Permission denied")).fix or "")
    assert "start it" in (engine.unreachable(OSError("No such file")).fix or "")


def test_a_failure_is_tried_again_later_and_later() -> None:
    now = [100.0]
    failures = Failures(clock=lambda: now[0])
    failures.note(Start("a"), OSError("broken"))
    assert not failures.may_be_tried(Start("a"))
    assert failures.may_be_tried(Start("b"))
    assert failures.seconds_to_next() == pytest.approx(0.5)
    now[0] += 0.5
    assert failures.may_be_tried(Start("a"))
    failures.note(Start("a"), OSError("broken"))
    assert failures.seconds_to_next() == pytest.approx(1.0)
    assert failures.problems()[0].why == "OSError: broken"
    failures.note(Start("a"), None)
    assert failures.problems() == ()


def test_what_is_no_longer_asked_for_is_no_problem() -> None:
    failures = Failures()
    failures.note(Start("a"), OSError("broken"))
    failures.keep_only(set())
    assert failures.problems() == ()


def request(method: str, body: bytes = b"", **headers: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": method,
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8",
        **headers,
    }


@pytest.mark.parametrize(
    ("environ", "may_change"),
    [
        (request("GET"), False),
        (request("POST", b"Action=DescribeInstances"), False),
        (request("POST", b"Action=RunInstances&Version=1"), True),
        (request("POST", b"{}", CONTENT_TYPE="application/json"), True),
        (request("POST", b"Action=RunInstances", HTTP_USER_AGENT=observe.OBSERVER), False),
        (
            request("PUT", HTTP_AUTHORIZATION="Credential=a/1/us-east-1/s3/aws4_request"),
            False,
        ),
    ],
)
def test_requests_that_may_change_something(environ: dict[str, Any], may_change: bool) -> None:
    body = environ["wsgi.input"].getvalue()
    assert api_server._may_change(environ) is may_change
    assert environ["wsgi.input"].read() == body


def test_a_process_is_told_from_a_later_one_of_the_same_number() -> None:
    me = ProcessIdentity.current()
    assert me.is_alive()
    assert not ProcessIdentity(me.pid, me.started + 1).is_alive()
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert not ProcessIdentity(ended.pid, 1).is_alive()


def test_a_request_reads_back_as_it_was(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    assert folder.request() is None
    folder.write_request(worlds.SETTING.request)
    assert folder.request() == worlds.SETTING.request


def test_files_are_whole_and_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret"
    write_file(path, "x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_keys_are_made_once(tmp_path: Path) -> None:
    files.prepare(tmp_path)
    key = (tmp_path / "node" / "id_ed25519").read_text()
    files.prepare(tmp_path)
    assert (tmp_path / "node" / "id_ed25519").read_text() == key
    assert os.access(tmp_path / "node" / "mount.efs", os.X_OK)
    assert (tmp_path / "node" / "known_hosts").read_text().startswith("* ssh-ed25519 ")


def test_the_root_is_an_authority_made_once(tmp_path: Path) -> None:
    certificate, key = tmp_path / "ca.pem", tmp_path / "ca.key"
    authority.prepare("timeoff", certificate, key)
    pem = certificate.read_bytes()
    authority.prepare("timeoff", certificate, key)
    assert certificate.read_bytes() == pem
    root = x509.load_pem_x509_certificate(pem)
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_the_acme_server_asks_the_vpcs_resolver() -> None:
    assert "challenges http-01" in acme.caddyfile()


def test_the_users_own_credentials_have_no_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    for name, value in environment.variables(tmp_path, "eu-central-1").items():
        monkeypatch.setenv(name, value)
    session = boto3.session.Session()
    found = session.get_credentials()
    assert (found.access_key, found.token) == ("sandbox", None)
    assert session.region_name == "eu-central-1"
    assert os.environ["NO_PROXY"] == "intranet.example,127.0.0.1,localhost"


def test_the_supervisor_sees_past_the_users_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = environment.variables(tmp_path, "eu-central-1")
    passwords: Any = None
    with moto.serving() as api:
        monkeypatch.setenv("AWS_PROFILE", "production")
        monkeypatch.setenv("HTTP_PROXY", NOBODY)
        observer = observe.Observer(api.endpoint, "eu-central-1", variables, passwords)
        observer.ensure_hosted_zone("example.com")
        assert observer.world().instances == ()


def test_the_supervisor_is_started_in_the_sandboxs_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The package gives the function of this name.
    start = import_module("beeyard.sandbox.start")
    runner = FakeRunner().expect(sys.executable, "-m", "beeyard.sandbox.daemon", tmp_path.name)
    monkeypatch.setattr(start, "LocalRunner", lambda: runner)
    monkeypatch.setenv("AWS_PROFILE", "production")
    start._launch(StateFolder(tmp_path), "eu-central-1", [].append)
    assert runner.calls[0].env["AWS_PROFILE"] == "default"


def test_the_sandboxs_services_are_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, NOBODY)
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            readiness._get(f"http://127.0.0.1:{server.server_port}/", host="acme.test")
        finally:
            server.shutdown()
            thread.join()


def test_the_provider_is_laid_out_as_terraform_looks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    mirror = provider_mirror.prepare()
    assert provider_mirror.prepare() == mirror
    (archive,) = (mirror / "registry.terraform.io" / "hashicorp" / "aws").iterdir()
    assert archive.name == "terraform-provider-aws_3.39.0_linux_amd64.zip"
    assert zipfile.is_zipfile(archive)


def test_the_api_answers_at_its_door_however_long_the_way_to_it_is(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30)
    folder.mkdir()
    amis = folder / "amis.json"
    amis.write_text("[]")
    server = api_server.ApiServer(amis, folder / "door", lambda: None)
    try:
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        transport = httpx.HTTPTransport(uds=f"/proc/self/fd/{descriptor}/door")
        with httpx.Client(transport=transport) as client:
            assert client.get("http://any/moto-api/").is_success
        os.close(descriptor)
    finally:
        server.stop()
