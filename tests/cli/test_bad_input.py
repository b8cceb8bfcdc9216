"""Every bad input that can be foreseen: one clear sentence, what to do now, and nothing lost."""

import contextlib
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from docker import DockerClient

from beeyard import sandbox
from beeyard.cli import cluster as cluster_commands
from beeyard.cloud import AWS
from beeyard.errors import HostError, Refused, render
from beeyard.inventory import Host, Inventory, SshAccess
from beeyard.inventory.ssh_config import render as ssh_config
from beeyard.packaged import Files
from beeyard.process import LocalRunner
from beeyard.provision import await_ssh
from beeyard.sandbox import engine as sandbox_engine
from beeyard.sandbox.images import Images
from beeyard.sandbox.images.catalogue import Image
from beeyard.waiting import SystemClock
from cli.aws import api
from cli.said import MINIMAL, Cli, WriteFile

CORRECT = "Correct the file; docs/reference/beeyard.yml shows every key."


@pytest.mark.parametrize(
    ("text", "first", "mistake"),
    [
        pytest.param(
            MINIMAL.replace("name: shop", "name: shop: too"),
            "error: beeyard.yml is not valid YAML.",
            "beeyard.yml:1:11: the YAML is broken here: mapping values are not allowed here\n"
            "    Put a value that holds a colon into quotes, and indent keys of one section alike.",
            id="broken YAML",
        ),
        pytest.param(
            MINIMAL + "wrokers: {count: 2}\n",
            "error: beeyard.yml has a mistake.",
            "beeyard.yml:9:1: wrokers: there is no such key\n    Did you mean `workers`?",
            id="unknown key",
        ),
        pytest.param(
            MINIMAL + "managers: {count: 2}\n",
            "error: beeyard.yml has a mistake.",
            "beeyard.yml:9:19: managers.count: 2 is an even number of managers\n"
            "    A Swarm decides by majority: with 2 managers it survives the loss of none, just "
            "as with 1, and one more can fail.\n    Use 1 or 3.\n",
            id="even manager count",
        ),
        pytest.param(
            MINIMAL.replace("10.213.0.0/16", "10.213.0.0/28"),
            "error: beeyard.yml has a mistake.",
            "beeyard.yml:4:11: vpc_cidr: `10.213.0.0/28` is too small for the zones\n"
            "    Each of up to 5 zones gets three subnets; a /22 is the smallest block that holds "
            "them.\n    Use a /22 or larger: `10.20.0.0/16`.\n",
            id="CIDR too small",
        ),
        pytest.param(
            MINIMAL.replace("shop.example.com", "shop_example"),
            "error: beeyard.yml has a mistake.",
            "beeyard.yml:2:9: domain: `shop_example` is no domain\n    Labels of a-z, 0-9 and ",
            id="no domain",
        ),
    ],
)
@pytest.mark.parametrize("command", [["check"], ["up", "--yes"], ["--sandbox", "up"]])
def test_a_file_with_a_mistake(
    cli: Cli, file: WriteFile, command: list[str], text: str, first: str, mistake: str
) -> None:
    path = file(text)
    said = cli(*command)
    assert (said.code, said.out) == (3, "")
    assert said.first_line == first
    assert mistake in said.error
    assert said.fix.startswith("Correct th")
    assert path.read_text() == text


def test_every_mistake_is_in_the_json(cli: Cli, file: WriteFile) -> None:
    file(MINIMAL + "managers: {count: 2}\nwrokers: {}\n")
    data = cli("check", "--json").data
    assert (data["error"], data["exit_code"], data["fix"]) == ("ConfigError", 3, CORRECT)
    assert [mistake["where"] for mistake in data["mistakes"]] == [
        "beeyard.yml:9:19",
        "beeyard.yml:10:1",
    ]


def test_no_file(cli: Cli) -> None:
    said = cli("up")
    assert said.code == 3
    here = Path.cwd()
    assert said.first_line == f"error: There is no beeyard.yml in {here}, nor in a folder above it."
    assert said.fix.endswith("or write one with `beeyard init`.\n")


