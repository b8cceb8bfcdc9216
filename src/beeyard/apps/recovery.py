"""A release brought back in place of one that failed, or whose rollout was cut short."""

from collections.abc import Sequence
from datetime import UTC, datetime

from beeyard.apps.canary_steps import remove_canaries
from beeyard.apps.deploy import stack_deploy, with_replicas
from beeyard.apps.oneoff import LABEL, remove_service
from beeyard.apps.plan import kept_replicas
from beeyard.apps.release import Release, Verdict, Word
from beeyard.apps.releases import PREPARING, VERIFYING, Entry, Releases, current
from beeyard.apps.sight import definitions, is_done, teller
from beeyard.apps.site import Say, Site
from beeyard.swarm import Patience, await_converged

_UNDO_DEADLINE = 300.0


def recover(site: Site, store: Releases, entries: Sequence[Entry], say: Say) -> bool:
    """Finish or undo a rollout that was cut short; to be called with the lock held.

    Gives whether there was one. What had been seen to run everywhere is finished, what had not is
    undone; so is what had a task after the switch, for nobody knows what became of that. Raises
    SwarmError or AppError if neither can be done, or if what was brought back does not run; the
    latter only once.
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
    elif entry.phase == VERIFYING and is_done(release, site.manager.snapshot()):
        say(f"release {release.number} was cut short after all of it ran: finished")
        seen = definitions(site.manager.snapshot(), store.application)
        store.conclude(release.number, Verdict("succeeded", datetime.now(UTC), definitions=seen))
    elif before is None:
        say(f"release {release.number} was cut short, and there is none before it: it failed")
        store.conclude(release.number, _cut_short("failed"))
    else:
        say(f"release {release.number} was cut short: release {before.number} is brought back")
        put_back(site, before.release, release)
        try:
            await_back(site, before.release, say)
        finally:
            # Else whoever mends what keeps it from running could not deploy that.
            store.conclude(release.number, _cut_short("failed"))
    return True


def put_back(site: Site, previous: Release, failed: Release) -> None:
    """Tell the Swarm that `previous` is to run whole in place of `failed`. What somebody scaled to
    stays.

    Raises SwarmError or AppError if that can't be done, with what hinders it.
    """
    application = previous.application
    counts = kept_replicas(previous, failed, site.manager.snapshot())
    stack_deploy(application, with_replicas(previous.bundle, counts), site.runner)
    for name in failed.bundle.services:
        if name not in previous.bundle.services:
            remove_service(site, f"{application}_{name}")
    remove_canaries(site, application)


def await_back(site: Site, previous: Release, say: Say) -> None:
    """Wait until a release that was put back runs. Raises SwarmError if it does not."""
    await_converged(
        site.manager,
        [f"{previous.application}_{name}" for name in previous.bundle.services],
        patience=Patience(_UNDO_DEADLINE, settle=1.0),
        clock=site.clock,
        progress=teller(say),
    )


def _cut_short(word: Word) -> Verdict:
    return Verdict(word, datetime.now(UTC), "its deploy was cut short")
