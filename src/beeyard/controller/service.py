"""The controller as it runs: its parts put together, and what goes on by itself."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI

import beeyard
from beeyard.audit.entry import Entry, Plain, Who
from beeyard.controller.accounts import Accounts
from beeyard.controller.api.app import Asgi, make_app, with_git
from beeyard.controller.api.runs import Wanted
from beeyard.controller.assigning import Assigning
from beeyard.controller.audit import Audit, AuditFailed
from beeyard.controller.audit_inbox import Inbox
from beeyard.controller.core import Core, now
from beeyard.controller.crons import CronLooked, Crons
from beeyard.controller.deploying import Deploying
from beeyard.controller.deploys import Deploys
from beeyard.controller.doors import Doors, GitDoor
from beeyard.controller.epochs import Lease, LeaseLost
from beeyard.controller.following import lines_of
from beeyard.controller.forges.ancestry import RepositoryAncestry
from beeyard.controller.forges.reporter import Reporter
from beeyard.controller.forges.routes import hooks_router
from beeyard.controller.git import GitRemote, Push, Repositories, maintain, missed
from beeyard.controller.git.run import check_git
from beeyard.controller.hooked import Hooked
from beeyard.controller.inside import Inside
from beeyard.controller.journal import Journal, JournalBroken
from beeyard.controller.keeping import Keeping
from beeyard.controller.known import Deliveries, Refs, moved
from beeyard.controller.logs import Logs
from beeyard.controller.passwords import Passwords, PasswordThreads
from beeyard.controller.records import Record
from beeyard.controller.runs import Run, Runs
from beeyard.controller.sessions import Sessions
from beeyard.controller.starts import Place, Starts
from beeyard.controller.state import State, kinds
from beeyard.controller.throttle import Throttle
from beeyard.controller.vault import Vault, read_keys
from beeyard.errors import BeeyardError
from beeyard.secret import Secret
from beeyard.waiting import SystemClock

_log = logging.getLogger(__name__)
#: Seconds between two looks at what goes on by itself.
_TICK = 5.0
#: And between two times that repositories are repacked.
_UPKEEP = 6 * 3600.0
_FIRST_UPKEEP = 300.0
#: And between two looks at the sign-ins that services keep.
_KEEP = 300.0
#: After these, this copy writes no more.
_LAST = (LeaseLost, JournalBroken, AuditFailed)


@dataclass(frozen=True)
class Given:
    """What the controller is given to run with. `registry`: the password of the cluster's own."""

    inside: Inside
    data: Path
    admin_token: Secret
    runner_token: Secret
    vault_key: Path
    registry: Secret | None = None