@pytest.mark.parametrize("command", [["check"], ["up", "--yes"]])
def test_the_ssh_key_is_missing(cli: Cli, file: WriteFile, command: list[str]) -> None:
    file(MINIMAL.replace("ssh:\n", "ssh:\n  key: keys/operator\n"))
    said = cli(*command)
    assert said.code == 3
    assert said.first_line == "error: beeyard.yml and the files that it names have a mistake."
    assert "beeyard.yml:6:8: ssh.key: " in said.error
    assert "    Make the key: `ssh-keygen -t ed25519 -f " in said.error


@pytest.mark.parametrize("command", [["up", "--yes"], ["status"], ["down", "--yes"]])
def test_no_aws_credentials(cli: Cli, file: WriteFile, command: list[str]) -> None:
    file()
    said = cli(*command)
    assert (said.code, said.out) == (5, "")
    assert said.first_line == "error: there are no AWS credentials"
    assert said.fix.startswith("sign in to AWS: `aws configure`, `aws sso login`, or AWS_PROFILE")


@pytest.mark.parametrize(
    ("code", "first"),
    [
        ("ExpiredToken", "error: your AWS credentials have expired"),
        ("InvalidClientTokenId", "error: AWS does not know your credentials"),
    ],
)
def test_aws_refuses_the_credentials(
    cli: Cli, file: WriteFile, monkeypatch: pytest.MonkeyPatch, code: str, first: str
) -> None:
    file()
    with api(refuse=code) as aws:
        _set(monkeypatch, aws.environment)
        said = cli("up", "--yes")
    assert said.code == 5
    assert said.first_line == first
    assert said.fix.startswith("sign in to AWS: ")


