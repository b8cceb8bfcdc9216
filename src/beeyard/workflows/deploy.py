"""`deploy` and `rollback`: from a team's folder, or an old release, to a new one that runs."""

import platform
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from beeyard.apps import (
    AppUrl,
    Entrance,
    Entry,
    Hook,
    Lock,
    Origin,
    Plan,
    Release,
    Releases,
    Rollout,
    Say,
    Site,
    Stack,
    Terms,
    Trial,
    Verdict,
    await_answer,
    chosen,
    current,
    left_behind,
    load_stack,
    next_number,
    planned,
    probe,
    recover,
    render,
    unfinished,
)
from beeyard.apps.bundle import secrets_renamed
from beeyard.apps.collect import collect
from beeyard.apps.contents import SECTIONS, Content, contents, ensure, external, successors
from beeyard.apps.lock import holder, is_free
from beeyard.apps.oneoff import sweep
from beeyard.apps.places import without_place
from beeyard.apps.releases import ABORT, CANARY, PROMOTE
from beeyard.config import Application
from beeyard.config.check import given, single_writers
from beeyard.config.sections import Task
from beeyard.errors import AppError, ToolError, UnverifiedError
from beeyard.holder import user
from beeyard.process import Command, CommandFailed
from beeyard.swarm import Manager, Snapshot
from beeyard.swarm.calm import require_calm, require_no_pause
from beeyard.waiting import Timeout, wait_until
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.images import Images, Where
from beeyard.workflows.kept import keep_signed_in
from beeyard.workflows.site import release_urls, site_of

#: Seconds that undoing a rollout may take on top of its deadline.
_UNDOING = 360.0
#: Seconds in which Traefik should have seen a new address, and got its certificate.
_NEW_ADDRESS = 30.0


@dataclass(frozen=True)
class Request:
    """What is asked of a deploy.

    image       instead of what would be built: for the one service that is built, or `SERVICE=REF`
    max_failed  instead of what beeyard.yml says
    canary      the share of the requests that the new release gets first, for `watched` seconds;
                None: it is switched at once
    removing    is told the services that are to be removed, before anything changes; raises what
                keeps them from being
    commit, author, cause   what is noted of where the release is from; None: the folder's commit,
                and who runs this where
    """

    where: Where = "manager"
    image: str | None = None
    max_failed: int | None = None
    canary: float | None = None
    watched: float = 60.0
    removing: Callable[[Sequence[str]], None] = lambda _: None
    commit: str | None = None
    author: str | None = None
    cause: str = "deploy"


@dataclass(frozen=True)
class Outcome:
    """What became of it. `release` is the one that runs; `verdict` None: it did already."""

    release: Release
    plan: Plan
    verdict: Verdict | None
    built: int = 0


@dataclass(frozen=True)
class Foreseen:
    """What a deploy would do, as far as nothing is changed to know it.

    release     the one that there would be
    previous    the one that runs; None: the first is to come
    plan        what happens to the services
    unbuilt     services whose image is to be built
    cut_short   what is to be known of a rollout that was cut short, which a deploy ends first
    snapshot    what the Swarm was then
    """

    release: Release
    previous: Release | None
    plan: Plan
    unbuilt: tuple[str, ...]
    cut_short: str | None
    snapshot: Snapshot

    @property
    def pending(self) -> bool:
        """Whether there would be another release than the one that runs."""
        return self.previous is None or self.plan.pending or not _same(self.release, self.previous)