class Service:
    """One active copy. `lease` is held already; what is written goes into its epoch."""

    def __init__(self, given: Given, lease: Lease) -> None:
        clock = SystemClock()
        spec = given.inside.spec
        accounts = Accounts(Passwords(), given.admin_token)
        self.state = State(
            Runs(), accounts, Vault(read_keys(given.vault_key)), Refs(), Deliveries(), Crons()
        )
        self.journal: Journal[Record] = Journal.open(lease, kinds(), self.state.apply)
        self.state.begin(self.journal)
        self.audit = Audit.open(given.data / "audit", lease)
        lease.at_each_beat(self.journal.look, self.audit.look)
        self.inbox = Inbox(given.data / "audit", self.audit)
        self.logs = Logs(given.data / "logs", days=spec.pipelines.log_days)
        self.core = Core(self.state.runs, self.journal, take_in=self.state.apply)
        self.repositories = Repositories(given.data / "repos")
        self.place = Place(
            spec.name, f"ci.{spec.domain}", f"git.{spec.domain}", given.inside.users_port
        )
        self.assigning = Assigning(
            spec,
            self.state.vault,
            self.place,
            given.registry,
            beeyard.__version__,
            given.inside.auth,
        )
        self.keeping = Keeping(given.inside, clock)
        self.starts = Starts(
            self.core,
            self.repositories,
            self.place,
            self.assigning.policies,
            beeyard.__version__,
        )
        self.deploying = Deploying(
            self.core, Deploys(given.inside), self.starts, self.logs, self.audit
        )
        throttle = Throttle(clock)
        sessions = Sessions(accounts, throttle, clock)
        self.password_threads = PasswordThreads()
        self.doors = Doors(
            accounts, sessions, throttle, self._application_of, self.password_threads
        )
        self.applications = tuple(sorted(spec.applications))
        self.remote = GitRemote(
            self.repositories, GitDoor(self.doors), self.applications.__contains__, self._on_push
        )
        self.spec = spec
        self.hooked = Hooked(
            spec, self.state.vault, self.repositories, self.starts, self.place, self.audit
        )
        self.api = self._api(given, sessions)

    @property
    def app(self) -> Asgi:
        """What answers requests."""
        return with_git(self.api, self.remote)

    def _api(self, given: Given, sessions: Sessions) -> FastAPI:
        app = make_app()
        app.state.core = self.core
        app.state.logs = self.logs
        app.state.audit = self.audit
        app.state.vault = self.state.vault
        app.state.accounts = self.state.accounts
        app.state.sessions = sessions
        app.state.password_threads = self.password_threads
        app.state.doorman = self.doors
        app.state.runner_token = given.runner_token
        app.state.applications = self.applications
        app.state.assign = self.assigning.assignment
        app.state.begin_deploy = self.deploying.begin
        app.state.begin = self._wish
        app.state.again = self.starts.retry
        app.include_router(
            hooks_router(
                self.hooked.settings,
                self.hooked,
                self.state.deliveries,
                RepositoryAncestry(self.repositories),
            )
        )
        return app

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take up what another copy left, and do what is due, until the end."""
        reporter = Reporter(self.hooked.settings, say=_log.warning)
        self.core.tell = lambda run: self.hooked.tell(reporter, run)
        self.core.expect(asyncio.get_running_loop().time())
        self.deploying.resume()
        await check_git()
        await self._catch_up()
        ticking = asyncio.create_task(self._tick())
        keeping = [asyncio.create_task(self._upkeep()), asyncio.create_task(self._keep())]
        for run in self.core.runs.open():
            # What another copy had not told of yet.
            self.core.tell_of(run)
        try:
            async with reporter:
                yield
        finally:
            self.remote.leave()
            self.password_threads.close()
            for task in (ticking, *keeping):
                task.cancel()
            await asyncio.wait([ticking, *keeping])
            await self.deploying.wait()
            self.journal.close()
            self.audit.close()

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self._schedule(now())
                for name in await self.core.lose(loop.time()):
                    _log.warning("the runner on %s does not answer any more", name)
                await self._take_entries()
                if self.journal.due:
                    await self._compact()
            except _LAST as error:
                # The lease is lost or given up: its keeper ends the process.
                _log.error("%s: %s", error.what, error.why)
                return
            except Exception:  # noqa: BLE001 (the rest must go on)
                _log.exception("what goes on by itself failed, and is tried again")
            await asyncio.sleep(_TICK)

    async def _take_entries(self) -> None:
        try:
            await asyncio.to_thread(self.inbox.take)
        except OSError as error:
            _log.warning("the inbox of the audit log: %s; it is tried again", error)

    async def _schedule(self, until: datetime) -> None:
        crons = self.state.crons
        for name, application in self.spec.applications.items():
            for looked in await asyncio.to_thread(crons.due, name, application.crons, until):
                await self._begin_due(looked)

    async def _begin_due(self, looked: CronLooked) -> None:
        name, cron = looked.application, looked.name
        try:
            run = await self.starts.wish(name, "", "cron", "cron", beside=looked, cron=cron)
        except _LAST:
            raise
        except Exception as error:  # noqa: BLE001 (the others must have theirs)
            await asyncio.to_thread(self.state.crons.looked, looked)
            if isinstance(error, BeeyardError):
                _log.warning("schedule %s of %s: %s: %s", cron, name, error.what, error.why)
            else:
                _log.exception("schedule %s of %s", cron, name)
            return
        await self._note(Who(f"schedule {cron}", "cron", "controller"), "run.begin", run.title)

    async def _compact(self) -> None:
        async with self.core.still():
            await asyncio.to_thread(self._compact_now)

    def _compact_now(self) -> None:
        """Runs stand still already. Here, not on the event loop, since it syncs many times."""
        with contextlib.ExitStack() as held:
            for part in self.state.parts:
                held.enter_context(part.still())
            self.journal.compact(self.state.records())

    async def _catch_up(self) -> None:
        """Deal with pushes that nobody was told of, since a copy ended in the midst of them."""
        for repository in await self.repositories.all():
            try:
                pushes = await missed(repository, self.state.refs.of(repository.application))
            except BeeyardError as error:
                _log.error("%s: %s: %s", repository.application, error.what, error.why)
                continue
            for push in pushes:
                await self._deal_with(push)

    async def _on_push(self, pushes: Sequence[Push]) -> AsyncGenerator[str, None]:
        # All of them first: from the first line on, nobody may be there any more.
        dealt = [(push, await self._deal_with(push)) for push in pushes]
        for push, made in dealt:
            if isinstance(made, str):
                yield f"{push.ref}: nothing runs: {made}"
        for _, made in dealt:
            if isinstance(made, Run):
                link = self.place.link(f"runs/{made.number}")
                async for line in lines_of(self.core, self.logs, made, link):
                    yield line

    async def _deal_with(self, push: Push) -> Run | str:
        """The run of a push, or why there is none. One that can't be dealt with says so, and holds
        up no other."""
        await self._note(
            Who(push.pusher, "operator", "api"),
            "git.push",
            f"{push.application} {push.ref}",
            before=push.before,
            after=push.after,
            forced=push.forced,
        )
        try:
            made = await self.starts.pushed(push, moved(push))
        except BeeyardError as error:
            _log.error("%s %s: %s: %s", push.application, push.ref, error.what, error.why)
            return error.brief
        except Exception as error:  # noqa: BLE001 (the pusher hears of it, and the log)
            _log.exception("%s %s", push.application, push.ref)
            return f"the controller itself failed: {type(error).__name__}: {error}"
        if isinstance(made, str):
            await asyncio.to_thread(self.state.refs.dealt_with, push)
        return made

    async def _note(self, who: Who, what: str, on: str, **details: Plain) -> None:
        await asyncio.to_thread(self.audit.append, Entry(who, what, on, details=details))

    async def _upkeep(self) -> None:
        """Repack repositories, now and then, one after another; and remove logs that are old."""
        await asyncio.sleep(_FIRST_UPKEEP)
        while True:
            try:
                for repository in await self.repositories.all():
                    await maintain(repository)
                await asyncio.to_thread(self.logs.sweep, self.core.runs, now())
            except Exception:  # noqa: BLE001 (the next time may be better)
                _log.exception("repositories or logs could not all be kept in order")
            await asyncio.sleep(_UPKEEP)

    async def _keep(self) -> None:
        """See that services have a sign-in to the registry that is good."""
        while True:
            try:
                await asyncio.to_thread(self.keeping.look)
            except Exception:  # noqa: BLE001 (the next time may be better)
                _log.exception("sign-ins that services keep could not be looked after")
            await asyncio.sleep(_KEEP)

    async def _wish(self, wanted: Wanted, by: str) -> Run:
        return await self.starts.wish(
            wanted.application,
            wanted.branch,
            by,
            wanted.event,
            target=wanted.target,
            parameters=dict(wanted.parameters),
        )

    def _application_of(self, attempt: str) -> str | None:
        found = self.core.find(attempt)
        return found[0].application if found else None