def test_nobody_is_there_to_say_yes(
    cli: Cli, file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file()
    with api() as aws:
        _set(monkeypatch, aws.environment)
        said = cli("up")
    assert said.code == 11
    assert "account 123456789012 (arn:aws:iam::123456789012:user/operator)" in said.err
    assert said.error == (
        "error: nobody is there to say yes\n  do:    run it on a terminal, or with --yes\n"
    )


def test_what_is_made_without_being_asked_is_shown_all_the_same(
    cli: Cli, file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file()
    with api(refuse_bucket="AccessDenied") as aws:
        _set(monkeypatch, aws.environment)
        said = cli("up", "--yes")
    assert said.code == 5
    assert said.first_line == "error: AWS did not allow CreateBucket"
    account = "account 123456789012 (arn:aws:iam::123456789012:user/operator), region eu-central-1"
    shown = said.err.index(f"\n{account}\n1 manager (t3.small), 2 workers (t3.small), ")
    assert shown < said.err.index("lock …")
    assert "Go on?" not in said.err


def test_a_rehearsal_goes_where_a_cluster_on_aws_would_stay(
    cli: Cli, file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def protected(*_: object, **__: object) -> NoReturn:
        raise Refused("the database is protected against deletion", fix="set it to false")

    removed: list[str] = []
    monkeypatch.setattr(sandbox, "status", lambda _: SimpleNamespace(running=True))
    monkeypatch.setattr(cluster_commands, "open_cluster", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(cluster_commands, "run_down", protected)
    monkeypatch.setattr(cluster_commands, "remove_rehearsal", lambda _, name: removed.append(name))
    file()
    said = cli("--sandbox", "down", "--yes")
    assert (said.code, removed) == (0, ["shop"])
    assert said.err == (
        "on AWS this would end here:\n"
        "error: the database is protected against deletion\n"
        "  do:    set it to false\n"
    )


@pytest.mark.parametrize("command", [["up"], ["sandbox", "status"], ["sandbox", "down", "--yes"]])
def test_docker_does_not_run(
    cli: Cli, file: WriteFile, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    file()
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    said = cli("--sandbox", *command)
    assert (said.code, said.out) == (4, "")
    assert said.first_line == "error: the Docker engine is not running"
    assert said.fix == (
        "start it (`sudo systemctl start docker`), or run `make demo`, which installs it\n"
    )


def test_a_system_that_was_never_tried(
    cli: Cli, file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file()
    monkeypatch.setattr(sandbox_engine, "sys", SimpleNamespace(platform="darwin"))
    said = cli("--sandbox", "up")
    assert said.code == 4
    assert said.first_line == "error: the sandbox was never tried on darwin"
    assert said.fix == (
        "run it on Linux, a virtual machine will do; without --sandbox beeyard works here\n"
    )


def test_ports_that_are_none(cli: Cli, file: WriteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file()
    monkeypatch.setenv("BEEYARD_SANDBOX_PORTS", "eighty")
    said = cli("--sandbox", "up")
    assert said.code == 3
    assert said.error == (
        "error: BEEYARD_SANDBOX_PORTS is `eighty`\n"
        "  do:    name two ports: BEEYARD_SANDBOX_PORTS=8080,8443\n"
    )


@pytest.mark.real
def test_a_port_is_taken(
    cli: Cli, file: WriteFile, monkeypatch: pytest.MonkeyPatch, images: Images, taken: int
) -> None:
    file()
    monkeypatch.setenv("BEEYARD_SANDBOX_PORTS", f"{taken},{taken - 1}")
    said = cli("--sandbox", "up")
    assert said.code == 6
    assert said.first_line == f"error: port {taken} of 127.0.0.1 is taken"
    assert "  why:   process " in said.error
    assert said.fix == (
        "stop what holds it, or choose other ports: BEEYARD_SANDBOX_PORTS=8080,8443\n"
    )
    assert cli("sandbox", "status", "shop").out == "shop: there is no such rehearsal\n"


@pytest.mark.real
def test_an_image_can_not_be_built(
    cli: Cli,
    file: WriteFile,
    monkeypatch: pytest.MonkeyPatch,
    images: Images,
    engine: DockerClient,
    tmp_path: Path,
) -> None:
    file()
    mark = f"of-{tmp_path.parent.name}-{tmp_path.name}"
    genuine = Image.context
    lines = f"FROM {images.services}\nRUN echo what went wrong {mark}; exit 7\n".encode()

    def context(image: Image) -> Files:
        return {"Dockerfile": (0o644, lines)} if image.name == "haproxy" else genuine(image)

    monkeypatch.setattr(Image, "context", context)
    said = cli("--sandbox", "up")
    assert said.code == 6
    assert said.first_line.startswith("error: the image beeyard-sandbox/haproxy:")
    assert said.first_line.endswith(" could not be built")
    assert f"\n         what went wrong {mark}\n" in said.error
    assert "returned a non-zero code: 7\n" in said.error
    assert said.fix.startswith("mend what its last lines say, then run this again")
    commands = [one.attrs["Config"]["Cmd"] for one in engine.containers.list(all=True)]
    assert [command for command in commands if mark in str(command)] == []
    assert engine.images.list(name=said.first_line.split()[3]) == []


def test_a_node_never_boots(tmp_path: Path) -> None:
    """`up` asks as here, for five minutes. Nothing listens on port 22 of this loopback address."""
    address = "127.255.13.22"
    with contextlib.closing(socket.socket()) as probe:
        assert probe.connect_ex((address, 22)) != 0
    host = Host("manager-1", "manager", "eu-central-1a", address, "10.213.1.4", "i-0123456789")
    access = SshAccess("admin", tmp_path / "key", tmp_path / "known_hosts", tmp_path)
    inventory = Inventory("shop", (host,), access)
    config = tmp_path / "ssh_config"
    config.write_text(ssh_config(inventory))
    with pytest.raises(HostError) as caught:
        await_ssh(inventory, LocalRunner(), config, SystemClock(), lambda _: None, deadline=1)
    assert caught.value.exit_code == 7
    assert render(caught.value) == (
        "error: manager-1 does not let us in after 1 s\n"
        f"  where: manager-1 (i-0123456789, {address})\n"
        f"  why:   ssh: connect to host {address} port 22: Connection refused\n"
        "  do:    look at the instance's console log; may this address reach port 22 "
        "(`ssh.allowed_cidrs`)? For a machine that is gone for good: beeyard node replace, or, for "
        "the only manager, beeyard recover"
    )


def test_aws_is_the_world_without_the_flag() -> None:
    """The tests above reach a made-up AWS only since nothing overrides the SDK's endpoint."""
    assert AWS.endpoint is None


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of 127.0.0.1 that this test listens on."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener.getsockname()[1]


def _set(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
