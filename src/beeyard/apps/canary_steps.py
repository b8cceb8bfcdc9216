"""A canary on a real cluster: put beside, watched, promoted or taken away, without a lost request.

The order is what held (docs/canary.md):

1. `start`: labels of the stable side and the canaries in one deploy. Labels restart no task.
2. `watch`: each side is asked alone.
3. To promote: the services are rolled out as ever, but with `stack(due)` as the stack, while the
   canaries still serve; then `take_away`; then the release's own stack, of which only labels are
   new. To abort: `take_away`, then the previous release's own stack.

The release's own stack must not come before its canaries are gone; the previous one's may, for
canaries are routed as it is.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

import httpx

from beeyard.apps.bundle import Bundle
from beeyard.apps.canary import USUAL, Judgement, Limits, Verdict, judge
from beeyard.apps.canary_labels import HEADER, Side, marker
from beeyard.apps.canary_stack import LABEL, SUFFIX, Sides, beside
from beeyard.apps.deploy import deploy_to, with_replicas
from beeyard.apps.oneoff import remove_service
from beeyard.apps.probe import Asker
from beeyard.apps.sight import teller
from beeyard.apps.site import Say, Site
from beeyard.apps.traffic import Prober
from beeyard.apps.urls import AppUrl
from beeyard.errors import UnverifiedError
from beeyard.swarm import Patience, Service, await_converged
from beeyard.waiting import Timeout, wait_until

# Traefik asks the Swarm every second; 2 s were seen.
_TAKEN_UP = 30.0
_ROUND = 1.0


@dataclass(frozen=True)
class Entrance:
    """Where requests go in: the canaried services' addresses, at one of the cluster's addresses."""

    urls: Sequence[AppUrl]
    address: str
    ca_pem: str | None

    def to(self, services: Collection[str]) -> "Entrance":
        """The same, with the addresses of these services only."""
        return replace(self, urls=[url for url in self.urls if url.service in services])

    def prober(self, side: Side | None = None) -> Prober:
        """Asks that side, and no other; None: whichever Traefik chooses."""
        headers = {HEADER: side} if side else {}
        return Prober(self.urls, self.address, self.ca_pem, headers=headers)

    @contextmanager
    def askers(self, side: Side) -> Iterator[list[tuple[AppUrl, Asker]]]:
        with ExitStack() as stack:
            yield [
                (
                    url,
                    stack.enter_context(
                        Asker(url.url, self.address, url.port, self.ca_pem, headers={HEADER: side})
                    ),
                )
                for url in self.urls
            ]


@dataclass
class Canary:
    """The release `new` of an application beside its release `old`.

    `replicas`: how many each service of `old` has. `check` is called before each step, and raises
    where somebody else may be at work (`Lock.check`).
    """

    site: Site
    application: str
    new: Bundle
    old: Bundle
    sides: Mapping[str, Sides]
    replicas: Mapping[str, int]
    entrance: Entrance
    check: Callable[[], None]
    patience: Patience = field(default_factory=Patience)

    @property
    def services(self) -> list[str]:
        """The canaries' names in the Swarm."""
        return [f"{self.application}_{name}{SUFFIX}" for name in sorted(self.sides)]

    def start(self, say: Say) -> None:
        """Put the canaries beside what runs, and wait until each gets its share.

        Raises SwarmError where a canary does not come up, UnverifiedError where Traefik does not
        send it anything; `take_away` is the way back.
        """
        self._deploy(self.sides)
        await_converged(
            self.site.manager,
            self.services,
            patience=self.patience,
            clock=self.site.clock,
            progress=teller(say),
        )
        for side in ("stable", "canary"):
            if not self._taken_up(side, self.sides):
                raise UnverifiedError(
                    f"Traefik does not tell the two releases of {self.application} apart",
                    why=f"no answer of the {side} side within {_TAKEN_UP:g} s",
                    fix="see the log of traefik_traefik: does something else define these routers?",
                )

    def watch(
        self,
        seconds: float,
        say: Say,
        limits: Limits = USUAL,
        wish: Callable[[], Verdict | None] = lambda: None,
    ) -> Judgement:
        """Ask both sides for that long, and give what to do: `promote` or `abort`.

        It ends sooner where the canary fails, and where `wish` (asked every second) gives one of
        the two: somebody decided by hand.
        """
        end = self.site.clock.monotonic() + seconds
        told = ""
        with self.entrance.prober("stable") as stable, self.entrance.prober("canary") as canary:
            while True:
                self.check()
                wanted = wish()
                if wanted is not None:
                    return Judgement(wanted, f"somebody said so: {wanted}")
                seen = self._broken() or judge(stable.traffic(), canary.traffic(), limits)
                if seen.verdict == "abort":
                    return seen
                if self.site.clock.monotonic() >= end:
                    return _at_the_end(seen, seconds)
                if seen.verdict != told:
                    told = seen.verdict
                    say(seen.reason)
                self.site.clock.sleep(_ROUND)

    def stack(self, due: Collection[str] = ()) -> Bundle:
        """The stack with the canaries in it, where the services in `due` are the new release's."""
        return beside(self.new, self.old, self.sides, due)

    def take_away(self, say: Say, promoted: Mapping[str, int] | None = None) -> None:
        """Send the canaries no request any more, and remove them once Traefik has taken that up.

        `promoted`: how many replicas each service has, where all of them are the new release's.
        """
        without = {name: each.without_canary for name, each in self.sides.items()}
        if promoted is None:
            self._deploy(without)
        else:
            self._deploy(without, [*self.new.services], promoted)
        if not self._taken_up("canary", without):
            say(f"Traefik has not said within {_TAKEN_UP:g} s that it leaves the canaries alone")
        remove_canaries(self.site, self.application)

    def _deploy(
        self,
        sides: Mapping[str, Sides],
        due: Collection[str] = (),
        replicas: Mapping[str, int] | None = None,
    ) -> None:
        self.check()
        bundle = with_replicas(beside(self.new, self.old, sides, due), replicas or self.replicas)
        deploy_to(self.site, self.application, bundle)

    def _taken_up(self, side: Side, sides: Mapping[str, Sides]) -> bool:
        """Wait until Traefik's answers show the labels that this side has; whether they do."""
        with self.entrance.askers(side) as askers:
            left = [one for one in askers if one[0].service in sides]

            def all_said() -> bool:
                left[:] = [one for one in left if not _says(one, side, sides)]
                return not left

            try:
                wait_until(all_said, clock=self.site.clock, deadline=_TAKEN_UP)
            except Timeout:
                return False
            return True

    def _broken(self) -> Judgement | None:
        """What is wrong with the canaries' tasks. Without any, Traefik asks the stable side."""
        found = {service.name: service for service in self.site.manager.snapshot().services}
        for name in self.services:
            reason = _trouble(found.get(name))
            if reason:
                return Judgement("abort", f"{name}: {reason}")
        return None


