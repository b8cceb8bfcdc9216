"""All images of the sandbox: found by the hash of their contents, or made; two at a time."""

import fcntl
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import platformdirs
from docker import DockerClient
from docker.errors import APIError

from beeyard.process import Runner
from beeyard.sandbox.images import base, hub, trust
from beeyard.sandbox.images.catalogue import (
    DEBIAN,
    DEBIAN_ON_HUB,
    IMAGES,
    ONLY_PULLED,
    SUITE,
    Image,
    folder,
)
from beeyard.sandbox.images.engine_calls import build, has, read_file

State = Literal["cached", "building", "built", "pulled", "unavailable"]
#: Told of each image: its name, its state, the seconds it took, and the last line of its build.
Progress = Callable[[str, State, float, str], None]

_REPOSITORY = "beeyard-sandbox"
#: Raised when the way images are made changes in a way that their contexts don't show.
_RECIPE = "1"
_LABEL = "beeyard.sandbox.image"
#: Of stages that only serve to build others: nothing else names them.
_STAGE_LABEL = "beeyard.sandbox.stage"
_AT_ONCE = 2


@dataclass(frozen=True)
class Images:
    """References of the images that a sandbox is made from."""

    node: str
    services: str
    mariadb: str
    hub: str


def build_all(client: DockerClient, runner: Runner, progress: Progress) -> Images:
    """See to it that every image is there; gives their references.

    Raises SandboxError with the last lines of what failed.
    """
    with _alone():
        work = _Work(client, runner, progress)
        references = work.all()
        work.forget_others(set(references.values()))
    return Images(
        references["node"], references["services"], references["mariadb"], references["hub"]
    )


@contextmanager
def _alone() -> Iterator[None]:
    """One build of images at a time on this machine, and for this user."""
    folder = platformdirs.user_cache_path("beeyard", ensure_exists=True)
    with (folder / "images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass
class _Work:
    """One run through the catalogue. `pulls`: whether Docker Hub is asked for genuine images."""

    client: DockerClient
    runner: Runner
    progress: Progress
    _reachable: bool | None = field(default=None, init=False)

    def all(self) -> dict[str, str]:
        """References by name, the hub's included."""
        futures: dict[str, Future[str]] = {}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            settings = pool.submit(trust.settings, self.runner)
            plain = self._plain_debian()
            references = {"debian-plain": plain, DEBIAN: self._debian(plain, settings)}
            for image in IMAGES:
                futures[image.name] = pool.submit(self._image, image, references, futures)
            for name, future in futures.items():
                references[name] = future.result()
        references["hub"] = self._hub(references)
        return references

    def pulls(self) -> bool:
        if self._reachable is None:
            self._reachable = base.hub_is_reachable()
        return self._reachable

    def _plain_debian(self) -> str:
        """Debian as it comes."""
        plain = f"{_REPOSITORY}/debian-plain:{_hash(base.script(), SUITE)}"
        if not has(self.client, plain):
            self._timed("debian", lambda line: self._plain(plain, line))
        return plain

    def _debian(self, plain: str, settings: Future[Mapping[str, bytes]]) -> str:
        """On top of it, what this machine trusts."""
        bundle = read_file(self.client, plain, "/etc/ssl/certs/ca-certificates.crt")
        root = {**trust.certificates(bundle), **settings.result()}
        context = folder("trust") | {f"root/{path}": (0o644, data) for path, data in root.items()}
        return self._make(DEBIAN, context, {"DEBIAN": plain})

    def _plain(self, reference: str, line: Callable[[str], None]) -> State:
        if self.pulls() and base.pull(self.client, DEBIAN_ON_HUB, line):
            self.client.images.get(DEBIAN_ON_HUB).tag(*reference.rsplit(":", 1))
            return "pulled"
        base.bootstrap(self.client, reference, line)
        return "built"

    def _image(
        self, image: Image, known: Mapping[str, str], futures: Mapping[str, Future[str]]
    ) -> str:
        # A parent was submitted before its children, so waiting for it can't starve the pool.
        parents = {
            name.upper(): known[name] if name in known else futures[name].result()
            for name in image.parents
        }
        return self._make(image.name, image.context(), parents)

    def _make(
        self, name: str, context: Mapping[str, tuple[int, bytes]], parents: Mapping[str, str]
    ) -> str:
        reference = f"{_REPOSITORY}/{name}:{_hash(_RECIPE, context, parents)}"
        if has(self.client, reference):
            self.progress(name, "cached", 0.0, "")
            return reference

        def work(line: Callable[[str], None]) -> State:
            arguments = {**trust.build_arguments(), **parents}
            build(self.client, reference, context, arguments, {_LABEL: name}, line)
            return "built"

        self._timed(name, work)
        return reference

    def _hub(self, references: Mapping[str, str]) -> str:
        stand_ins = {i.stands_for: references[i.name] for i in IMAGES if i.stands_for}
        contents = {DEBIAN_ON_HUB: references[DEBIAN], **stand_ins}
        reference = f"{_REPOSITORY}/hub:{_hash(_RECIPE, contents, ONLY_PULLED)}"
        if has(self.client, reference):
            self.progress("hub", "cached", 0.0, "")
            return reference

        def work(line: Callable[[str], None]) -> State:
            held = {**contents, **self._genuine(stand_ins, line)}
            hub.make(self.client, reference, references["registry"], held, {_LABEL: "hub"}, line)
            return "built"

        self._timed("hub", work)
        return reference

    def _genuine(self, stand_ins: Mapping[str, str], line: Callable[[str], None]) -> dict[str, str]:
        """What can be pulled takes the place of what stands in for it, where the catalogue says so.
        Debian stays ours, as Python does."""
        if not self.pulls():
            for name in ONLY_PULLED:
                self.progress(name, "unavailable", 0.0, "no image registry can be reached")
            return {}
        ours = {image.stands_for for image in IMAGES if not image.genuine}
        wanted = [name for name in (*stand_ins, *ONLY_PULLED) if name not in ours]
        found = [name for name in wanted if base.pull(self.client, name, line)]
        for name in wanted:
            self.progress(name, "pulled" if name in found else "unavailable", 0.0, "")
        return {name: name for name in found}

    def _timed(self, name: str, work: Callable[[Callable[[str], None]], State]) -> None:
        started = time.monotonic()
        self.progress(name, "building", 0.0, "")
        state = work(lambda line: self.progress(name, "building", time.monotonic() - started, line))
        self.progress(name, state, time.monotonic() - started, "")

    def forget_others(self, wanted: set[str]) -> None:
        """Remove versions that nothing refers to any more; one in use stays until it is not."""
        self.client.images.prune(filters={"dangling": True, "label": _STAGE_LABEL})
        # Not `images.list`, which asks for each of them.
        for image in self.client.api.images():
            for tag in image["RepoTags"] or ():
                if tag.startswith(f"{_REPOSITORY}/") and tag not in wanted:
                    try:
                        self.client.images.remove(tag)
                    except APIError as error:
                        if error.status_code != 409:
                            raise


def _hash(*parts: object) -> str:
    digest = hashlib.sha256()
    for part in parts:
        items = sorted(part.items()) if isinstance(part, Mapping) else part
        digest.update(repr(items).encode() + b"\0")
    return digest.hexdigest()[:16]
