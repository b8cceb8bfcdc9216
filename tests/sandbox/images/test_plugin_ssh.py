"""The stand-in for `appleboy/drone-ssh`, against real servers of OpenSSH."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from docker import DockerClient
from docker.models.containers import Container

from beeyard.process import Command, LocalRunner
from beeyard.sandbox.images import Images
from beeyard.waiting import wait_until
from sandbox.images.parts import running, say, step, within

pytestmark = pytest.mark.real

PASSWORD = "a pass,word"
SERVER = """\
set -e
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
printf 'PasswordAuthentication yes\\n' > /etc/ssh/sshd_config.d/00-tests.conf
useradd --create-home --shell /bin/bash deploy
echo "deploy:$PASSWORD" | chpasswd
install -d -o deploy -m 700 /home/deploy/.ssh
echo "$KEYS" > /home/deploy/.ssh/authorized_keys
chown deploy /home/deploy/.ssh/authorized_keys
mkdir -p /run/sshd
exec /usr/sbin/sshd -D -e
"""


@dataclass(frozen=True)
class Server:
    """A host with sshd, and the fingerprint of its key."""

    container: Container
    address: str
    fingerprint: str


@pytest.fixture(scope="module")
def locked_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key with a passphrase, `open sesame`."""
    key = tmp_path_factory.mktemp("locked") / "key"
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", str(key)]
    LocalRunner().run(Command(argv))
    return key


@pytest.fixture(scope="module")
def servers(
    engine: DockerClient, images: Images, network: str, public_key: str, locked_key: Path
) -> Iterator[tuple[Server, Server]]:
    keys = f"{public_key}\n{locked_key.with_suffix('.pub').read_text()}"
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                running(
                    engine,
                    images.node,
                    entrypoint=["/bin/sh", "-c", SERVER],
                    environment={"PASSWORD": PASSWORD, "KEYS": keys},
                    network=network,
                )
            )
            for _ in range(2)
        ]
        first, second = (_server(container, network) for container in started)
        yield first, second


def _server(container: Container, network: str) -> Server:
    wait_until(lambda: "Server listening" in container.logs().decode(), **within(30))
    container.reload()
    shown = say(container, "ssh-keygen", "-l", "-f", "/etc/ssh/ssh_host_ed25519_key.pub")
    address = container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"]
    return Server(container, address, shown.split()[1])


def ssh(
    node: Container, server: Server, environment: dict[str, str] | None = None, /, **settings: str
) -> tuple[int, list[str]]:
    """A step on one server, by password where nothing else is said: its exit code and its lines."""
    given = {
        "host": server.address,
        "username": "deploy",
        "password": PASSWORD,
        "fingerprint": server.fingerprint,
        **settings,
    }
    variables = {f"PLUGIN_{name.upper()}": value for name, value in given.items() if value}
    code, said = step(node, "appleboy/drone-ssh", {**variables, **(environment or {})})
    return code, said.splitlines()


def test_runs_a_script_by_password(node: Container, servers: tuple[Server, Server]) -> None:
    code, lines = ssh(node, servers[0], script="whoami,echo 'to err,or' >&2")
    assert code == 0, lines
    at = lines.index("======CMD======")
    assert lines[at : at + 4] == [
        "======CMD======",
        "whoami",
        "echo 'to err,or' >&2",
        "======END======",
    ]
    assert {"out: deploy", "err: to err,or"} <= set(lines)
    assert lines[-1] == "the script ended well on all hosts (1)"


def test_runs_it_by_key(
    node: Container, servers: tuple[Server, Server], key: Path, locked_key: Path
) -> None:
    code, lines = ssh(node, servers[0], password="", key=key.read_text(), script="whoami")
    assert (code, "out: deploy" in lines) == (0, True), lines
    locked = {"password": "", "key": locked_key.read_text(), "script": "whoami"}
    code, lines = ssh(node, servers[0], **locked, passphrase="open sesame")
    assert (code, "out: deploy" in lines) == (0, True), lines
    code, lines = ssh(node, servers[0], **locked, passphrase="wrong")
    assert code == 1
    assert "the private key can't be used" in lines[-1]
    assert "sesame" not in "\n".join(lines)


def test_who_is_not_known_is_not_let_in(node: Container, servers: tuple[Server, Server]) -> None:
    code, lines = ssh(node, servers[0], password="wr0ng", script="whoami")
    assert code == 1
    assert lines[-1].startswith(f"error: deploy@{servers[0].address}:22: not let in: ")
    assert "wr0ng" not in "\n".join(lines)


def test_a_host_with_another_key_is_told_nothing(
    node: Container, servers: tuple[Server, Server]
) -> None:
    first, second = servers
    code, lines = ssh(node, first, fingerprint=second.fingerprint, script="touch /tmp/was-here")
    assert code == 1
    assert lines[-1] == (
        f"error: deploy@{first.address}:22: its key is {first.fingerprint} (ssh-ed25519), "
        f"not the fingerprint {second.fingerprint}"
    )
    assert say(first.container, "sh", "-c", "ls /tmp") == ""


def test_without_a_fingerprint_it_says_that_any_key_does(
    node: Container, servers: tuple[Server, Server]
) -> None:
    code, lines = ssh(node, servers[0], fingerprint="", script="true")
    assert code == 0, lines
    assert (
        f"deploy@{servers[0].address}:22: its key {servers[0].fingerprint} (ssh-ed25519) "
        "was not checked: no fingerprint is given"
    ) in lines


