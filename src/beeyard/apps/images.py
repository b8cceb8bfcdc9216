"""Images by digest: asked of the registry, and pulled on the nodes before anything is switched."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from docker import DockerClient

from beeyard.apps.build import app_error, follow
from beeyard.apps.places import takers
from beeyard.apps.references import by_digest, registry_of
from beeyard.apps.registry import Credentials, fix_for, remote_digest
from beeyard.apps.release import Release
from beeyard.apps.site import Site
from beeyard.errors import AppError, BeeyardError
from beeyard.process import Command
from beeyard.swarm import Snapshot

_AT_ONCE = 8


def pinned(client: DockerClient, reference: str, credentials: Credentials | None) -> str:
    """The reference with the digest that its registry has for it now.

    Raises AppError if there is no such image, or the registry does not say.
    """
    if "@" in reference:
        return reference
    digest = remote_digest(client, reference, credentials)
    if digest is None:
        raise AppError(
            f"there is no image {reference}",
            why="its registry does not know it",
            fix="see that name and tag are right, and that it was pushed",
        )
    return f"{reference}@{digest}"


def images_by_node(release: Release, snapshot: Snapshot) -> dict[str, set[str]]:
    """The images that each node may have to run. Raises AppError for what is no constraint."""
    wanted: dict[str, set[str]] = {}
    for name, entry in release.bundle.services.items():
        try:
            nodes = takers(entry, release.bundle.environment, snapshot)
        except ValueError as error:
            raise AppError(
                f"the service `{name}` can't be placed",
                why=str(error),
                fix="write its `placement.constraints` like `node.role == worker`",
            ) from error
        for node in nodes:
            wanted.setdefault(node, set()).add(release.images[name])
    return wanted


def pull(
    site: Site,
    wanted: Mapping[str, Iterable[str]],
    say: Callable[[str], None] = lambda _: None,
) -> int:
    """See to it that nodes have images: `wanted` by the node's name. Gives how many were pulled.

    Raises AppError that names node and image, for the first of those that could not be pulled.
    """

    def on_node(node: str) -> int:
        lacking = [image for image in sorted(set(wanted[node])) if not _has(site, node, image)]
        if not lacking:
            return 0
        with site.engine(node) as engine:
            for image in lacking:
                say(f"{node}: pulling {image}")
                _pull(engine, image, site.credentials(registry_of(image)), node)
        return len(lacking)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return sum(pool.map(on_node, sorted(wanted)))


def _has(site: Site, node: str, image: str) -> bool:
    argv = ["docker", "image", "inspect", "--format", "{{.Id}}", by_digest(image)]
    return site.node(node).run(Command(argv, timeout=60), check=False).code == 0


def _pull(engine: DockerClient, image: str, credentials: Credentials | None, node: str) -> None:
    what = f"{image} could not be pulled on {node}"
    try:
        with app_error(what):
            stream = cast(Any, engine.api).pull(
                by_digest(image),
                auth_config=credentials.auth_config() if credentials else {},
                stream=True,
                decode=True,
            )
            follow(stream, what, lambda _: None, f"node {node}")
    except BeeyardError as error:
        raise AppError(
            what, where=f"node {node}", why=error.why, fix=_fix(image, error.why or "")
        ) from error


def _fix(image: str, why: str) -> str:
    if "no space left" in why:
        return "make room on that node's disk (`docker system df` there), then deploy again"
    if "not found" in why or "manifest unknown" in why:
        return "the image is gone from its registry: build it again, or choose another release"
    return fix_for(
        image, why, "see that the registry runs and lets the nodes pull, then deploy again"
    )
