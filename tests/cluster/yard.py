"""A cluster in a sandbox of its own, by the command line as a user would have it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

ROOT = Path(__file__).parents[2]
#: Names and addresses of the clusters, one for each process of a run: `NAME,CIDR NAME,CIDR …`.
#: Others than the usual let two runs go on at once.
CLUSTERS = os.environ.get("BEEYARD_TESTS_CLUSTERS", "e2e,10.91.0.0/16").split()
#: This process's: pytest-xdist calls its processes gw0, gw1, …
_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
NAME, CIDR = CLUSTERS[_PROCESS % len(CLUSTERS)].split(",")
DOMAIN = "e2e.localhost"
LABEL = f"beeyard.sandbox={NAME}"


@dataclass(frozen=True)
class Yard:
    """A beeyard.yml and the command line on it."""

    file: Path
    environment: dict[str, str]

    def run(self, *arguments: str, code: int = 0, timeout: float = 900) -> str:
        """Run `beeyard --sandbox …`; gives standard output, and fails if the exit code differs."""
        done = subprocess.run(
            self._argv(*arguments),
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == code, (
            f"{arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        sys.stderr.write(done.stderr)
        return done.stdout

    def start(self, *arguments: str, **streams: Any) -> "subprocess.Popen[str]":
        """Start `beeyard --sandbox …`, and go on. `streams` as subprocess takes them."""
        environment = {**os.environ, **self.environment}
        return subprocess.Popen(self._argv(*arguments), env=environment, text=True, **streams)

    def _argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "beeyard.cli", "--sandbox", "-f", str(self.file), *arguments]

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run with `--json`; gives what it printed, parsed."""
        return json.loads(self.run("--json", *arguments, code=code))


@dataclass(frozen=True)
class Running:
    """A cluster that `up` has brought up, and what it said."""

    yard: Yard
    up: dict[str, Any]
    seconds: float

    @property
    def status(self) -> dict[str, Any]:
        found = self.yard.json("status")
        assert isinstance(found, dict)
        return found

    @property
    def status_now(self) -> dict[str, Any]:
        """The status, also where not all is as it should be."""
        look = self.yard.start("--json", "status", stdout=subprocess.PIPE)
        found = json.loads(look.communicate()[0])
        assert isinstance(found, dict)
        return found

    def url(self, name: str) -> str:
        """The address of a dashboard or an application."""
        return next(str(url) for url in self.up["urls"] if f"//{name}." in url)

    def docker_on(self, node: str, *arguments: str) -> str:
        return self.yard.run("ssh", node, "--", "sudo", "docker", *arguments)


def write_file(folder: Path) -> Path:
    """The example's file with another name, domain and address block."""
    text = (ROOT / "examples/timeoff/beeyard.yml").read_text()
    for old, new in (
        ("name: timeoff\n", f"name: {NAME}\n"),
        ("beeyard.localhost", DOMAIN),
        ("path: .\n", f"path: {ROOT / 'examples/timeoff'}\n"),
        ("infrastructure: [registry, portainer]\n", "infrastructure: [registry, portainer, ci]\n"),
    ):
        assert old in text
        text = text.replace(old, new)
    assert "vpc_cidr" not in text or "vpc_cidr: 10.20.0.0/16" in text
    text = text.replace("vpc_cidr: 10.20.0.0/16\n", "")
    file = folder / "beeyard.yml"
    file.write_text(f"vpc_cidr: {CIDR}\n{text}")
    return file


def leftovers(label: str = LABEL) -> list[str]:
    """Containers, networks and volumes that carry a cluster's label."""
    client = docker.from_env()
    where: dict[str, str | list[str] | bool] = {"label": label}
    return [
        *(str(each.name) for each in client.containers.list(all=True, filters=where)),
        *(str(each.name) for each in client.networks.list(filters=where)),
        *(str(each.name) for each in client.volumes.list(filters=where)),
    ]
