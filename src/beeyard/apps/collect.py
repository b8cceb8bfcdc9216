"""What only releases that are no longer kept used: gone from nodes, registry and Swarm."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from beeyard.apps.contents import made_by, remove
from beeyard.apps.references import by_digest, registry_of, repository_of
from beeyard.apps.registry import delete_remote
from beeyard.apps.releases import Entry, Releases, applications
from beeyard.apps.site import Say, Site
from beeyard.errors import AppError, BeeyardError
from beeyard.process import Command, Runner
from beeyard.swarm import Snapshot

_TIMEOUT = 120.0
_SHOWN = "{{.Id}} {{range .RepoTags}}{{.}} {{end}}{{range .RepoDigests}}{{.}} {{end}}"


def collect(site: Site, store: Releases, keep: int, say: Say) -> None:
    """Keep the last `keep` releases and the one that runs whole; remove what only others used.

    What can't be removed is said, never raised. It is tried again after the next deploy, for a
    release is forgotten after all that it used.
    """
    try:
        entries = store.all()
        kept, old = kept_and_old(entries, keep)
        images = _collect(site, store, kept, old) if old else 0
    except BeeyardError as error:
        why = (error.why or "").partition("\n")[0]
        say(f"warning: what older releases used is still there: {error.what}: {why}")
    else:
        removed = f", {len(old)} removed with {images} images" if old else ""
        say(f"{len(kept)} releases are kept{removed}")


def kept_and_old(entries: Sequence[Entry], keep: int) -> tuple[list[Entry], list[Entry]]:
    """The releases to keep, and those to remove. Pure.

    Kept are the last `keep` that succeeded, to go back to, and the last `keep` at all.
    """
    last = max(keep, 1)
    good = [entry for entry in entries if entry.succeeded]
    numbers = {entry.number for entry in (*entries[-last:], *good[-last:])}
    kept = [entry for entry in entries if entry.number in numbers]
    return kept, [entry for entry in entries if entry.number not in numbers]


def _collect(site: Site, store: Releases, kept: Sequence[Entry], old: Sequence[Entry]) -> int:
    """Gives how many images are no longer needed."""
    snapshot = site.manager.snapshot()
    unused = _images(old) - _images(kept) - _needed_elsewhere(site, store.application, snapshot)
    _remove_from_nodes(site, snapshot, unused)
    for image in sorted(unused):
        if registry_of(image) == site.registry:
            delete_remote(site.manager.client, site.runner, image, site.credentials(site.registry))
    _remove_contents(site, store.application, kept, old)
    away = [node.name for node in snapshot.nodes if node.state != "ready"]
    if away and unused:
        raise AppError(
            "older releases are not forgotten yet",
            why=f"their images may still be on {', '.join(away)}, which is not ready",
        )
    for entry in old:
        store.forget(entry.number)
    return len(unused)


def _remove_contents(
    site: Site, application: str, kept: Sequence[Entry], old: Sequence[Entry]
) -> None:
    client = site.manager.client
    for section in ("secrets", "configs"):
        named = {name for entry in old for name in getattr(entry.release, section)}
        named -= {name for entry in kept for name in getattr(entry.release, section)}
        # What somebody else made was there before us, and may be needed elsewhere.
        remove(client, section, sorted(named & made_by(client, application, section)))


def _images(entries: Iterable[Entry]) -> set[str]:
    return {by_digest(image) for entry in entries for image in entry.release.images.values()}


def _needed_elsewhere(site: Site, application: str, snapshot: Snapshot) -> set[str]:
    """The images of other applications' releases, and of all that runs."""
    client = site.manager.client
    others = [name for name in applications(client) if name != application]
    kept = [_images(Releases(client, name).all()) for name in others]
    return set().union(*kept, (by_digest(service.image) for service in snapshot.services))


def _remove_from_nodes(site: Site, snapshot: Snapshot, images: set[str]) -> None:
    ready = [node.name for node in snapshot.nodes if node.state == "ready"]
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda name: _remove_from(name, site.node(name), images), ready):
            pass


def _is_named_only(names: Sequence[str], images: set[str]) -> bool:
    """Whether no name of an image is of another digest than these, or of another repository."""
    ours = {repository_of(image) for image in images}
    return all(name in images if "@" in name else repository_of(name) in ours for name in names)


def _remove_from(name: str, node: Runner, images: set[str]) -> None:
    """Remove from a node those of `images` that it has and that no container runs from."""
    if not images:
        return
    for line in _said(name, node, "inspect", "--format", _SHOWN, *sorted(images)):
        image_id, *names = line.split()
        if _is_named_only(names, images) and not _runs(node, image_id):
            # By force, for the containers of tasks that have ended are kept for a while.
            _said(name, node, "rm", "--force", *names)


def _said(name: str, node: Runner, *words: str) -> list[str]:
    """What `docker image …` says, each line once. What it has not is no mistake."""
    done = node.run(Command(["docker", "image", *words], timeout=_TIMEOUT), check=False)
    wrong = [line for line in done.stderr.splitlines() if line and "o such image" not in line]
    if done.code != 0 and wrong:
        raise AppError(
            "images that are no longer needed could not be removed",
            where=f"node {name}",
            why=f"node {name}: {wrong[-1]}",
        )
    return list(dict.fromkeys(filter(None, done.stdout.splitlines())))


def _runs(node: Runner, image_id: str) -> bool:
    argv = ["docker", "ps", "--quiet", "--filter", f"ancestor={image_id}"]
    return bool(node.run(Command(argv, timeout=_TIMEOUT)).stdout.strip())
