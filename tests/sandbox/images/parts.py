"""Parts of a sandbox, for tests of what its images promise: on a network of their own."""

import base64
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any, cast

from docker import DockerClient
from docker.models.containers import Container
from docker.types import IPAMConfig, IPAMPool

from beeyard.sandbox.container import Container as Description
from beeyard.sandbox.container import Mount, create_body
from beeyard.sandbox.engine import node_form
from beeyard.sandbox.images import Images
from beeyard.sandbox.images.engine_calls import tar
from beeyard.waiting import SystemClock, wait_until

LABEL = {"beeyard.tests.images": str(os.getpid())}
#: The first half of its addresses. Another one lets two runs go on at once.
NETWORK = os.environ.get("BEEYARD_TESTS_IMAGES_NETWORK", "10.187.3")
REGISTRY = f"{NETWORK}.6"


@contextmanager
def network(engine: DockerClient) -> Iterator[str]:
    """Its name."""
    pool = IPAMConfig(pool_configs=[IPAMPool(subnet=f"{NETWORK}.0/24")])
    made = engine.networks.create(f"beeyard-tests-images-{os.getpid()}", ipam=pool, labels=LABEL)
    try:
        yield str(made.name)
    finally:
        made.remove()


@contextmanager
def mirror(engine: DockerClient, images: Images, network: str) -> Iterator[str]:
    """The URL of a running `hub`."""
    hub = Description("hub", "service", images.hub, f"{NETWORK}.5")
    with described(engine, hub, network) as container:
        wait_until(lambda: "listening on" in container.logs().decode(), **within(30))
        yield f"http://{hub.address}:5000"


@contextmanager
def node(
    engine: DockerClient, images: Images, network: str, mirror: str, keys: Sequence[str]
) -> Iterator[Container]:
    """A booted node whose user data has told its engine of the mirror, and of the registry, which
    speaks without TLS. `keys`: public keys of its user, `keeper`."""
    # With their schemes, as BuildKit wants them: so the role `docker` leaves a node, too.
    settings = json.dumps(
        {"registry-mirrors": [mirror], "insecure-registries": [mirror, f"http://{REGISTRY}:5000"]}
    )
    user_data = (
        "#!/bin/sh\nset -e\necho once >> /root/runs\nusermod -aG docker keeper\n"
        f"mkdir -p /etc/docker\necho '{settings}' > /etc/docker/daemon.json\n"
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
            "BEEYARD_SSH_PUBLIC_KEY": "\n".join(keys),
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


def ask(container: Container, *argv: str, **options: Any) -> tuple[int, str]:
    result: Any = container.exec_run(list(argv), **options)
    return result.exit_code, result.output.decode().strip()


def say(container: Container, *argv: str) -> str:
    code, output = ask(container, *argv)
    assert code == 0, f"{argv}: {output}"
    return output


@contextmanager
def workspace(node: Container, files: Mapping[str, str]) -> Iterator[str]:
    """A folder of the node's with these files; its path."""
    path = f"/root/{secrets.token_hex(4)}"
    say(node, "mkdir", path)
    contents = {name: (0o644, text.encode()) for name, text in files.items()}
    try:
        node.put_archive(path, tar(contents))
        yield path
    finally:
        say(node, "rm", "-rf", path)


def step(
    node: Container, image: str, variables: Mapping[str, str], options: Sequence[str] = ()
) -> tuple[int, str]:
    """A step of a pipeline, started on the node: its exit code, and what it said."""
    given = [word for key, value in variables.items() for word in ("--env", f"{key}={value}")]
    return ask(node, "docker", "run", "--rm", *options, *given, image)


def within(seconds: float) -> dict[str, Any]:
    return {"clock": SystemClock(), "deadline": seconds, "interval": 0.3}