@dataclass(frozen=True)
class Deployer:
    """Changes one application of a cluster, with its manager's tunnel open."""

    hosts: Hosts
    manager: Manager
    name: str

    def deploy(self, request: Request = Request()) -> Outcome:
        """Build, push and roll out what the application's folder holds, unless it runs already."""
        with self.locked("deploy") as (lock, entries):
            release, built = self._candidate(request, entries)
            before = current(entries)
            plan = self._plan(release, entries)
            if before is not None and not plan.pending and _same(release, before.release):
                keep_signed_in(self.hosts.cluster, self.manager, self.name)
                return Outcome(before.release, plan, None, built)
            if gone := plan.of("remove"):
                request.removing(gone)
            return replace(self._roll_out(release, plan, lock, before, request), built=built)

    def plan(self, request: Request = Request()) -> tuple[Release, Plan]:
        """What a deploy would do now. Builds and pushes, and changes nothing that runs."""
        entries = self.store.all()
        release, _ = self._candidate(request, entries)
        return release, self._plan(release, entries)

    def foresee(self, coming: Collection[str] = ()) -> Foreseen:
        """What a deploy would do now. Changes nothing, and builds nothing.

        coming  secrets that the Swarm would hold by then

        Raises AppError while a release is being rolled out.
        """
        entries = self.store.all()
        at_work, cut_short = unfinished(entries), self.cut_short()
        if at_work is not None and cut_short is None:
            raise AppError(
                f"release {at_work.number} of {self.name} is being rolled out right now",
                fix="wait for its end, then run the command again",
            )
        cluster, stack = self.hosts.cluster, self._stack
        environment = given(cluster.spec, self.name)
        images = Images(cluster, self.hosts, self.manager, self.name, looks=True)
        with cluster.progress.phase(f"{self.name}: look") as phase:
            made, unbuilt = images.known(stack)
            pinned = images.pinned(stack, made, environment, unbuilt)
            named = {
                **_names(contents(stack, self.name, environment)),
                **external(stack, self.name, environment, self.manager.client, coming),
            }
            origin = self._origin("plan", None)
            release = self._release(stack, pinned, named, next_number(entries), origin)
            plan = self._plan(release, entries)
            phase.result = f"{len(plan.changed)} services would change"
        before = current(entries)
        return Foreseen(
            release,
            before.release if before else None,
            plan,
            unbuilt,
            cut_short,
            self.manager.snapshot(),
        )

    def rollback(self, number: int | None, request: Request = Request()) -> Outcome:
        """Deploy an old release again, whole, as a new one."""
        with self.locked(f"rollback to {number or 'the one before'}") as (lock, entries):
            target, before = chosen(entries, number, self.name), current(entries)
            origin = self._origin(f"rollback to {target.number}", target.release.origin.commit)
            # Its tasks, a migration such as, were for the way there, not for the way back.
            # What a rotation has revoked since would let nothing in.
            passed = successors(self.manager.client, self.name, target.release.secrets)
            release = replace(
                _with_secrets(target.release, passed),
                number=next_number(entries),
                origin=origin,
                pre_deploy=None,
                post_deploy=None,
            )
            plan = self._plan(release, entries)
            return self._roll_out(release, plan, lock, before, request)

    def again(self, names: Mapping[str, str], cause: str) -> Outcome | None:
        """Deploy the release that runs once more, with other secrets of the Swarm in the place of
        some; None where there is none, or it has none of them."""
        with self.locked(cause) as (lock, entries):
            before = current(entries)
            if before is None or not set(names) & set(before.release.secrets):
                return None
            release = replace(
                _with_secrets(before.release, names),
                number=next_number(entries),
                origin=self._origin(cause, before.release.origin.commit),
                pre_deploy=None,
                post_deploy=None,
            )
            return self._roll_out(release, self._plan(release, entries), lock, before, Request())

    def decide(self, wish: Literal["promote", "abort"]) -> Outcome | Entry:
        """Promote or abort the canary that is watched: its watcher does, and is waited for. Where
        the watcher is gone, the canary is taken away, and to promote it is to deploy it again.

        Gives what this did, or the release with what its watcher made of it. Raises AppError if
        there is no canary.
        """
        entry = unfinished(self.store.all())
        if entry is None or entry.phase not in {CANARY, PROMOTE, ABORT}:
            raise AppError(
                f"{self.name} has no canary",
                why="none is being watched",
                fix=f"start one: beeyard deploy {self.name} --canary 10%",
            )
        self.store.set_phase(entry.number, wish)
        with self._phase(wish) as say:
            if holder(self.manager.client, self.name, self.hosts.cluster.clock, say):
                return self._await_verdict(entry.number)
        ended = next((e for e in self.store.all() if e.number == entry.number and e.verdict), None)
        if ended is not None:
            return ended
        with self.locked(wish) as (lock, entries):
            before = current(entries)
            if wish == "abort" or before is None:
                return entries[-1]
            origin = self._origin(f"promotion of {entry.number}", entry.release.origin.commit)
            release = replace(entry.release, number=next_number(entries), origin=origin)
            plan = self._plan(release, entries)
            return self._roll_out(release, plan, lock, before, Request())

    def _await_verdict(self, number: int) -> Entry:
        def found() -> Entry | None:
            entries = self.store.all()
            return next((e for e in entries if e.number == number and e.verdict), None)

        deadline = self._application.rollout.deadline + _UNDOING
        try:
            wait_until(
                lambda: found() is not None, clock=self.hosts.cluster.clock, deadline=deadline
            )
        except Timeout:
            raise AppError(
                f"release {number} of {self.name} has come to no end in {deadline:g} s",
                fix=f"see `beeyard releases {self.name}`, and the terminal where it is deployed",
            ) from None
        entry = found()
        if entry is None:
            raise AppError(f"release {number} of {self.name} is gone")
        return entry

    def cut_short(self) -> str | None:
        """What is to be known of a rollout that was cut short; None where there is none, or where
        it may still go on."""
        entry = unfinished(self.store.all())
        if entry is None or not is_free(self.manager.client, self.name):
            return None
        return (
            f"the rollout of release {entry.number} of {self.name} was cut short ({entry.phase}); "
            "the next deploy, rollback or scale finishes or undoes it"
        )

    @property
    def store(self) -> Releases:
        return Releases(self.manager.client, self.name)

    @property
    def site(self) -> Site:
        return site_of(self.hosts, self.manager, self.name)

    @contextmanager
    def locked(self, doing: str) -> Iterator[tuple[Lock, list[Entry]]]:
        """Alone with the application, whatever was cut short before finished or undone.

        Gives the lock and the releases.
        """
        with ExitStack() as held:
            with self._phase("lock") as say:
                clock = self.hosts.cluster.clock
                lock = Lock(self.manager.client, self.name, doing, clock, say)
                held.enter_context(lock)
            sweep(self.site, self.name)
            entries = self.store.all()
            if any(entry.verdict is None for entry in entries):
                with self._phase("an earlier rollout") as say:
                    recover(self.site, self.store, entries, say)
                entries = self.store.all()
            yield lock, entries

    @property
    def _application(self) -> Application:
        return self.hosts.cluster.spec.applications[self.name]

    @property
    def _stack(self) -> Stack:
        return load_stack(self._application.stack_file(self.hosts.cluster.base))

    def _candidate(self, request: Request, entries: Sequence[Entry]) -> tuple[Release, int]:
        """The release that the application's folder makes now, and how many images were built."""
        cluster, stack = self.hosts.cluster, self._stack
        environment = given(cluster.spec, self.name)
        images = Images(cluster, self.hosts, self.manager, self.name)
        with cluster.progress.phase(f"{self.name}: build") as phase:
            asked_for = _images_asked_for(stack, request.image)
            made, built = images.build(phase, stack, request.where, besides=asked_for)
            pinned = images.pinned(stack, {**made, **asked_for}, environment)
            own = contents(stack, self.name, environment)
            named = {
                **_names(own),
                **external(stack, self.name, environment, self.manager.client),
            }
            ensure(self.manager.client, self.name, own)
            commit = request.commit or self._commit()
            origin = self._origin(request.cause, commit, request.author)
            release = self._release(stack, pinned, named, next_number(entries), origin)
            for adaptation in release.adaptations:
                phase.say(adaptation)
            phase.result = f"{built} built, {len(pinned)} images by digest"
        return release, built

    def _release(
        self,
        stack: Stack,
        images: Mapping[str, str],
        named: Mapping[tuple[str, str], str],
        number: int,
        origin: Origin,
    ) -> Release:
        """The release of a stack file, with images by service, and secrets and configs by name."""
        cluster, environment = self.hosts.cluster, given(self.hosts.cluster.spec, self.name)
        snapshot = self.manager.snapshot()
        rendered = render(
            stack,
            environment=environment,
            image_for=images,
            named=named,
            capabilities=snapshot.capabilities,
            single_writers=single_writers(cluster.spec, cluster.base, self.name),
            full=without_place(stack, self.name, environment, snapshot),
        )
        secrets, configs = (
            tuple(sorted(name for (kind, _), name in named.items() if kind == section))
            for section in SECTIONS
        )
        settings = self._application.rollout
        return Release(
            application=self.name,
            number=number,
            bundle=rendered.bundle,
            images=images,
            secrets=secrets,
            configs=configs,
            origin=origin,
            adaptations=rendered.adaptations,
            pre_deploy=_hook(settings.pre_deploy),
            post_deploy=_hook(settings.post_deploy),
        )

    def _plan(self, release: Release, entries: Sequence[Entry]) -> Plan:
        before = current(entries)
        definitions = before.verdict.definitions if before and before.verdict else {}
        snapshot = self.manager.snapshot()
        require_calm(snapshot, self.name)
        previous = before.release if before else None
        plan = planned(release, previous, snapshot, definitions, left_behind(entries))
        require_no_pause(snapshot, self.name, [change.service for change in plan.changed])
        return plan

    def _roll_out(
        self, release: Release, plan: Plan, lock: Lock, before: Entry | None, request: Request
    ) -> Outcome:
        settings = self._application.rollout
        limit = settings.max_failed if request.max_failed is None else request.max_failed
        terms = Terms(settings.deadline, settings.settle, max_failed=limit)
        addresses = self._addresses(release)
        entrance = self._entrance(addresses, before.release) if before else None
        self._say_what_is_not_probed(entrance, limit)
        trial = self._trial(request, entrance)
        with entrance.prober() if entrance else nullcontext() as prober:
            rollout = Rollout(
                site=self.site,
                store=self.store,
                lock=lock,
                stage=self._phase,
                release=release,
                previous=before.release if before else None,
                plan=plan,
                terms=terms,
                prober=prober,
                trial=trial,
                calm=lambda snapshot: require_calm(snapshot, self.name),
            )
            verdict = rollout.run()
        self._ask_new(addresses, entrance)
        with self._phase("collect") as say:
            collect(self.site, self.store, settings.keep, say)
        return Outcome(release, plan, verdict)

    def _trial(self, request: Request, entrance: Entrance | None) -> Trial | None:
        if request.canary is None:
            return None
        if entrance is None:
            raise AppError(
                f"{self.name} can't have a canary now",
                why="there is no release that serves, or none of its addresses answers",
                fix="deploy without --canary",
            )
        return Trial(request.canary, request.watched, entrance)

    def _entrance(self, new: Sequence[AppUrl], old: Release) -> Entrance | None:
        """Where both releases are asked: the addresses that they share and that answer now."""
        ingress = self.hosts.outputs.ingress
        kept = {url.url for url in new}
        urls = [url for url in self._addresses(old) if url.url in kept]
        ca = ingress.acme.root_certificate
        for address in ingress.addresses:
            answering = [
                url
                for url in urls
                if probe(url.url, address, https_port=ingress.https_port, ca_pem=ca).ok
            ]
            if answering:
                return Entrance(answering, address, ca)
        return None

    def _addresses(self, release: Release) -> list[AppUrl]:
        """A release's addresses; none, and it is said, where its rules can't be read. What it says
        can't be mended any more, and must not keep another from taking its place."""
        try:
            return release_urls(release, self.hosts.outputs.ingress.https_port)
        except AppError as error:
            with self._phase(f"addresses of release {release.number}") as say:
                say(f"warning: not known, so not asked: {error.what}")
            return []

    def _say_what_is_not_probed(self, entrance: Entrance | None, limit: int | None) -> None:
        if entrance is None and limit is not None:
            with self._phase("probe") as say:
                say("warning: no address answers now, so no failed request will undo the release")

    def _ask_new(self, addresses: Sequence[AppUrl], entrance: Entrance | None) -> None:
        """See whether the addresses answer that were not asked all the while: those of a first
        release, and those that did not answer before. If not, that is said: what runs is what was
        asked for, and a certificate may take its time."""
        ingress = self.hosts.outputs.ingress
        asked = {url.url for url in entrance.urls} if entrance else set()
        new = [url for url in addresses if url.url not in asked]
        if not new:
            return
        with self._phase("addresses") as say:
            for url in new:
                try:
                    await_answer(
                        url.url,
                        ingress.addresses,
                        https_port=ingress.https_port,
                        ca_pem=ingress.acme.root_certificate,
                        deadline=_NEW_ADDRESS,
                        clock=self.hosts.cluster.clock,
                    )
                    say(f"{url.url} answers")
                except UnverifiedError as error:
                    say(f"warning: {error.what}: {error.why}")

    def _origin(self, cause: str, commit: str | None, author: str | None = None) -> Origin:
        return Origin(author or f"{user()}@{platform.node()}", datetime.now(UTC), commit, cause)

    def _commit(self) -> str | None:
        """The commit that the application's folder is at, with `+` if it holds changes; None where
        it is in no git repository."""
        folder = self._application.folder(self.hosts.cluster.base)

        def git(*words: str) -> str | None:
            command = Command(["git", "-C", str(folder), *words], timeout=30)
            try:
                return self.hosts.cluster.runner.run(command).stdout.strip()
            except (CommandFailed, ToolError):
                # Also where git is not installed: it tells where a release is from, no more.
                return None

        commit = git("rev-parse", "HEAD")
        return f"{commit}+" if commit and git("status", "--porcelain", "--", ".") else commit

    @contextmanager
    def _phase(self, name: str) -> Iterator[Say]:
        """A part of the work, shown as a phase; the last that is said of it is its result."""
        with self.hosts.cluster.progress.phase(f"{self.name}: {name}") as phase:
            yield phase.say


