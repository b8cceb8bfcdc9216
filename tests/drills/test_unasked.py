"""What `up` removes from the Swarm it asks for first; and networks that somebody removed come back.

Nobody is there to say yes: so it ends, and all is as it was.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cluster.yard import Running
from drills.whole import DRILLS_THAT_END_WHOLE

pytestmark = DRILLS_THAT_END_WHOLE

SERVICE = {"image": "python:3.11-slim-bookworm", "command": ["sleep", "infinity"]}


@pytest.fixture
def pair(running: Running, tmp_path: Path) -> Iterator[Path]:
    """The stack file of an application of two services that runs, `pair`."""
    file = tmp_path / "stack.yml"
    write(file, "web", "worker")
    document = YAML().load(running.yard.file)
    document["applications"]["pair"] = {"path": str(tmp_path)}
    YAML().dump(document, running.yard.file)
    running.yard.run("up", "--yes")
    yield file
    running.docker_on("manager-1", "stack", "rm", "pair")


def write(file: Path, *services: str) -> None:
    with file.open("w") as stack:
        YAML().dump({"version": "3.8", "services": dict.fromkeys(services, SERVICE)}, stack)


def services(running: Running) -> set[str]:
    said = running.docker_on("manager-1", "service", "ls", "--format", "{{.Name}}")
    return set(said.split())


def refused(running: Running) -> dict[str, Any]:
    """The error of an `up` that nobody says yes to."""
    before = services(running)
    error = running.yard.json("up", code=11)
    assert error["what"] == "nobody is there to say yes"
    assert services(running) == before
    assert isinstance(error, dict)
    return error


def test_infrastructure_services_are_not_removed_unasked(running: Running) -> None:
    before = services(running)
    assert {"ci_controller", "ci_runner"} <= before
    change_infrastructure(running, "registry")
    refused(running)
    running.yard.run("up", "--yes")
    assert services(running) == {one for one in before if not one.startswith("ci_")}


def change_infrastructure(running: Running, *names: str) -> None:
    yaml = YAML()
    document = yaml.load(running.yard.file)
    document["infrastructure"] = list(names)
    yaml.dump(document, running.yard.file)


def test_services_are_not_removed_unasked(running: Running, pair: Path) -> None:
    write(pair, "web")
    refused(running)
    running.yard.run("up", "--yes")
    assert {one for one in services(running) if one.startswith("pair_")} == {"pair_web"}
    assert running.yard.json("up", "--yes")["changes"] == 0


@pytest.mark.usefixtures("pair")
def test_a_network_that_somebody_removed(running: Running) -> None:
    on_manager = running.docker_on
    on_manager("manager-1", "service", "rm", "pair_web", "pair_worker")
    on_manager("manager-1", "network", "rm", "pair_default")
    plan = running.yard.json("plan", code=2)
    swarm = next(layer for layer in plan["layers"] if layer["name"] == "swarm")
    assert [(one["action"], one["what"], one["note"]) for one in swarm["changes"]] == [
        ("create", "network pair_default", ""),
        ("create", "web", "removed by hand"),
        ("create", "worker", "removed by hand"),
    ]
    running.yard.run("up", "--yes")
    said = on_manager("manager-1", "network", "ls", "--format", "{{.Name}}")
    assert "pair_default" in said.split()
    assert running.yard.json("plan")["changes"] == 0
