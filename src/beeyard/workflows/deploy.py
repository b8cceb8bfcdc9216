"""`deploy` and `rollback`: from a team's folder, or an old release, to a new one that runs."""

import getpass
import platform
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from beeyard.apps import (
    Entry,
    Hook,
    Lock,
    Origin,
    Plan,
    Prober,
    Release,
    Releases,
    Rollout,
    Say,
    Site,
    Stack,
    Terms,
    Verdict,
    chosen,
    current,
    load_stack,
    next_number,
    planned,
    probe,
    recover,
    render,
)
from beeyard.apps.collect import collect
from beeyard.apps.contents import SECTIONS, contents, ensure, external
from beeyard.config import Application
from beeyard.config.sections import Task
from beeyard.errors import AppError
from beeyard.process import Command
from beeyard.swarm import Manager
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.images import Images, Where
from beeyard.workflows.site import site_of, urls_of_application, variables


@dataclass(frozen=True)
class Request:
    """What is asked of a deploy.

    image       instead of what would be built: for the one service that is built, or `SERVICE=REF`
    max_failed  instead of what beeyard.yml says
    """

    where: Where = "manager"
    image: str | None = None
    max_failed: int | None = None
    probing: bool = True


@dataclass(frozen=True)
class Outcome:
    """What became of it. `release` is the one that runs; `verdict` None: it did already."""

    release: Release
    plan: Plan
    verdict: Verdict | None
    built: int = 0


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
            plan = self._plan(release, before)
            if before is not None and not plan.pending and _same(release, before.release):
                return Outcome(before.release, plan, None, built)
            return replace(self._roll_out(release, plan, lock, before, request), built=built)

    def plan(self, request: Request = Request()) -> tuple[Release, Plan]:
        """What a deploy would do now. Builds and pushes, and changes nothing that runs."""
        entries = self.store.all()
        release, _ = self._candidate(request, entries)
        return release, self._plan(release, current(entries))

    def rollback(self, number: int | None, request: Request = Request()) -> Outcome:
        """Deploy an old release again, whole, as a new one."""
        with self.locked(f"rollback to {number or 'the one before'}") as (lock, entries):
            target, before = chosen(entries, number, self.name), current(entries)
            origin = self._origin(f"rollback to {target.number}", target.release.origin.commit)
            release = replace(target.release, number=next_number(entries), origin=origin)
            plan = self._plan(release, before)
            return self._roll_out(release, plan, lock, before, request)

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
            entries = self.store.all()
            if any(entry.verdict is None for entry in entries):
                with self._phase("an earlier rollout") as say:
                    recover(self.site, self.store, entries, say)
                entries = self.store.all()
            yield lock, entries

    @property
    def _application(self) -> Application:
        return self.hosts.cluster.spec.applications[self.name]

    def _candidate(self, request: Request, entries: Sequence[Entry]) -> tuple[Release, int]:
        """The release that the application's folder makes now, and how many images were built."""
        cluster, application = self.hosts.cluster, self._application
        stack = load_stack(application.stack_file(cluster.base))
        environment = variables(cluster.spec, self.name)
        images = Images(cluster, self.hosts, self.manager, self.name)
        with cluster.progress.phase(f"{self.name}: build") as phase:
            made = _images_asked_for(stack, request.image)
            built = 0
            if made is None:
                made, built = images.build(phase, stack, request.where)
            pinned = images.pinned(stack, made, environment)
            own = contents(stack, self.name)
            named: dict[tuple[str, str], str] = {
                **{(one.section, one.key): one.name for one in own},
                **external(stack, self.name, environment, self.manager.client),
            }
            ensure(self.manager.client, self.name, own)
            rendered = render(
                stack,
                environment=environment,
                image_for=pinned,
                named=named,
                capabilities=self.manager.snapshot().capabilities,
            )
            for adaptation in rendered.adaptations:
                phase.say(adaptation)
            phase.result = f"{built} built, {len(pinned)} images by digest"
        secrets, configs = (
            tuple(sorted(name for (kind, _), name in named.items() if kind == section))
            for section in SECTIONS
        )
        settings = application.rollout
        release = Release(
            application=self.name,
            number=next_number(entries),
            bundle=rendered.bundle,
            images=pinned,
            secrets=secrets,
            configs=configs,
            origin=self._origin("deploy", self._commit()),
            adaptations=rendered.adaptations,
            pre_deploy=_hook(settings.pre_deploy),
            post_deploy=_hook(settings.post_deploy),
        )
        return release, built

    def _plan(self, release: Release, before: Entry | None) -> Plan:
        definitions = before.verdict.definitions if before and before.verdict else {}
        return planned(
            release, before.release if before else None, self.manager.snapshot(), definitions
        )

    def _roll_out(
        self, release: Release, plan: Plan, lock: Lock, before: Entry | None, request: Request
    ) -> Outcome:
        settings = self._application.rollout
        limit = settings.max_failed if request.max_failed is None else request.max_failed
        terms = Terms(settings.deadline, settings.settle, limit)
        with self._prober() if request.probing and before else nullcontext() as prober:
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
            )
            verdict = rollout.run()
        with self._phase("collect") as say:
            collect(self.site, self.store, settings.keep, say)
        return Outcome(release, plan, verdict)

    @contextmanager
    def _prober(self) -> Iterator[Prober | None]:
        """Probes the application's addresses, where they answer now."""
        cluster, ingress = self.hosts.cluster, self.hosts.outputs.ingress
        urls = urls_of_application(cluster.spec, cluster.base, self.name, ingress.https_port)
        ca = ingress.acme.root_certificate
        for address in ingress.addresses:
            answering = [
                url
                for url in urls
                if probe(url.url, address, https_port=ingress.https_port, ca_pem=ca).ok
            ]
            if answering:
                with Prober(answering, address, ca) as prober:
                    yield prober
                return
        yield None

    def _origin(self, cause: str, commit: str | None) -> Origin:
        author = f"{getpass.getuser()}@{platform.node()}"
        return Origin(author, datetime.now(UTC), commit, cause)

    def _commit(self) -> str | None:
        """The commit that the application's folder is at, with `+` if it holds changes; None where
        it is in no git repository."""
        folder = self._application.folder(self.hosts.cluster.base)

        def git(*words: str) -> str | None:
            command = Command(["git", "-C", str(folder), *words], timeout=30)
            said = self.hosts.cluster.runner.run(command, check=False)
            return said.stdout.strip() if said.code == 0 else None

        commit = git("rev-parse", "HEAD")
        return f"{commit}+" if commit and git("status", "--porcelain", "--", ".") else commit

    @contextmanager
    def _phase(self, name: str) -> Iterator[Say]:
        """A part of the work, shown as a phase; the last that is said of it is its result."""
        with self.hosts.cluster.progress.phase(f"{self.name}: {name}") as phase:
            yield phase.say


def _same(new: Release, old: Release) -> bool:
    return (new.bundle, dict(new.images), new.pre_deploy, new.post_deploy) == (
        old.bundle,
        dict(old.images),
        old.pre_deploy,
        old.post_deploy,
    )


def _images_asked_for(stack: Stack, image: str | None) -> dict[str, str] | None:
    """The images that `--image` names, by service; None: it was not given.

    Raises AppError where it can't be told which service is meant.
    """
    if image is None:
        return None
    service, equals, reference = image.partition("=")
    if equals and service in stack.services:
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
