"""A release brought back in place of one that failed, or whose rollout was cut short."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from beeyard.apps.canary_steps import remove_canaries
from beeyard.apps.deploy import deploy_to, with_replicas
from beeyard.apps.lock import LockLost
from beeyard.apps.oneoff import LABEL, remove_service
from beeyard.apps.release import Release, Verdict, Word
from beeyard.apps.releases import PREPARING, VERIFIED, Entry, Releases, current
from beeyard.apps.sight import definitions, teller, verify
from beeyard.apps.site import Say, Site
from beeyard.errors import SwarmError
from beeyard.swarm import Patience, TunnelEnded, await_converged

_UNDO_DEADLINE = 300.0
#: For what ran already to run again, after a reboot such as (seconds).
_AGAIN_DEADLINE = 120.0
#: For how long a manager may be away while a release is put back (seconds), and between attempts.
_AWAY, _PAUSE = 60.0, 2.0


def recover(site: Site, store: Releases, entries: Sequence[Entry], say: Say) -> bool:
    """Finish or undo a rollout that was cut short; to be called with the lock held.

    Gives whether there was one. What had been found good is finished, what had not is undone.
    Raises SwarmError or AppError if neither can be done, or if what was brought back does not run;
    the latter only once.
    """
    entry = next((one for one in reversed(entries) if one.verdict is None), None)
    for service in site.manager.snapshot().stack(store.application):
        if service.labels.get(LABEL) == "hook":
            remove_service(site, service.name)
    if entry is None:
        return False
    release, before = entry.release, current(entries)
    if entry.phase == PREPARING:
        say(f"release {release.number} was cut short before anything was switched: forgotten")
        store.conclude(release.number, _cut_short("abandoned"))
    elif entry.phase == VERIFIED and _runs(site, release, say):
        say(f"release {release.number} was cut short after all of it ran: finished")
        if before is not None:
            remove_others(site, before.release, release)
        seen = definitions(site.manager.snapshot(), store.application)
        store.conclude(release.number, Verdict("succeeded", datetime.now(UTC), definitions=seen))
    elif before is None:
        say(f"release {release.number} was cut short, and there is none before it: it failed")
        store.conclude(release.number, _cut_short("failed"))
    else:
        say(f"release {release.number} was cut short: release {before.number} is brought back")
        put_back(site, before.release, entry.replicas)
        try:
            await_back(site, before.release, release, say)
        finally:
            # Else whoever mends what keeps it from running could not deploy that.
            store.conclude(release.number, _cut_short("failed"))
    return True


def _runs(site: Site, release: Release, say: Say) -> bool:
    """Whether a release that was found good is still good, if need be once its tasks have come up
    again: the manager may have been rebooted meanwhile."""
    try:
        _await(site, release, _AGAIN_DEADLINE, say)
        verify(release, site.manager.snapshot())
    except SwarmError as error:
        say(f"release {release.number} had been found good, but {error.what}")
        return False
    return True


def put_back(
    site: Site,
    previous: Release,
    replicas: Mapping[str, int],
    allowed: Callable[[], None] = lambda: None,
) -> None:
    """Tell the Swarm that `previous` is to run whole, with as many replicas as there were.

    Canaries go first: beside a release without weights they would get more than their share. Of
    the rest nothing is removed yet: what runs serves until `previous` does. A manager that is away
    for a moment is asked again. `allowed` is called before each attempt, and raises where somebody
    else may be at work. Raises SwarmError or AppError if it can't be done, with what hinders it.
    """
    counts = {name: n for name, n in replicas.items() if name in previous.bundle.services}
    bundle = with_replicas(previous.bundle, counts)
    end = site.clock.monotonic() + _AWAY
    while True:
        try:
            allowed()
            remove_canaries(site, previous.application)
            deploy_to(site, previous.application, bundle)
        except (LockLost, TunnelEnded):
            raise
        except SwarmError:
            if site.clock.monotonic() >= end:
                raise
            site.clock.sleep(_PAUSE)
        else:
            return


def await_back(site: Site, previous: Release, failed: Release, say: Say) -> None:
    """Wait until a release that was put back runs; then what only `failed` had goes.

    Raises SwarmError if it does not run, or not as it says: what only `failed` had may be all that
    serves, and is left to the next release.
    """
    _await(site, previous, _UNDO_DEADLINE, say)
    verify(previous, site.manager.snapshot())
    remove_others(site, failed, previous)


def _await(site: Site, release: Release, deadline: float, say: Say) -> None:
    await_converged(
        site.manager,
        [f"{release.application}_{name}" for name in release.bundle.services],
        patience=Patience(deadline, settle=1.0),
        clock=site.clock,
        progress=teller(say),
    )


def remove_others(site: Site, old: Release, new: Release) -> None:
    """Remove the services that `old` has and `new` has not. Raises SwarmError."""
    for name in old.bundle.services:
        if name not in new.bundle.services:
            remove_service(site, f"{old.application}_{name}")


def _cut_short(word: Word) -> Verdict:
    return Verdict(word, datetime.now(UTC), "its deploy was cut short")
