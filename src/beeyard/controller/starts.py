"""How runs begin: from a push, a webhook, a schedule, or somebody's wish."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from beeyard.controller.core import Core, now
from beeyard.controller.git import (
    NOTHING,
    GitError,
    Push,
    Repositories,
    Repository,
    commit,
    default_branch,
    file_at,
    resolve,
)
from beeyard.controller.git.names import BRANCHES, TAGS
from beeyard.controller.planning import Planned, as_json, from_json, planned
from beeyard.controller.records import Record, RunCreated
from beeyard.controller.runs import Run
from beeyard.errors import ConfigError, PipelineError, render
from beeyard.pipelines.environment import Build, System
from beeyard.pipelines.event import Author, Event, EventKind
from beeyard.pipelines.event import Repository as Source
from beeyard.pipelines.parse import FILE_NAME, decode
from beeyard.pipelines.secrets import SecretPolicy

#: The largest `.drone.yml` that is read (bytes).
MOST = 1024 * 1024
# How much is kept of what somebody wrote of a commit (characters).
_LONGEST, _LONGEST_TITLE = 20_000, 250


@dataclass(frozen=True)
class Place:
    """Where this is: the cluster's name, the hosts of API and git remote, and the port at which
    users reach them; within the cluster it is the usual one."""

    cluster: str
    api: str
    git: str
    users_port: int = 443

    def link(self, path: str) -> str:
        """A page for people."""
        return f"https://{self.api}{self._port}/{path}"

    def remote(self, application: str) -> str:
        """Where people push an application to."""
        return f"https://{self.git}{self._port}/{application}.git"

    @property
    def _port(self) -> str:
        return "" if self.users_port == 443 else f":{self.users_port}"


@dataclass(frozen=True)
class Starts:
    """Begins runs. `policies` gives what is known of an application's secrets."""

    core: Core
    repositories: Repositories
    place: Place
    policies: Callable[[str], Iterable[SecretPolicy]]
    version: str = ""

    async def start(
        self,
        event: Event,
        application: str,
        by: str,
        again: Run | None = None,
        beside: Record | None = None,
    ) -> Run | str:
        """Create the run of an event whose commit is in the application's repository; `beside` is
        written down with it.

        Gives why there is none, where no pipeline wants it. A file with mistakes makes a run that
        says so.
        """
        text, problem = await self._config(application, event)

        def made(number: int) -> RunCreated:
            plan = self._planned(application, event, text, problem, self._build(number, by, again))
            return RunCreated(
                at=now(),
                run=number,
                application=application,
                event=as_json(event),
                config="" if plan.problem else text,
                stages=() if plan.problem else plan.stages,
                problem=plan.problem,
                by=by,
                retry_of=again.number if again else None,
            )

        build = self._build(0, by, again)
        seen = await asyncio.to_thread(self._planned, application, event, text, problem, build)
        if not seen.problem and not seen.runs:
            return seen.why_not or f"{FILE_NAME} has no pipeline"
        return await self.core.create(made, *([beside] if beside else []))

    async def retry(self, run: Run, by: str) -> Run:
        """The same event again. Raises PipelineError where nothing of it would run now."""
        return self._run(await self.start(from_json(run.event), run.application, by, run))

    async def wish(
        self,
        application: str,
        branch: str,
        by: str,
        kind: EventKind = "custom",
        beside: Record | None = None,
        **more: object,
    ) -> Run:
        """A run for the head of a branch (empty: the usual one), because somebody wants it.

        Raises PipelineError, GitError.
        """
        repository = await self.repository(application)
        name = branch or await default_branch(repository)
        found = await resolve(repository, f"{BRANCHES}{name}")
        if found is None:
            raise PipelineError(f"{application} has no branch {name}")
        event = await self.event(repository, kind, f"{BRANCHES}{name}", found, sender=by)
        event = replace(event, **more)  # type: ignore[arg-type]
        return self._run(await self.start(event, application, by, beside=beside))

    async def pushed(self, push: Push, dealt_with: Record) -> Run | str:
        """The run of a push, with which it is written down that it was dealt with; or why there is
        none."""
        if push.deleted:
            return "it was deleted"
        if push.skip:
            return "you asked for none (-o ci.skip)"
        repository = await self.repository(push.application)
        kind: EventKind = "tag" if push.ref.startswith(TAGS) else "push"
        found = await resolve(repository, push.ref) if kind == "tag" else push.after
        if found is None:
            return "it leads to no commit"
        event = await self.event(repository, kind, push.ref, found, sender=push.pusher)
        before = "" if push.before == NOTHING else push.before
        event = replace(event, before=before, action="created" if push.created else "")
        return await self.start(event, push.application, push.pusher, beside=dealt_with)

    async def event(
        self, repository: Repository, kind: EventKind, ref: str, found: str, sender: str
    ) -> Event:
        """An event of the cluster's own remote. Raises GitError where there is no such commit."""
        facts = await commit(repository, found)
        usual = await default_branch(repository)
        return Event(
            kind=kind,
            repository=Source(
                namespace=self.place.cluster,
                name=repository.application,
                clone_url=f"https://{self.place.git}/{repository.application}.git",
                link=self.place.link(f"applications/{repository.application}"),
                default_branch=usual,
            ),
            ref=ref,
            commit=facts.id,
            branch=ref.removeprefix(BRANCHES) if ref.startswith(BRANCHES) else usual,
            message=facts.message[:_LONGEST],
            title=facts.title[:_LONGEST_TITLE],
            link=self.place.link(f"applications/{repository.application}"),
            author=Author(sender, facts.author.name, facts.author.email),
            sender=sender,
            at=facts.author.at,
        )

    async def repository(self, application: str) -> Repository:
        """Raises PipelineError where nothing was pushed yet."""
        found = await self.repositories.find(application)
        if found is None:
            raise PipelineError(
                f"nothing has been pushed to {application} yet",
                fix=f"git push {self.place.remote(application)} main",
            )
        return found

    async def _config(self, application: str, event: Event) -> tuple[str, str]:
        """The text of `.drone.yml`, and what is wrong with it."""
        repository = await self.repository(application)
        try:
            data = await file_at(repository, event.commit, FILE_NAME, MOST)
            if data is None:
                return "", f"there is no {FILE_NAME} in commit {event.commit[:12]}"
            return decode(data), ""
        except (GitError, ConfigError) as error:
            return "", render(error).removeprefix("error: ")

    def _planned(
        self, application: str, event: Event, text: str, problem: str, build: Build
    ) -> Planned:
        if problem:
            return Planned(problem=problem)
        return planned(event, text, build, self.policies(application))

    def _build(self, number: int, by: str, again: Run | None) -> Build:
        moment = int(now().timestamp())
        return Build(
            number=number,
            system=System(self.place.api, version=self.version),
            created=moment,
            started=moment,
            parent=again.number if again else 0,
            trigger=by or "@hook",
        )

    def _run(self, started: Run | str) -> Run:
        if isinstance(started, str):
            raise PipelineError("nothing runs for it", why=started)
        return started
