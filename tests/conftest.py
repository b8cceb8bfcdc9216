"""A real Swarm for the tests of `swarm` and `apps`: nodes of the sandbox's own image, without its
AWS. Everything carries one label and is removed at the end.
"""

import base64
import contextlib
import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

# Its plugin would import it when all is over, through pytest's rewriting of assertions, and there
# Python 3.11 now and then fails ("AST constructor recursion depth mismatch").
import hypothesis  # noqa: F401
import pytest
from docker import DockerClient
from docker.types import IPAMConfig, IPAMPool

import leavings
import registry
import turns
from beeyard.pipelines.docker_engine import CARRIER
from beeyard.process import Command, LocalRunner, SshRunner
from beeyard.sandbox.container import Container, Mount, NodeForm, create_body
from beeyard.sandbox.engine import node_form
from beeyard.sandbox.images import Images, build_all
from beeyard.swarm import Manager, Tunnel
from beeyard.waiting import SystemClock, wait_until
from drills.told import Told

#: The first half of its addresses. Another one lets two runs go on at once.
NETWORK = os.environ.get("BEEYARD_TESTS_NETWORK", "10.78")
REGISTRY = f"{NETWORK}.0.5:5000"
NAMES = ("manager-1", "worker-1", "worker-2")
PASSWORD = registry.PASSWORD
LOCAL = LocalRunner()
#: The programs in the image `tiny`.
TINY = (
    *("sh", "sleep", "cat", "dd", "head", "tail", "yes", "env", "id", "ls", "mkdir", "touch"),
    *("stat", "chmod", "sort", "grep", "getent", "base64"),
)


#: Lines of tests that need Docker; each runs in one process, and they may run beside each other:
#: what makes sandboxes, the tests' own Swarm, images, and what needs this machine's engine only,
#: or minutes of Terraform.
LINES = ("sandbox", "swarm", "images", "engine")


pytest_plugins = ["cluster.made", "drills.whole", "pytester"]


def pytest_sessionstart(session: pytest.Session) -> None:
    if leavings.is_first_process():
        session.config.add_cleanup(leavings.begin().close)


def pytest_addoption(parser: pytest.Parser) -> None:
    words = "drills and other slow tests: all, those whose turn it is, or none"
    parser.addoption("--slow", choices=("all", "turn", "none"), default="all", help=words)


def pytest_configure(config: pytest.Config) -> None:
    turns.begin()
    if leavings.is_first_process():
        _leave_home_alone(config)
        config.pluginmanager.register(Told())


def _leave_home_alone(config: pytest.Config) -> None:
    """What beeyard keeps on a machine goes elsewhere, where a test does not say where. All of the
    processes of a run go by it."""
    patch = pytest.MonkeyPatch()
    folder = tempfile.TemporaryDirectory(prefix="beeyard-tests-")
    patch.setenv("XDG_STATE_HOME", folder.name)
    config.add_cleanup(patch.undo)
    config.add_cleanup(folder.cleanup)


