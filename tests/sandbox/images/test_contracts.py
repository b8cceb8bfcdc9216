"""What each image of the sandbox promises, asked of the real one."""

import base64
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any, cast

import pytest
from docker import DockerClient
from docker.models.containers import Container
from docker.types import IPAMConfig, IPAMPool

from beeyard.process import LocalRunner
from beeyard.sandbox.container import Container as Description
from beeyard.sandbox.container import Mount, create_body
from beeyard.sandbox.engine import node_form
from beeyard.sandbox.images import Images, build_all
from beeyard.waiting import SystemClock, wait_until

pytestmark = pytest.mark.real

LABEL = {"beeyard.tests.images": str(os.getpid())}
NETWORK = "10.187.3"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE9fbm90X2FfcmVhbF9rZXlfb2ZfYW55b25lXyEh employee"


@pytest.fixture(scope="module")
def network(engine: DockerClient) -> Iterator[str]:
    pool = IPAMConfig(pool_configs=[IPAMPool(subnet=f"{NETWORK}.0/24")])
    made = engine.networks.create(f"beeyard-tests-images-{os.getpid()}", ipam=pool, labels=LABEL)
    try:
        yield str(made.name)
    finally:
        made.remove()


@pytest.fixture(scope="module")
def mirror(engine: DockerClient, images: Images, network: str) -> Iterator[str]:
    """The URL of a running `hub`."""
    hub = Description("hub", "service", images.hub, f"{NETWORK}.5")
    with described(engine, hub, network) as container:
        wait_until(lambda: "listening on" in container.logs().decode(), **within(30))
        yield f"http://{hub.address}:5000"


@pytest.fixture(scope="module")
def node(engine: DockerClient, images: Images, network: str, mirror: str) -> Iterator[Container]:
    """A booted node whose user data has told its engine of the mirror."""
    settings = json.dumps({"registry-mirrors": [mirror]})
    user_data = (
        f"#!/bin/sh\nset -e\necho once >> /root/runs\necho '{settings}' > /etc/docker/daemon.json\n"
    )
    volume = engine.volumes.create(labels=LABEL)
    description = Description(
        "node-1",
        "instance",
        images.node,
        f"{NETWORK}.10",
        hostname="node-1",
        # As an instance is started: its cgroups are made writable, then its own entry script runs.
        argv=("/bin/sh", "-c", (files("beeyard.sandbox") / "scripts/node.sh").read_text()),
        environment={
            "BEEYARD_SSH_USER": "keeper",
            "BEEYARD_SSH_PUBLIC_KEY": KEY,
            "BEEYARD_RESOLVER": "192.0.2.53",
            "BEEYARD_USER_DATA": base64.b64encode(user_data.encode()).decode(),
        },
        mounts=(Mount(str(volume.name), "/var/lib/docker"),),
        node=node_form(engine, images.node),
    )
    try:
        with described(engine, description, network) as container:
            wait_until(lambda: ask(container, "docker", "info")[0] == 0, **within(60))
            yield container
    finally:
        volume.remove()


def test_a_node_boots_whole(node: Container) -> None:
    assert ask(node, "systemctl", "is-system-running", "--wait") == (0, "running")


def test_a_node_lets_its_user_in_by_key_alone(node: Container) -> None:
    assert say(node, "cat", "/home/keeper/.ssh/authorized_keys") == KEY
    assert say(node, "su", "keeper", "-c", "sudo -n id -u") == "0"
    assert say(node, "stat", "-c", "%a %U", "/home/keeper/.ssh/authorized_keys") == "600 keeper"
    daemon = say(node, "/usr/sbin/sshd", "-T")
    assert "passwordauthentication no" in daemon
    assert say(node, "systemctl", "is-active", "ssh") == "active"


def test_a_node_asks_the_resolver_that_it_was_given(node: Container) -> None:
    inner = say(node, "docker", "run", "--rm", "debian:bookworm-slim", "cat", "/etc/resolv.conf")
    assert "nameserver 192.0.2.53" in inner


def test_two_nodes_share_no_identity(engine: DockerClient, images: Images) -> None:
    """Host keys and machine-id are made at the first boot: the image has neither."""
    command = "cat /etc/machine-id; ls /etc/ssh"
    said = str(
        engine.containers.run(
            images.node, ["-c", command], entrypoint="/bin/sh", remove=True, labels=LABEL
        ),
        "utf-8",
    )
    assert "ssh_host_" not in said
    assert said.split("\n", maxsplit=1)[0] in {"moduli", "ssh_config"}


