"""The module `service_labels`, run by Ansible on the manager of a real Swarm."""

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from beeyard.process import Command
from beeyard.swarm import Manager, await_converged
from beeyard.waiting import SystemClock

pytestmark = pytest.mark.real

Tool = Callable[..., subprocess.CompletedProcess[str]]
Module = Callable[..., dict[str, Any]]
NAME = "labelled"


@pytest.fixture
def service(real_swarm: Any, manager: Manager) -> Iterator[str]:
    """One whose mounts `docker service update` would bring into another order."""
    docker = real_swarm.on("manager-1")
    docker.run(
        Command(
            [
                *("docker", "service", "create", "--quiet", "--detach", "--name", NAME),
                *("--label", "first=1", "--no-resolve-image", "--constraint", "node.role==manager"),
                *("--mount", "type=bind,source=/var,target=/there"),
                *("--mount", "type=tmpfs,target=/tmp", real_swarm.tiny, "sleep", "9999"),
            ]
        )
    )
    await_converged(manager, [NAME], clock=SystemClock())
    try:
        yield NAME
    finally:
        docker.run(Command(["docker", "service", "rm", NAME]))


@pytest.fixture
def module(tool: Tool, real_swarm: Any) -> Module:
    def run(service: str, labels: dict[str, str], *options: str) -> dict[str, Any]:
        arguments = json.dumps({"service": service, "labels": labels})
        ssh = json.dumps({"ansible_ssh_common_args": f"-F {real_swarm.ssh_config}"})
        ran = tool(
            *("ansible", "manager-1", "-i", "manager-1,", "--become", "-e", ssh, "-o"),
            *("-m", "service_labels", "-a", arguments, *options),
        )
        answer: dict[str, Any] = json.loads(ran.stdout.split("=>", 1)[1])
        return answer

    return run


def spec_of(manager: Manager, service: str) -> Any:
    api: Any = manager.client.api
    return api.inspect_service(service)["Spec"]


def tasks_of(manager: Manager, service: str) -> set[str]:
    (found,) = (one for one in manager.snapshot().services if one.name == service)
    return {task.id for task in found.tasks}


def test_labels_come_and_nothing_else_changes(
    module: Module, service: str, manager: Manager
) -> None:
    before = spec_of(manager, service)
    tasks = tasks_of(manager, service)
    wanted = {"second.of": "2"}

    assert module(service, wanted, "--check")["changed"] is True
    assert spec_of(manager, service) == before

    done = module(service, wanted)
    assert (done["changed"], done["labels"]) == (True, {"first": "1", "second.of": "2"})
    assert spec_of(manager, service) == {**before, "Labels": done["labels"]}
    assert tasks_of(manager, service) == tasks
    assert module(service, wanted)["changed"] is False


def test_a_service_that_is_not_there_is_named(module: Module) -> None:
    assert "service nobody not found" in module("nobody", {"a": "b"})["msg"]
