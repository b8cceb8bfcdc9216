"""Where secrets are looked for: on this machine, in S3, on nodes, in whatever runs meanwhile."""

import json
import os
import stat
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import docker

from beeyard.sandbox.spec import KIND_LABEL, LABEL
from drills import hunt
from drills.hunt import Hunt

#: What the first manager has for root alone, and what only the Swarm and Traefik know.
_KEPT = """\
import json, pathlib, subprocess
def said(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
found = {}
for path in pathlib.Path("/etc/beeyard/secrets").rglob("*"):
    if path.is_file() and path.suffix != ".pub":
        found[path.name] = path.read_text().strip()
for role in ("manager", "worker"):
    found[f"join token of {role}s"] = said("docker", "swarm", "join-token", "--quiet", role)
(acme,) = pathlib.Path("/").glob("mnt/*/infra/traefik/acme.json")
found["ACME account key"] = json.loads(acme.read_text())["le"]["Account"]["PrivateKey"]
print(json.dumps(found))
"""
#: What every step of a pipeline has in its environment.
_STEP = b"DRONE_STEP_NAME="
#: Seconds between two looks at every process, and at every file.
_INTERVAL, _FILES_INTERVAL = 0.05, 0.25
#: Bytes of a file; beyond, it is a program of Terraform's.
_LARGEST = 8 << 20


class Files:
    """What was in files meanwhile, those included that are gone again in the end."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = tuple(folders)
        self._stamps: dict[Path, tuple[int, int]] = {}
        self._seen: dict[str, list[bytes]] = {}

    @property
    def names(self) -> set[str]:
        return set(self._seen)

    def places(self, wanted: Hunt) -> Iterator[tuple[str, set[str]]]:
        """To be asked afterwards: only then are the secrets known."""
        for name, contents in self._seen.items():
            for content in contents:
                yield f"file {name}, meanwhile", wanted.names_in_content(content)

    def look(self) -> None:
        for folder in self._folders:
            for place, _, names in os.walk(folder):
                for name in names:
                    self._look_at(folder, Path(place, name))

    def _look_at(self, folder: Path, path: Path) -> None:
        try:
            found = path.lstat()
            stamp = (found.st_mtime_ns, found.st_size)
            if not stat.S_ISREG(found.st_mode) or self._stamps.get(path) == stamp:
                return
            self._stamps[path] = stamp
            if found.st_size <= _LARGEST:
                self._keep(str(path.relative_to(folder)), path.read_bytes())
        except OSError:
            return  # it has gone

    def _keep(self, name: str, content: bytes) -> None:
        contents = self._seen.setdefault(name, [])
        if contents and content.startswith(contents[-1]):
            contents[-1] = content  # a log has grown
        else:
            contents.append(content)


class Watch:
    """What ran meanwhile, on this machine and so on all nodes: arguments, and the environment of
    what runs on nodes and in containers. (What runs here has the operator's own.)"""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, bytes], None] = {}
        self.looks = 0

    def places(self, wanted: Hunt) -> Iterator[tuple[str, set[str]]]:
        """To be asked afterwards: only then are the secrets known."""
        for kind, program, text in list(self._seen):
            is_step = kind == "environment" and _STEP in text
            yield f"{kind} of {'a step' if is_step else program}", wanted.names(text)

    def look(self) -> None:
        here = Path("/proc/self/ns/mnt").readlink()
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                self._look_at(folder, here)
        self.looks += 1

    def _look_at(self, folder: Path, here: Path) -> None:
        try:
            arguments = (folder / "cmdline").read_bytes()
            program = arguments.split(b"\0")[0].rpartition(b"/")[2].decode(errors="replace")
            self._seen[("arguments", program, arguments)] = None
            if (folder / "ns/mnt").readlink() != here:
                self._seen[("environment", program, (folder / "environ").read_bytes())] = None
        except OSError:
            return  # it has ended


@contextmanager
def watching(*folders: Path) -> Iterator[tuple[Watch, Files]]:
    """Look at every process, and at every file below these folders, again and again, until the end
    of the block."""
    watch, files = Watch(), Files(folders)
    with _again_and_again(watch.look, _INTERVAL), _again_and_again(files.look, _FILES_INTERVAL):
        yield watch, files


@contextmanager
def _again_and_again(look: Callable[[], None], interval: float) -> Iterator[None]:
    stop = threading.Event()

    def go_on() -> None:
        while not stop.wait(interval):
            look()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def nodes(cluster: str) -> dict[str, str]:
    """The nodes' containers by the nodes' names."""
    with closing(docker.from_env()) as client:
        found = client.containers.list(filters={"label": f"{LABEL}={cluster}"})
        return {
            str(one.attrs["Config"]["Hostname"]): str(one.id)
            for one in found
            if one.labels.get(KIND_LABEL) == "instance"
        }


def kept_on_manager(cluster: str) -> dict[str, str]:
    """Every secret that is kept there, by its name."""
    found: dict[str, str] = _python(nodes(cluster)["manager-1"], _KEPT)
    return found


def on_nodes(cluster: str, secrets: Mapping[str, str]) -> dict[str, list[str]]:
    """The places on nodes where a secret is."""
    script = f"SECRETS = {dict(secrets)!r}\n{Path(hunt.__file__).read_text()}"
    return {
        f"{node}: {place}": names
        for node, container in nodes(cluster).items()
        for place, names in _python(container, script).items()
    }


def in_files(folder: Path, wanted: Hunt) -> Iterator[tuple[str, set[str]]]:
    """Every file below a folder."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield f"file {path.relative_to(folder)}", wanted.names_in_file(path)


def in_s3(s3: Any, wanted: Hunt) -> Iterator[tuple[str, set[str]]]:
    """Every version of every object in every bucket: states, locks, what is kept beside them."""
    for bucket in (one["Name"] for one in s3.list_buckets()["Buckets"]):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for one in page.get("Versions", []):
                found = s3.get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
                yield f"object {one['Key']}", wanted.names(found["Body"].read())


def _python(container: str, script: str) -> Any:
    """Run Python in a container, by its standard input: arguments are seen by everybody."""
    argv = ["docker", "exec", "--interactive", container, "python3", "-"]
    done = subprocess.run(argv, input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
