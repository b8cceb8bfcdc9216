"""The rollout of a release: what its plan says, watched, and undone as a whole where it fails.

Nothing that runs is touched before the release is written down, its images are on the nodes and
its first hook has succeeded. From then on the release either runs everywhere, as it was meant,
or the one before it is brought back whole. Cut short at any point, it is found by the next command
(`recover`).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from beeyard.apps.bundle import Bundle, mixed
from beeyard.apps.canary import USUAL, Limits
from beeyard.apps.canary_stack import routing_changes, sides
from beeyard.apps.canary_steps import Canary, Entrance
from beeyard.apps.deploy import deploy_to, with_replicas
from beeyard.apps.images import images_by_node, pull
from beeyard.apps.lock import Lock
from beeyard.apps.oneoff import remove_service, run_once
from beeyard.apps.plan import Plan
from beeyard.apps.recovery import await_back, put_back
from beeyard.apps.release import Hook, Receipt, Release, Verdict, Word
from beeyard.apps.releases import CANARY, SWITCHING, VERIFIED, VERIFYING, Releases
from beeyard.apps.sight import definitions, gaps_of, replicas_of, teller, verify
from beeyard.apps.site import Say, Site, Stage
from beeyard.apps.traffic import Prober, Traffic
from beeyard.errors import AppError, BeeyardError
from beeyard.swarm import Patience, Snapshot, await_converged


@dataclass(frozen=True)
class Terms:
    """How patient and how strict a rollout is.

    deadline    seconds for all services together to become what they should be
    settle      seconds for which a task must have run before it counts
    homeless    seconds for which a task may find no node that takes it
    max_failed  how many of the probe's requests may fail; None: any number
    """

    deadline: float = 600.0
    settle: float = 5.0
    homeless: float = 60.0
    max_failed: int | None = None


@dataclass(frozen=True)
class Trial:
    """A canary before the switch: its share of the requests, for how many seconds it is watched,
    and where both sides are asked."""

    share: float
    seconds: float
    entrance: Entrance
    limits: Limits = USUAL


@dataclass
class Rollout:
    """One release on its way. `stage` shows what is done; `prober` may have begun before it; `calm`
    raises where a switch now would undo what somebody else does to these services."""

    site: Site
    store: Releases
    lock: Lock
    stage: Stage
    release: Release
    previous: Release | None
    plan: Plan
    terms: Terms = Terms()
    prober: Prober | None = None
    trial: Trial | None = None
    calm: Callable[[Snapshot], None] = lambda _: None
    _canary: Canary | None = field(default=None, init=False)
    _phases: dict[str, float] = field(default_factory=dict, init=False)
    _replicas: Mapping[str, int] = field(default_factory=dict, init=False)
    _switched: float | None = field(default=None, init=False)
    _seen: Snapshot | None = field(default=None, init=False)
    _meant: dict[str, str] = field(default_factory=dict, init=False)

    def run(self) -> Verdict:
        """Roll out. Raises what went wrong, as BeeyardError, after all is as it was before."""
        self._replicas = replicas_of(self.site.manager.snapshot(), self.plan.application)
        self.store.create(self.release, self._replicas)
        try:
            self._prepare()
        except BaseException as error:
            # What can't be written down now is found by the next command, as if it were cut short.
            with suppress(BeeyardError):
                self._conclude("failed", _reason(error))
            raise _told(
                error,
                f"release {self.release.number} of {self.plan.application} failed before anything "
                "was switched",
            ) from error
        try:
            self._try_canary()
            self._switch()
            self._end_canary()
            self._verify()
            self._hook("post-deploy", self.release.post_deploy)
            self._judge_traffic()
            self.lock.check()
            self.store.set_phase(self.release.number, VERIFIED)
        except BaseException as error:
            raise self._undone(error) from error
        self._finish()
        return self._conclude("succeeded")

    def _prepare(self) -> None:
        with self._phase("images") as say:
            wanted = images_by_node(self.release, self.site.manager.snapshot())
            count = pull(self.site, wanted, say)
            say(f"{count} pulled, on {len(wanted)} nodes")
        self._hook("pre-deploy", self.release.pre_deploy)

    def _try_canary(self) -> None:
        """Let the new release serve a share beside the old one, and go on only if it does well."""
        self._switched = time.monotonic()
        if self.trial is None or self.previous is None:
            return
        self.store.set_phase(self.release.number, CANARY)
        with self._phase("canary") as say:
            canary = self._canary_of(self.trial, self.previous)
            for line in routing_changes(self.release.bundle, self.previous.bundle, canary.sides):
                say(f"seen only once it is promoted: {line}")
            canary.start(say)
            self._canary = canary
            seen = canary.watch(self.trial.seconds, say, self.trial.limits, self._wish)
            say(f"{seen.verdict}: {seen.reason}")
            if seen.verdict == "promote" and self._wish() != "abort":
                return
            self._canary = None
            canary.take_away(say)
            raise AppError(
                f"the canary of release {self.release.number} was taken away",
                why=seen.reason,
                fix="see what its log says, then deploy again",
            )

    def _canary_of(self, trial: Trial, previous: Release) -> Canary:
        """The canaries of the web services that change. Raises AppError where there can be none."""
        snapshot = self.site.manager.snapshot()
        prefix = f"{self.plan.application}_"
        services = snapshot.stack(self.plan.application)
        running = {one.name.removeprefix(prefix): len(one.running) for one in services}
        found = sides(trial.share, self.release.bundle, previous.bundle, running)
        changed = {change.service for change in self.plan.changed}
        of = {name: each for name, each in found.items() if name in changed}
        entrance = trial.entrance.to(of)
        if not entrance.urls:
            raise AppError(
                f"release {self.release.number} can't have a canary",
                why="no service that changes has an address that answers now",
                fix="deploy without --canary",
            )
        return Canary(
            site=self.site,
            application=self.plan.application,
            new=self.release.bundle,
            old=previous.bundle,
            sides=of,
            replicas=self._replicas,
            entrance=entrance,
            check=self.lock.check,
            patience=Patience(self.terms.deadline, self.terms.settle),
        )

    def _wish(self) -> Literal["promote", "abort"] | None:
        """What somebody wants to become of the canary, by `beeyard promote` or `abort`."""
        match self.store.phase(self.release.number):
            case "promote":
                return "promote"
            case "abort":
                return "abort"
        return None

    def _end_canary(self) -> None:
        """All of it is the new release: the canary goes, then the routing is the new release's."""
        if self._canary is None:
            return
        with self._phase("end of the canary") as say:
            self._canary.take_away(say, promoted=self.plan.replicas)
            self._canary = None
            bundle = with_replicas(self.release.bundle, self.plan.replicas)
            self._deploy(bundle, self.release.bundle.services)

    def _switch(self) -> None:
        self.calm(self.site.manager.snapshot())
        self.store.set_phase(self.release.number, SWITCHING)
        end = self.site.clock.monotonic() + self.terms.deadline
        due: list[str] = []
        for number, wave in enumerate(self.plan.waves, 1):
            due.extend(wave)
            with self._phase(f"wave {number}" if len(self.plan.waves) > 1 else "switch") as say:
                self.lock.check()
                self._deploy(self._bundle(due), wave)
                self._await(wave, end - self.site.clock.monotonic(), say)

    def _deploy(self, bundle: Bundle, services: Iterable[str]) -> None:
        """Tell the Swarm, and note what it makes of `services`: what is found there later is to be
        the same."""
        deploy_to(self.site, self.plan.application, bundle)
        seen = definitions(self.site.manager.snapshot(), self.plan.application)
        self._meant |= {name: seen.get(name, "") for name in self._names(services)}

    def _bundle(self, due: Sequence[str]) -> Bundle:
        """What the stack is to be in the midst of it."""
        due = [*due, *self.plan.of("keep")]
        bundle = self.release.bundle
        if self._canary is not None:
            bundle = self._canary.stack(due)
        elif self.previous is not None and set(due) != set(bundle.services):
            bundle = mixed(bundle, self.previous.bundle, due)
        elif self.previous is None:
            bundle = mixed(bundle, Bundle("services: {}\n"), due)
        ours = {name: n for name, n in self.plan.replicas.items() if name in due}
        return with_replicas(bundle, {**self._replicas, **ours})

    def _finish(self) -> None:
        """What the release no longer has goes last, when nothing can bring the old one back."""
        if not self.plan.of("remove"):
            return
        with self._phase("remove") as say:
            for name in self.plan.of("remove"):
                say(name)
                self.lock.check()
                remove_service(self.site, f"{self.plan.application}_{name}")

    def _await(self, services: Sequence[str], seconds: float, say: Say) -> None:
        self._seen = await_converged(
            self.site.manager,
            self._names(services),
            patience=Patience(max(seconds, 0.0), self.terms.settle, homeless=self.terms.homeless),
            clock=self.site.clock,
            progress=teller(say),
        )

    def _verify(self) -> None:
        """Every service, also of earlier waves, runs what the release says, and nothing else."""
        self.store.set_phase(self.release.number, VERIFYING)
        with self._phase("verify") as say:
            self._await(tuple(self.release.images), self.terms.deadline, say)
            verify(self.release, self._seen or self.site.manager.snapshot(), self._meant)
            say(f"{len(self.release.images)} services run what release {self.release.number} says")

    def _hook(self, name: str, hook: Hook | None) -> None:
        if hook is None:
            return
        with self._phase(name) as say:
            self.lock.check()
            application, bundle = self.release.application, self.release.bundle
            ended = run_once(self.site, application, bundle, hook, lambda line: say(line.text))
            if ended.code != 0:
                raise AppError(
                    f"the {name} task of {self.release.application} failed",
                    where=f"service {hook.service}, node {ended.node}, `{' '.join(hook.command)}`",
                    why="\n".join([_how(ended.code, ended.error), *ended.log[-12:]]),
                    fix="mend what its log says, then deploy again",
                )

    def _judge_traffic(self) -> None:
        if self.prober is not None and self.terms.max_failed is not None:
            self.prober.await_answers()
        failed = self._traffic()[1].failed
        if self.terms.max_failed is not None and failed > self.terms.max_failed:
            raise AppError(
                f"{failed} of the probe's requests failed, {self.terms.max_failed} may",
                why="\n".join(self._traffic()[1].reasons),
                fix="see the receipt; how an application loses nothing is in docs/applications.md",
            )

    def _undone(self, error: BaseException) -> BaseException:
        """Bring the previous release back. Gives the error to raise."""
        number, application = self.release.number, self.release.application
        if self.previous is None:
            self._conclude("failed", _reason(error))
            return _told(
                error, f"release {number} of {application} failed, and there is none before it"
            )
        before = f"release {self.previous.number}"
        try:
            trouble = self._bring_back(self.previous)
            self._conclude("failed", _reason(error))
        except BeeyardError as again:
            return _told(
                error,
                f"release {number} of {application} failed, and {before} could not be brought "
                f"back: {again.what}",
                more=again.why,
                fix="when the manager answers again, the next deploy, rollback or scale undoes it",
            )
        if trouble is not None:
            return _told(
                error,
                f"release {number} of {application} failed, and {before} does not run again: "
                f"{trouble.what}",
                more=trouble.why,
                fix=trouble.fix,
            )
        return _told(error, f"release {number} of {application} failed; {before} serves")

    def _bring_back(self, previous: Release) -> BeeyardError | None:
        """Gives why it does not run, if so. Raises where it could not even be asked for."""
        with self._phase(f"bring back release {previous.number}") as say:
            if self._canary is not None:
                # Gently, where it can be; `put_back` removes it in any case.
                with suppress(BeeyardError):
                    self._canary.take_away(say)
            put_back(self.site, previous, self._replicas, self.lock.check)
            try:
                await_back(self.site, previous, self.release, say)
            except BeeyardError as error:
                return error
        return None

    def _conclude(self, word: Word, reason: str = "") -> Verdict:
        before, during = self._traffic()
        kinds = {c.service: c.kind for c in self.plan.changes if c.kind != "keep"}
        gaps = gaps_of(self.plan, self._seen) if self._seen else {}
        receipt = Receipt(dict(self._phases), dict(kinds), before, during, gaps)
        left = definitions(self._seen, self.plan.application) if word == "succeeded" else {}
        verdict = Verdict(word, datetime.now(UTC), reason, receipt, left)
        self.store.conclude(self.release.number, verdict)
        return verdict

    def _traffic(self) -> tuple[Traffic, Traffic]:
        if self.prober is None:
            return Traffic(), Traffic()
        if self._switched is None:
            return self.prober.traffic(), Traffic()
        return self.prober.traffic(end=self._switched), self.prober.traffic(start=self._switched)

    def _names(self, services: Iterable[str]) -> list[str]:
        return [f"{self.plan.application}_{service}" for service in services]

    @contextmanager
    def _phase(self, name: str) -> Iterator[Say]:
        started = time.monotonic()
        try:
            with self.stage(name) as say:
                yield say
        finally:
            self._phases[name] = round(time.monotonic() - started, 2)


def _reason(error: BaseException) -> str:
    if isinstance(error, BeeyardError):
        return error.what
    return type(error).__name__ if isinstance(error, Exception) else "it was stopped"


def _how(code: int | None, error: str) -> str:
    return error or f"it ended with exit code {code}"


def _told(
    error: BaseException, what: str, more: str | None = None, fix: str | None = None
) -> BaseException:
    """What went wrong, with what became of the release: of what is no error of ours, as a note."""
    if not isinstance(error, BeeyardError):
        error.add_note(what)
        return error
    why = "\n".join(text for text in (error.what, error.why, more) if text)
    return AppError(what, where=error.where, why=why, fix=fix or error.fix)