def remove_canaries(site: Site, application: str) -> None:
    """Remove what canaries an application has, at once. Raises SwarmError."""
    for service in site.manager.snapshot().stack(application):
        if service.labels.get(LABEL):
            remove_service(site, service.name)


def _says(one: tuple[AppUrl, Asker], side: Side, sides: Mapping[str, Sides]) -> bool:
    url, asker = one
    weight = sides[url.service].canary if side == "canary" else sides[url.service].stable
    try:
        said = asker.get()[0].headers.get(HEADER)
    except httpx.HTTPError:
        return False
    # Where no task of a canary runs, the stable side answers, and nothing has to be taken up.
    return said == marker(side, weight) or (said is None and weight == 0)


def _trouble(service: Service | None) -> str:
    if service is None:
        return "there is no such service any more"
    ended = [task for task in service.ended if task.current]
    if ended:
        task = ended[-1]
        return f"the task {task.name} on {task.node} is {task.state}: {task.error or task.message}"
    if len(service.running) < service.wanted:
        return f"{len(service.running)} of {service.wanted} tasks run"
    return ""


def _at_the_end(seen: Judgement, seconds: float) -> Judgement:
    if seen.verdict == "promote":
        return seen
    return Judgement("abort", f"nothing can be said for it after {seconds:g} s: {seen.reason}")