def test_variables_reach_the_script(node: Container, servers: tuple[Server, Server]) -> None:
    code, lines = ssh(
        node,
        servers[0],
        {"commit": 'it\'s $HOME; "x"', "AWS_ACCESS_KEY_ID": "k3y"},
        envs="commit,aws_access_key_id",
        script='echo "$commit",sh -c "echo \\$AWS_ACCESS_KEY_ID",wc -c',
    )
    assert code == 0, lines
    # The last command finds its input empty: nothing of the values is left in it.
    assert [line for line in lines if line.startswith("out: ")] == [
        'out: it\'s $HOME; "x"',
        "out: k3y",
        "out: 0",
    ]


@pytest.mark.parametrize(("stop", "code", "goes_on"), [("false", 0, True), ("true", 1, False)])
def test_script_stop_ends_it_at_the_first_failure(
    node: Container, servers: tuple[Server, Server], stop: str, code: int, goes_on: bool
) -> None:
    script = "mkdir /nowhere/at/all\necho went on"
    ended, lines = ssh(node, servers[0], script=script, script_stop=stop)
    assert (ended, "out: went on" in lines) == (code, goes_on)


@pytest.mark.parametrize("status", [3, 78])
def test_a_script_that_fails_fails_the_step(
    node: Container, servers: tuple[Server, Server], status: int
) -> None:
    """With 1, as the published plugin: 78 would end the pipeline as a success."""
    code, lines = ssh(node, servers[0], script=f"echo before,exit {status}")
    assert code == 1
    assert "out: before" in lines
    assert lines[-1] == (
        f"error: deploy@{servers[0].address}:22: Process exited with status {status}"
    )


def test_a_script_that_hangs_is_ended(node: Container, servers: tuple[Server, Server]) -> None:
    code, lines = ssh(node, servers[0], script="echo begun,sleep 7531", command_timeout="2s")
    assert code == 1
    assert "out: begun" in lines
    assert lines[-1].endswith("the script did not end within 2 s (command_timeout)")
    gone = "! grep -az '^7531$' /proc/[0-9]*/cmdline"
    wait_until(
        lambda: servers[0].container.exec_run(["bash", "-c", gone]).exit_code == 0, **within(10)
    )


def test_a_host_that_does_not_answer(node: Container, servers: tuple[Server, Server]) -> None:
    code, lines = ssh(node, servers[0], host="192.0.2.1", timeout="1s", script="true")
    assert code == 1
    assert "192.0.2.1:22: " in lines[-1]
    code, lines = ssh(node, servers[0], port="23", script="true")
    assert code == 1
    assert "Connect call failed" in lines[-1] or "refused" in lines[-1]


def test_all_hosts_at_once_each_line_with_its_host(
    node: Container, servers: tuple[Server, Server]
) -> None:
    """Each waits for the other: one after the other, they would not come to an end."""
    hosts = [server.address for server in servers]
    script = f"""
        python3 -m http.server 7000 > /dev/null 2>&1 &
        for host in {" ".join(hosts)}; do
            until bash -c "exec 3<>/dev/tcp/$host/7000" 2> /dev/null; do sleep 0.1; done
        done
        echo met; sleep 1; kill %1"""
    code, lines = ssh(
        node, servers[0], host=",".join(hosts), fingerprint="", script=script, command_timeout="20s"
    )
    assert code == 0, lines
    assert {f"deploy@{host}:22: out: met" for host in hosts} <= set(lines)


def test_in_turn_a_failure_is_the_last(node: Container, servers: tuple[Server, Server]) -> None:
    hosts = ",".join(server.address for server in servers)
    script = "echo here && false"
    for sync, reached in (("true", 1), ("false", 2)):
        code, lines = ssh(node, servers[0], host=hosts, fingerprint="", sync=sync, script=script)
        assert code == 1
        assert len([line for line in lines if line.endswith("out: here")]) == reached


def test_a_host_behind_another(node: Container, servers: tuple[Server, Server], key: Path) -> None:
    proxy, behind = servers
    through = {
        "proxy_host": proxy.address,
        "proxy_username": "deploy",
        "proxy_key": key.read_text(),
        "script": "echo $SSH_CONNECTION",
    }
    code, lines = ssh(node, behind, **through, proxy_fingerprint=proxy.fingerprint)
    assert code == 0, lines
    (shown,) = (line for line in lines if line.startswith("out: "))
    assert shown.split()[1] == proxy.address
    code, lines = ssh(node, behind, **through, proxy_fingerprint=behind.fingerprint)
    assert code == 1
    assert f"{proxy.address}:22: its key is {proxy.fingerprint}" in lines[-1]


def test_a_flood_of_output_is_shown_whole(node: Container, servers: tuple[Server, Server]) -> None:
    script = "head -c 300000 /dev/zero | tr '\\0' x; echo; seq 20000"
    code, lines = ssh(node, servers[0], script=script)
    assert code == 0
    shown = [line.removeprefix("out: ") for line in lines if line.startswith("out: ")]
    assert sum(line.count("x") for line in shown) == 300_000
    assert shown[-1] == "20000"


def test_settings_that_are_not_supported_are_refused(
    node: Container, servers: tuple[Server, Server]
) -> None:
    code, lines = ssh(node, servers[0], script="true", request_pty="true")
    assert code == 1
    assert lines[-1].startswith("error: request_pty: ")