def _with_secrets(release: Release, names: Mapping[str, str]) -> Release:
    if not names:
        return release
    return replace(
        release,
        bundle=secrets_renamed(release.bundle, names),
        secrets=tuple(sorted(names.get(name, name) for name in release.secrets)),
    )


def _names(own: Iterable[Content]) -> dict[tuple[str, str], str]:
    return {(one.section, one.key): one.name for one in own}


def _same(new: Release, old: Release) -> bool:
    return (new.bundle, dict(new.images), new.pre_deploy, new.post_deploy) == (
        old.bundle,
        dict(old.images),
        old.pre_deploy,
        old.post_deploy,
    )


def _images_asked_for(stack: Stack, image: str | None) -> dict[str, str]:
    """The images that `--image` names, by service; none where it was not given.

    Raises AppError where it can't be told which service is meant.
    """
    if image is None:
        return {}
    service, equals, reference = image.partition("=")
    if equals:
        if service not in stack.services:
            raise AppError(
                f"`{image}` is the image of no service: there is no {service}",
                fix=f"name one of: {', '.join(stack.services)}",
            )
        return {service: reference}
    meant = list(stack.builds) or list(stack.services)
    if len(meant) == 1:
        return {meant[0]: image}
    raise AppError(
        f"`{image}` could be the image of several services: {', '.join(meant)}",
        fix=f"say of which: --image {meant[0]}={image}",
    )


def _hook(task: Task | None) -> Hook | None:
    return Hook(task.service, tuple(task.command), float(task.timeout)) if task else None
