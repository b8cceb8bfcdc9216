"""Stands in for `plugins/docker`: builds an image with the node's engine, and pushes it.

The published plugin starts a Docker engine of its own in a privileged container. This one needs
the node's socket at /var/run/docker.sock, and no privileges. Its last line is what it pushed, by
digest.
"""

import json
import os
import re
import secrets
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import docker_engine
from .docker_build import Plan, Sign, plan
from .settings import Refusal, run

_DIGEST = re.compile(r"digest: (sha256:[0-9a-f]{64})")


def main() -> None:
    """One step. Raises Refusal."""
    tags = Path(".tags")
    wanted = plan(os.environ, tags.read_text(encoding="utf-8") if tags.is_file() else "")
    if wanted is None:
        ref = os.environ.get("DRONE_COMMIT_REF", "this event")
        print(f"auto_tag: nothing is built for {ref}; only for the default branch and for tags")
        return
    with tempfile.TemporaryDirectory() as folder:
        _Step(wanted, Path(folder)).run()


@dataclass(frozen=True)
class _Step:
    """A plan as it is carried out. `config` is the Docker client's folder, of this step alone."""

    plan: Plan
    config: Path

    def run(self) -> None:
        self._check_engine()
        self._sign_in(self.plan.sign)
        with self._image() as image:
            names = [f"{self.plan.repo}:{tag}" for tag in self.plan.tags]
            try:
                for name in names:
                    self._docker("tag", image, name)
                if self.plan.dry_run:
                    print("dry_run: nothing is pushed")
                    return
                digests = {self._push(name) for name in names}
                for digest in digests:
                    self._require_ours(image, digest)
                print(f"{self.plan.repo}@{digests.pop()}")
            finally:
                if self.plan.purge:
                    self._forget(names)

    def _check_engine(self) -> None:
        info = json.loads(self._ask("info", "--format={{json .}}"))
        # With its socket out of reach the client itself says so here, and ends with 0.
        if errors := info.get("ServerErrors"):
            raise Refusal(
                f"the node's Docker engine can't be reached: {errors[0]}; "
                "this plugin needs its socket at /var/run/docker.sock"
            )
        host = self.plan.repo.partition("/")[0]
        docker_engine.check(
            info, registry=host, insecure=self.plan.insecure, mirror=self.plan.mirror
        )

    def _sign_in(self, sign: Sign) -> None:
        if sign.config:
            file = self.config / "config.json"
            file.touch(mode=0o600)
            file.write_text(sign.config, encoding="utf-8")
        if sign.username:
            options = [f"--username={sign.username}", "--password-stdin", "--", sign.registry]
            self._docker("login", *options, given=sign.password)
        elif not sign.config:
            print("no username: registries are asked as nobody")

    @contextmanager
    def _image(self) -> Iterator[str]:
        """The image, under a name of this step alone: another may build the same beside it."""
        name = f"plugin-build:{secrets.token_hex(8)}"
        argv = self.plan.argv(name)
        self._run(argv, environment=self.plan.environment)
        try:
            yield name
        finally:
            self._forget([name])

    def _push(self, name: str) -> str:
        said = self._docker("push", name)
        found = _DIGEST.findall(said)
        if not found:
            raise Refusal(f"{name} was pushed, and the engine named no digest")
        return str(found[-1])

    def _require_ours(self, image: str, digest: str) -> None:
        """Raise Refusal if somebody else gave a tag to another image just before it was pushed."""
        ours = self._ask("image", "inspect", "--format={{.Id}}", image)
        pushed = self._ask("image", "inspect", "--format={{.Id}}", f"{self.plan.repo}@{digest}")
        if pushed != ours:
            raise Refusal(
                f"{self.plan.repo}@{digest} is not what was built here: another step pushed the "
                "same tag at the same time"
            )

    def _forget(self, names: Sequence[str]) -> None:
        """Take names away from the node's engine; the layers stay as its cache for builds."""
        argv = ["docker", "image", "rm", "--no-prune", *names]
        subprocess.run(argv, env=self._environment(), capture_output=True, check=False)

    def _docker(self, *words: str, given: str | None = None) -> str:
        return self._run(["docker", *words], given=given)

    def _ask(self, *words: str) -> str:
        """What a command says, unseen."""
        done = subprocess.run(
            ["docker", *words], env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Refusal(f"`docker {words[0]}` failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def _run(
        self,
        argv: Sequence[str],
        *,
        given: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run it, shown as it goes; give what it said. Raises Refusal if it fails."""
        print(f"+ {shlex.join(argv)}")
        with subprocess.Popen(
            argv,
            env={**(environment or {}), **self._environment()},
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            if process.stdin:
                process.stdin.write(given or "")
                process.stdin.close()
            said = []
            for line in process.stdout or ():
                said.append(line)
                print(line, end="")
        if process.returncode:
            raise Refusal(f"`docker {argv[1]}` ended with {process.returncode}")
        return "".join(said)

    def _environment(self) -> dict[str, str]:
        """What the client itself needs; nothing of the step's secrets."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.config),
            "DOCKER_CONFIG": str(self.config),
            "DOCKER_BUILDKIT": "1",
            "BUILDKIT_PROGRESS": "plain",
        }


if __name__ == "__main__":
    sys.exit(run(main))
