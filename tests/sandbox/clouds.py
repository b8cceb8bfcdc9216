"""A rehearsal cloud that runs, and the ways to it: for tests that make things in it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from docker import DockerClient
from docker.errors import NotFound

from beeyard import sandbox
from beeyard.cloud.target import Target
from beeyard.process import Command, Completed, ContainerRunner, LocalRunner
from beeyard.sandbox import SandboxSpec
from beeyard.sandbox.images import Images
from beeyard.sandbox.readiness import resolve
from beeyard.sandbox.spec import resource_name
from beeyard.waiting import SystemClock, wait_until

LOCAL = LocalRunner()
SHELL = "debian:bookworm-slim"


def eventually(condition: Callable[[], bool], seconds: float = 60) -> None:
    wait_until(condition, clock=SystemClock(), deadline=seconds, interval=0.1)


def say_nothing(_: str) -> None:
    """Progress that nobody reads."""


@dataclass(frozen=True)
class Cloud:
    """A running sandbox, and the ways to it."""

    spec: SandboxSpec
    target: Target
    docker: DockerClient

    def aws(self, service: str) -> Any:
        environment = self.target.environment
        session = boto3.session.Session(
            environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
        )
        return session.client(
            service, endpoint_url=self.target.endpoint, region_name=self.spec.region
        )

    def run(self, thing: str, *argv: str, check: bool = True, **env: str) -> Completed:
        runner = ContainerRunner(LOCAL, resource_name(self.spec.name, thing))
        return runner.run(Command(argv, env=env, timeout=120), check=check)

    def state(self, thing: str) -> str | None:
        try:
            return self.docker.containers.get(resource_name(self.spec.name, thing)).status
        except NotFound:
            return None

    def at(self, offset: str) -> str:
        """An address of the VPC, by its last two numbers."""
        return ".".join([*self.spec.vpc_cidr.split(".")[:2], offset])

    def resolve(self, name: str) -> list[str]:
        try:
            return resolve(self.at("0.2"), name)
        except (ConnectionRefusedError, TimeoutError):
            # Whenever its configuration changes, dnsmasq is started again: no answer yet, or none
            # to what it was just asked.
            return []


def running(engine: DockerClient, images: Images, spec: SandboxSpec) -> Iterator[Cloud]:
    try:
        yield Cloud(spec, sandbox.start(spec, images, progress=say_nothing), engine)
    finally:
        sandbox.down(spec.name, say_nothing)


def newest_debian(ec2: Any) -> str:
    images = ec2.describe_images(
        Owners=["136693071363"],
        Filters=[
            {"Name": "name", "Values": ["debian-12-amd64-*"]},
            {"Name": "architecture", "Values": ["x86_64"]},
        ],
    )["Images"]
    return str(images[0]["ImageId"])


def tag(name: str) -> dict[str, Any]:
    return {"ResourceType": "instance", "Tags": [{"Key": "beeyard:node", "Value": name}]}


def engine_with_mirror(cloud: Cloud, node: str) -> None:
    mirror = cloud.target.engine.registry_mirrors[0]
    settings = f'{{"registry-mirrors": ["{mirror}"]}}'
    script = 'printf "%s" "$1" > /etc/docker/daemon.json && systemctl restart docker'
    cloud.run(node, "sh", "-c", script, "sh", settings)


def ssh(key: Path, address: str, *argv: str) -> Completed:
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ConnectTimeout=3"]
    flags = [word for option in options for word in ("-o", option)]
    command = ["ssh", "-i", str(key), *flags, f"admin@{address}", *argv]
    return LOCAL.run(Command(command, timeout=20), check=False)
