"""What each image of the sandbox promises, asked of the real one."""

import time

import pytest
from docker import DockerClient
from docker.models.containers import Container

from beeyard.process import LocalRunner
from beeyard.sandbox.images import Images, build_all
from beeyard.waiting import wait_until
from sandbox.images.parts import LABEL, ask, running, say, within

pytestmark = pytest.mark.real


def test_a_node_boots_whole(node: Container) -> None:
    assert ask(node, "systemctl", "is-system-running", "--wait") == (0, "running")


def test_a_node_lets_its_user_in_by_key_alone(node: Container, public_key: str) -> None:
    assert say(node, "cat", "/home/keeper/.ssh/authorized_keys") == public_key
    assert say(node, "su", "keeper", "-c", "sudo -n id -u") == "0"
    assert say(node, "stat", "-c", "%a %U", "/home/keeper/.ssh/authorized_keys") == "600 keeper"
    daemon = say(node, "/usr/sbin/sshd", "-T")
    assert "passwordauthentication no" in daemon
    # By its code: Docker 20.10 now and then loses what so short a command says.
    assert say(node, "systemctl", "is-active", "--quiet", "ssh") == ""


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


def test_a_restarted_node_keeps_its_engines_state_and_who_may_sign_in(
    node: Container, public_key: str
) -> None:
    say(node, "docker", "volume", "create", "kept")
    keys = "/home/keeper/.ssh/authorized_keys"
    say(node, "sh", "-c", f"echo another key > {keys}")
    begun = time.monotonic()
    node.restart(timeout=60)
    # systemd has understood the stop signal: else Docker would have waited for the whole minute.
    assert time.monotonic() - begun < 45
    wait_until(lambda: ask(node, "docker", "info")[0] == 0, **within(60))
    assert "kept" in say(node, "docker", "volume", "ls", "--quiet").splitlines()
    assert say(node, "cat", "/root/runs") == "once"
    assert say(node, "cat", keys).splitlines() == ["another key"], "removed ones stay away"
    # Other tests sign in to this node.
    say(node, "sh", "-c", f"echo '{public_key.strip()}' > {keys}")


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
