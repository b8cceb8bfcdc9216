"""What users notice of a rollout: real load through the proxy over TLS, while it goes on."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from beeyard.process import Command
from bench.deploys import manager_of
from bench.load.application import NAME, REPLICAS, Application
from bench.load.around import CONNECTIONS, Load
from bench.load.calibrate import MOST, Calibration, calibrate
from bench.load.ledger import Account, compare
from bench.load.result import LoadResult, p99
from bench.table import Row
from bench.yard import Yard, say

#: In so many rolling updates, so many requests at least.
UPDATES = 10
BY_HAND = 5
REQUESTS = 100_000
P99_RATIO = 1.5
#: Of everything else.
_ROUNDS = 3

_CANARY = ("--canary", "10%", "--watch", "30")

#: What is done, once for each measurement of it; between them it may prepare the next.
Actions = Iterable[Callable[[], object]]

ABRUPT = {"ABRUPT": "1"}
#: The same, ended by a signal that it doesn't know: it serves until the grace is over.
SPARED = {**ABRUPT, "STOP_SIGNAL": "SIGCONT", "STOP_GRACE": "6s"}


@dataclass(frozen=True)
class Watched:
    """What the load met with, and what the application had kept of it afterwards."""

    load: LoadResult
    account: Account

    @property
    def p99_ratio(self) -> float:
        """Of the p99 during it to the p99 before it."""
        return p99(self.load.during) / p99(self.load.before)


def under_load(yard: Yard, action: Callable[[], object]) -> LoadResult:
    """Do it while the application on the yard's cluster is under load, as much as fits."""
    application = Application.on(yard)
    rate = calibrate(application.ingress).rate
    return Load(application.ingress, rate).around(action)


def measure(yard: Yard) -> Iterator[Row]:
    """Rolling update, rollback, scaling, drain and canary of an application that ends well.

    Each row comes as soon as it is measured.
    """
    yard = yard.aside
    application = Application.on(yard)
    application.change()
    application.deploy()
    found = calibrate(application.ingress)
    load = Load(application.ingress, found.rate)
    say(f"{found.rate:g} requests per second, {found.share:.0%} of the processor")
    yield from _calibration(found)
    updates = watch(application, load, _updates(application, UPDATES), REQUESTS // UPDATES)
    yield from _rows("rolling update", updates, ratio_goal=P99_RATIO)
    others: dict[str, Actions] = {
        "`docker service update --force`, by hand": _updates_by_hand(yard),
        "rollback": [lambda: yard.run("rollback", NAME)] * _ROUNDS,
        "scaling": _scalings(yard),
        "drain": _drains(yard),
        "canary": _updates(application, _ROUNDS, *_CANARY),
    }
    for name, actions in others.items():
        yield from _rows(name, watch(application, load, actions))


def abrupt(yard: Yard) -> Iterator[Row]:
    """Rolling updates of an application that ends at once; without goals, as it can't hold any."""
    yard = yard.aside
    application = Application.on(yard)
    variants = {"it ends at once": ABRUPT, "it ends at once, behind a grace": SPARED}
    for name, variant in variants.items():
        application.change(variant)
        application.deploy()
        load = Load(application.ingress, calibrate(application.ingress).rate)
        updates = _updates(application, _ROUNDS, variant=variant)
        yield from _rows(f"rolling update, {name}", watch(application, load, updates), goal=None)


def watch(
    application: Application, load: Load, actions: Actions, at_least: int = 0
) -> list[Watched]:
    """Do each under load, with so many requests at least, and read back what was kept of them."""
    found = []
    for action in actions:
        with application.ledger() as ledger:
            last = ledger.last()
            result = load.around(action, at_least=at_least)
            account = compare(result.posted, result.acknowledged, ledger.after(last))
        found.append(Watched(result, account))
        say(_told(found[-1]))
    return found


def _updates(
    application: Application,
    count: int,
    *options: str,
    variant: Mapping[str, str] | None = None,
) -> Iterator[Callable[[], object]]:
    for _ in range(count):
        application.change(variant)
        yield lambda: application.deploy(*options)


def _updates_by_hand(yard: Yard) -> Iterator[Callable[[], object]]:
    """What Docker itself does to the same load: the same tasks replaced, without beeyard."""
    argv = ["docker", "service", "update", "--force", "--quiet", f"{NAME}_web"]
    with manager_of(yard) as manager:
        for _ in range(BY_HAND):
            yield lambda: manager.run(Command(argv, timeout=600))


def _scalings(yard: Yard) -> Iterator[Callable[[], object]]:
    for _ in range(_ROUNDS):
        yield lambda: yard.run("scale", NAME, f"web={REPLICAS + 2}")
        yield lambda: yard.run("scale", NAME, f"web={REPLICAS}")


def _drains(yard: Yard) -> Iterator[Callable[[], object]]:
    for number in range(_ROUNDS):
        node = f"worker-{number % 2 + 1}"
        yield lambda node=node: yard.run("node", "drain", node)  # type: ignore[misc]
        yard.run("node", "activate", node)


def _calibration(found: Calibration) -> Sequence[Row]:
    note = f"{CONNECTIONS} connections; the most that takes less than {MOST:.0%}"
    busy = f"of all processors; {found.idle:.0%} are busy without it"
    return [
        Row("load: requests per second", found.rate, "", note=note),
        Row("load: generator, proxy, application", found.share * 100, "%", MOST * 100, busy),
    ]


def _rows(
    name: str,
    watched: Sequence[Watched],
    *,
    goal: float | None = 0.0,
    ratio_goal: float | None = None,
) -> Sequence[Row]:
    loads = [one.load for one in watched]
    failed = sum(len(one.failed) for one in loads)
    wrong = sum(one.account.wrong for one in watched)
    acknowledged = sum(len(one.acknowledged) for one in loads)
    reasons = next((one.reasons for one in loads if one.failed), "")
    ratio = statistics.median(one.p99_ratio for one in watched)
    before, during = (
        statistics.median(p99(part) for part in parts) * 1000
        for parts in ([one.before for one in loads], [one.during for one in loads])
    )
    seconds = statistics.median(one.ended - one.began for one in loads)
    slowest = max(one.slowest for one in loads)
    return [
        Row(f"{name}: requests", sum(one.sent for one in loads), "", note=f"{len(loads)} times"),
        Row(f"{name}: failed requests", failed, "", goal, reasons),
        Row(f"{name}: wrong entries", wrong, "", goal, _kept(watched, acknowledged)),
        Row(
            f"{name}: p99 during, of p99 before",
            ratio,
            "times",
            ratio_goal,
            f"medians: {during:.0f} ms, {before:.0f} ms; slowest {slowest * 1000:.0f} ms",
        ),
        Row(f"{name}: the command", seconds, "s", note="median"),
    ]


def _kept(watched: Sequence[Watched], acknowledged: int) -> str:
    lost, doubled, strange, unsaid = (
        sum(len(getattr(one.account, kind)) for one in watched)
        for kind in ("lost", "doubled", "strange", "unsaid")
    )
    return (
        f"of {acknowledged} acknowledged: {lost} lost; {doubled} doubled, {strange} strange; "
        f"{unsaid} kept without acknowledgement"
    )


def _told(one: Watched) -> str:
    load = one.load
    return (
        f"{load.sent} requests, {len(load.failed)} failed {load.reasons}; "
        f"{one.account.wrong} entries wrong; "
        f"p99 {p99(load.before) * 1000:.0f} ms before, {p99(load.during) * 1000:.0f} ms during "
        f"{load.ended - load.began:.1f} s"
    )
