"""A team that pushes, with Git's own client, and what becomes of it."""

import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cluster.yard import DOMAIN, ROOT, Running

REGISTRY = f"registry.{DOMAIN}"


def pipeline(*steps: str) -> str:
    """A `.drone.yml` of these steps."""
    return "\n".join(["kind: pipeline", "name: timeoff", "steps:", *steps])


def commands(name: str, *lines: str) -> str:
    """A step that runs commands."""
    head = [f"- name: {name}", "  image: python:3.11-slim-bookworm", "  commands:"]
    return "\n".join([*head, *(f"  - {line}" for line in lines)])


PUBLISH = f"""
- name: publish
  image: plugins/docker
  settings:
    registry: {REGISTRY}
    repo: {REGISTRY}/timeoff
    tags: ["${{DRONE_COMMIT_SHA:0:8}}"]
    username: {{from_secret: registry_username}}
    password: {{from_secret: registry_password}}
"""
DEPLOY = f"""
- name: deploy
  image: beeyard/deploy
  settings:
    image: {REGISTRY}/timeoff:${{DRONE_COMMIT_SHA:0:8}}
"""


def ship(*tests: str) -> str:
    """Test, publish, deploy."""
    return pipeline(commands("test", *tests), PUBLISH, DEPLOY)


@dataclass(frozen=True)
class Team:
    """A working copy, and how it is pushed. `image`: what the application ran at first."""

    cluster: Running
    folder: Path
    environment: Mapping[str, str]
    image: str
    ca: Path
    token: str

    def git(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=check,
            timeout=300,
        )

    def dockerfile(self, *lines: str) -> None:
        """An image that is what runs, and these lines."""
        text = "\n".join([f"FROM {self.image}", *lines, ""])
        (self.folder / "Dockerfile").write_text(text)

    def push(self, **files: str) -> str:
        """Commit and push; what the pusher saw until the run's end."""
        for name, text in files.items():
            (self.folder / name.replace("_", ".")).write_text(text)
        self.commit()
        said = self.git("push", "beeyard", "main").stderr
        return "\n".join(line.removeprefix("remote: ").rstrip() for line in said.splitlines())

    def push_and_leave(self) -> int:
        """Commit and push without looking on; the number of the run."""
        before: list[dict[str, Any]] = self.cluster.yard.json("pipeline", "ls", "-n", "1")
        self.commit()
        self.git("push", "-o", "no-follow", "beeyard", "main")
        return int(before[0]["number"]) + 1 if before else 1

    def commit(self) -> None:
        """All that the folder holds."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "A change")

    def ask(self, path: str) -> httpx.Response:
        """GET of the controller's API."""
        at = httpx.URL(self.cluster.url("ci"))
        context = ssl.create_default_context(cafile=self.ca)
        headers = {"Authorization": f"Bearer {self.token}", "Host": at.netloc.decode()}
        with httpx.Client(verify=context, trust_env=False, timeout=10) as client:
            # Not every resolver knows names below `localhost`.
            here = at.copy_with(host="127.0.0.1", path=path)
            return client.get(here, headers=headers, extensions={"sni_hostname": at.host})

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD").stdout.strip()

    def run(self) -> dict[str, Any]:
        """The newest run."""
        found: dict[str, Any] = self.cluster.yard.json("pipeline", "ls", "-n", "1")[0]
        return found

    def release(self) -> dict[str, Any]:
        """The newest release."""
        found: dict[str, Any] = self.cluster.yard.json("releases", "timeoff")[-1]
        return found


def image_of(cluster: Running) -> str:
    """What the application runs."""
    form = "{{.Spec.TaskTemplate.ContainerSpec.Image}}"
    said = cluster.docker_on("manager-1", "service", "inspect", "timeoff_web", "--format", form)
    # Without its tag: by its digest.
    return re.sub(r":[^:@/]+@", "@", said.strip())


def new_team(cluster: Running, ca: Path, folder: Path) -> Team:
    """TimeOff's stack file, and an image that is made in a second: what runs, with a label."""
    shutil.copy(ROOT / "examples/timeoff/stack.yml", folder)
    environment = {
        "GIT_SSL_CAINFO": str(ca),
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{role}_NAME": "Somebody" for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": "somebody@example.com" for role in ("AUTHOR", "COMMITTER")},
    }
    secret = "/etc/beeyard/secrets/ci_admin_token"
    token = cluster.yard.run("ssh", "manager-1", "--", "sudo", "cat", secret).strip()
    made = Team(cluster, folder, environment, image_of(cluster), ca, token)
    address = cluster.url("ci").replace("https://ci.", "https://git.").removesuffix("/healthz")
    made.dockerfile("LABEL made=here")
    made.git("init", "--quiet", "--initial-branch=main")
    made.git("remote", "add", "beeyard", f"{address}/timeoff.git")
    # In the remote's address, the token would be among Git's arguments, for everybody to see.
    kept = folder / ".git" / "credentials"
    kept.touch(mode=0o600)
    kept.write_text(address.replace("https://", f"https://any:{token}@") + "\n")
    made.git("config", "credential.helper", f"store --file={kept}")
    return made


def steps(run: Mapping[str, Any]) -> dict[str, str]:
    return {step["name"]: step["status"] for stage in run["stages"] for step in stage["steps"]}
