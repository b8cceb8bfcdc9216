"""What only releases used that are no longer kept: removed from the Swarm, the registry, the nodes."""

from collections.abc import Sequence

from beeyard.apps.contents import remove
from beeyard.apps.releases import Entry, Releases
from beeyard.apps.site import Say, Site


def collect(site: Site, store: Releases, keep: int, say: Say) -> None:
    """Keep the last `keep` releases whole, and remove what only older ones used."""
    entries = store.all()
    kept, old = kept_and_old(entries, keep)
    say(f"{len(kept)} releases are kept")
    if not old:
        return
    client = site.manager.client
    secrets = {name for entry in kept for name in entry.release.secrets}
    configs = {name for entry in kept for name in entry.release.configs}
    for entry in old:
        remove(client, "secrets", sorted(_made(entry, entry.release.secrets) - secrets))
        remove(client, "configs", sorted(_made(entry, entry.release.configs) - configs))
        store.forget(entry.number)


def kept_and_old(entries: Sequence[Entry], keep: int) -> tuple[list[Entry], list[Entry]]:
    """The releases to keep, and those to remove: the last `keep`, and the one that runs."""
    return list(entries[-keep:]), list(entries[:-keep])


def _made(entry: Entry, names: Sequence[str]) -> set[str]:
    return set(names)