def pytest_report_header(config: pytest.Config) -> list[str]:
    if config.getoption("--slow") != "turn":
        return []
    return [f"slow tests: those of turn {turns.number()} ({turns.VARIABLE})"]


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The lines that take longest come first, and what needs no Docker fills in."""
    out = turns.left_out(items, str(config.getoption("--slow")), turns.number())
    config.hook.pytest_deselected(items=[item for item in items if item in out])
    items[:] = [item for item in items if item not in out]
    items.sort(key=lambda item: (_line(item), _place(item)))
    for item in items:
        if _line(item) < len(LINES):
            item.add_marker(pytest.mark.xdist_group(LINES[_line(item)]))


def _line(item: pytest.Item) -> int:
    """Which of the lines a test belongs to; their number, if to none."""
    folder = item.path.relative_to(Path(__file__).parent).parts
    if "real_swarm" in getattr(item, "fixturenames", ()):
        return 1
    if item.get_closest_marker("cluster"):
        return 0
    if not item.get_closest_marker("real"):
        return len(LINES)
    if folder[:2] == ("sandbox", "images"):
        return 2
    return 3 if folder[0] in {"cloud", "pipelines", "controller", "workflows"} else 0


def _place(item: pytest.Item) -> int:
    """Where in its line a test comes. Of the cluster's, drills are last but for what ends it: the
    others would pay for what they break. Of those that fill in, Terraform's take longest: at the
    end, one process would wait for them."""
    parts = item.path.parts
    if item.path.stem == "test_the_end":
        return 3
    if item.get_closest_marker("drill"):
        return 2
    if item.get_closest_marker("cluster"):
        return 1
    return 0 if "terraform" in parts else 4


@dataclass(frozen=True)
class RealSwarm:
    """Three nodes with Docker engines, joined, and a registry that asks for a password."""

    folder: Path
    ssh_config: Path
    registry: str
    tiny: str

    @property
    def addresses(self) -> list[str]:
        return [_address(index) for index in range(len(NAMES))]

    def on(self, node: str, *, sudo: bool = True) -> SshRunner:
        return SshRunner(LOCAL, self.ssh_config, node, sudo=sudo)

    def tunnel(self, node: str = "manager-1", **options: Any) -> Tunnel:
        return Tunnel(LOCAL, self.ssh_config, node, **options)


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    with contextlib.closing(docker.from_env(timeout=120)) as client:
        yield client


@pytest.fixture(scope="session")
def tiny(engine: DockerClient) -> Iterator[str]:
    """An image of this machine's own programs, that no registry has. Pipelines' own image, which
    they leave on an engine, is removed with it, if it was not there before."""
    name = f"beeyard-tests/tiny-{os.getpid()}:1"
    had_carrier = bool(engine.images.list(CARRIER))
    found = (Path(folder, one) for one in TINY for folder in ("/bin", "/usr/bin"))
    files = " ".join(str(path) for path in found if path.exists())
    pack = f"tar -ch {files} $(ldd {files} | grep -o '/lib[^: ]*' | sort -u)"
    LOCAL.run(Command(["sh", "-c", f"{pack} | docker import - {name}"]))
    try:
        yield name
    finally:
        engine.images.remove(name, force=True)
        if not had_carrier and engine.images.list(CARRIER):
            engine.images.remove(CARRIER, force=True)


@pytest.fixture(scope="session")
def images(engine: DockerClient) -> Images:
    return build_all(engine, LOCAL, lambda *_: None)


@pytest.fixture(scope="session")
def real_swarm(
    engine: DockerClient, images: Images, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealSwarm]:
    folder = tmp_path_factory.mktemp("swarm")
    label = {f"{leavings.MARK}swarm": str(os.getpid())}
    try:
        yield _bring_up(engine, images, folder, label)
    finally:
        leavings.sweep(engine, f"{leavings.MARK}swarm", str(os.getpid()))


@pytest.fixture(scope="session")
def manager(real_swarm: RealSwarm) -> Iterator[Manager]:
    with real_swarm.tunnel() as tunnel:
        yield Manager(tunnel.client)


def _bring_up(
    engine: DockerClient, images: Images, folder: Path, label: Mapping[str, str]
) -> RealSwarm:
    key = folder / "key"
    LOCAL.run(Command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]))
    public = key.with_suffix(".pub").read_text()
    prefix = f"beeyard-tests-{os.getpid()}"
    ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=f"{NETWORK}.0.0/16")])
    engine.networks.create(prefix, ipam=ipam, labels=dict(label))
    form = node_form(engine, images.node)
    for index in range(len(NAMES)):
        _start(engine, prefix, label, _node(images.node, form, prefix, index, public))
    _start(
        engine, prefix, label, registry.container(images.hub, folder, REGISTRY.partition(":")[0])
    )
    swarm = RealSwarm(folder, _ssh_config(folder, key), REGISTRY, f"{REGISTRY}/tiny:1")
    for name in NAMES:
        _await_engine(swarm, name)
    _join(swarm)
    _push_tiny(swarm)
    return swarm


def _node(image: str, form: NodeForm, prefix: str, index: int, key: str) -> Container:
    # As the roles `docker` and `base` leave a node.
    user_data = (
        "#!/bin/sh\nset -e\nusermod -aG docker admin\nmkdir -p /etc/docker\n"
        f'echo \'{{"insecure-registries": ["{REGISTRY}"]}}\' > /etc/docker/daemon.json\n'
    )
    return Container(
        thing=NAMES[index],
        kind="instance",
        image=image,
        address=_address(index),
        hostname=NAMES[index],
        environment={
            "BEEYARD_SSH_PUBLIC_KEY": key.strip(),
            "BEEYARD_USER_DATA": base64.b64encode(user_data.encode()).decode(),
        },
        mounts=(Mount(f"{prefix}-{NAMES[index]}", "/var/lib/docker"),),
        node=form,
    )


def _start(engine: DockerClient, prefix: str, label: Mapping[str, str], one: Container) -> None:
    for volume in one.volumes:
        engine.volumes.create(volume, labels=dict(label))
    body = create_body(one, label, prefix)
    api: Any = engine.api
    api.start(api.create_container_from_config(body, f"{prefix}-{one.thing}")["Id"])


def _ssh_config(folder: Path, key: Path) -> Path:
    lines = [
        "Host *",
        "  User admin",
        f"  IdentityFile {key}",
        "  IdentitiesOnly yes",
        f"  UserKnownHostsFile {folder / 'known_hosts'}",
        "  StrictHostKeyChecking accept-new",
        "  LogLevel ERROR",
    ]
    for index, name in enumerate(NAMES):
        lines += [f"Host {name}", f"  HostName {_address(index)}"]
    config = folder / "ssh_config"
    config.write_text("\n".join(lines) + "\n")
    return config


def _address(index: int) -> str:
    return f"{NETWORK}.1.{index + 4}"


def _await_engine(swarm: RealSwarm, name: str) -> None:
    def answers() -> bool:
        return swarm.on(name).run(Command(["docker", "info"], timeout=20), check=False).code == 0

    wait_until(answers, clock=SystemClock(), deadline=60, interval=0.3)


def _join(swarm: RealSwarm) -> None:
    first = swarm.on("manager-1")
    address = _address(0)
    first.run(Command(["docker", "swarm", "init", "--advertise-addr", address]))
    token = first.run(Command(["docker", "swarm", "join-token", "-q", "worker"])).stdout.strip()
    for name in NAMES[1:]:
        swarm.on(name).run(
            Command(["docker", "swarm", "join", "--token", token, f"{address}:2377"])
        )
    for name in NAMES:
        # No test relies on IPVS: kernels without it must do.
        first.run(Command(["docker", "node", "update", "--label-add", "beeyard.ipvs=false", name]))


def _push_tiny(swarm: RealSwarm) -> None:
    """An image of a shell and little else, made of what the node's image has."""
    files = "/bin/sh /bin/sleep /bin/cat"
    pack = f"tar -ch {files} $(ldd {files} | grep -o '/lib[^: ]*' | sort -u)"
    first = swarm.on("manager-1")
    first.run(Command(["sh", "-c", f"{pack} | docker import - {shlex.quote(swarm.tiny)}"]))
    first.run(
        Command(
            ["docker", "login", "--username", "ci", "--password-stdin", swarm.registry],
            input=PASSWORD.encode(),
        )
    )
    first.run(Command(["docker", "push", swarm.tiny]))