def test_a_restarted_node_keeps_its_engines_state(node: Container) -> None:
    say(node, "docker", "volume", "create", "kept")
    begun = time.monotonic()
    node.restart(timeout=60)
    # systemd has understood the stop signal: else Docker would have waited for the whole minute.
    assert time.monotonic() - begun < 45
    wait_until(lambda: ask(node, "docker", "info")[0] == 0, **within(60))
    assert "kept" in say(node, "docker", "volume", "ls", "--quiet").splitlines()
    assert say(node, "cat", "/root/runs") == "once"


@pytest.mark.parametrize(
    ("image", "command", "expected"),
    [
        ("python:3.11-slim-bookworm", ["python", "--version"], "Python 3.11."),
        ("python:3.11-slim-bookworm", ["pip", "--version"], "(python 3.11)"),
        ("traefik:v3.7.15", ["version"], "3.7.15"),
        ("registry:2.8.2", ["registry", "--version"], "2.8.2"),
        ("haproxy:2.6", ["haproxy", "-v"], "version 2.6."),
    ],
)
def test_a_node_pulls_what_stands_in_for_docker_hub(
    node: Container, image: str, command: list[str], expected: str
) -> None:
    assert expected in say(node, "docker", "run", "--rm", image, *command)


def test_the_python_stand_in_installs_and_trusts_as_this_machine(
    node: Container,
) -> None:
    lines = ("import ssl", "print(len(ssl.create_default_context().get_ca_certs()))")
    program = ";".join(lines)
    image = "python:3.11-slim-bookworm"
    assert int(say(node, "docker", "run", "--rm", image, "python", "-c", program)) > 100
    said = say(
        node, "docker", "run", "--rm", image, "sh", "-c", "find / -xdev -name EXTERNALLY-MANAGED"
    )
    assert said == ""


@pytest.mark.parametrize(
    "argv",
    [
        ["caddy", "version"],
        ["dnsmasq", "--version"],
        ["haproxy", "-v"],
        ["test", "-x", "/usr/sbin/sshd"],
    ],
    ids=" ".join,
)
def test_services_have_their_programs(
    engine: DockerClient, images: Images, argv: list[str]
) -> None:
    engine.containers.run(images.services, argv, remove=True, labels=LABEL)


def test_a_database_is_made_once_and_kept(engine: DockerClient, images: Images) -> None:
    volume = engine.volumes.create(labels=LABEL)
    try:
        mounts = [f"{volume.name}:/var/lib/mysql"]
        with running(engine, images.mariadb, volumes=mounts) as container:
            wait_until(lambda: ask(container, "mariadb", "-e", "SELECT 1")[0] == 0, **within(60))
            say(container, "mariadb", "-e", "CREATE DATABASE kept")
            charset = say(container, "mariadb", "-Ne", "SELECT @@character_set_server, VERSION()")
            assert charset.startswith("utf8mb4\t10.11.")
            # Root comes in by the socket alone, and nobody without a name at all.
            users = say(container, "mariadb", "-Ne", "SELECT user, host FROM mysql.user")
            assert {line.split("\t")[1] for line in users.splitlines()} == {"localhost"}
        with running(engine, images.mariadb, volumes=mounts) as container:
            wait_until(lambda: ask(container, "mariadb", "-e", "SELECT 1")[0] == 0, **within(60))
            assert "kept" in say(container, "mariadb", "-Ne", "SHOW DATABASES").splitlines()
    finally:
        volume.remove()


def test_what_is_there_is_not_built_again(engine: DockerClient, images: Images) -> None:
    states: list[tuple[str, str]] = []
    begun = time.monotonic()
    again = build_all(
        engine, LocalRunner(), lambda name, state, _seconds, _line: states.append((name, state))
    )
    assert again == images
    assert {state for _, state in states} == {"cached"}
    assert time.monotonic() - begun < 10


@contextmanager
def running(engine: DockerClient, image: str, **options: Any) -> Iterator[Container]:
    container = engine.containers.run(image, detach=True, labels=LABEL, **options)
    try:
        yield container
    finally:
        container.remove(force=True, v=True)


@contextmanager
def described(engine: DockerClient, description: Description, network: str) -> Iterator[Container]:
    """A container in the form that the sandbox gives it."""
    body = create_body(description, LABEL, network)
    made = cast(Any, engine.api).create_container_from_config(
        body, f"{network}-{description.thing}"
    )
    container = engine.containers.get(made["Id"])
    try:
        container.start()
        yield container
    finally:
        container.remove(force=True, v=True)


def ask(container: Container, *argv: str) -> tuple[int, str]:
    result: Any = container.exec_run(list(argv))
    return result.exit_code, result.output.decode().strip()


def say(container: Container, *argv: str) -> str:
    code, output = ask(container, *argv)
    assert code == 0, f"{argv}: {output}"
    return output


def within(seconds: float) -> dict[str, Any]:
    return {"clock": SystemClock(), "deadline": seconds, "interval": 0.3}
