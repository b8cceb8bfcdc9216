"""Forges: their deliveries become runs, and they are told what becomes of them."""

import asyncio
from dataclasses import dataclass

from beeyard.audit.entry import Entry, Who
from beeyard.config import ClusterSpec
from beeyard.controller.assigning import FORGE_TOKEN, WEBHOOK_SECRET
from beeyard.controller.audit import Audit
from beeyard.controller.forges.deliveries import Note
from beeyard.controller.forges.reporter import Reporter
from beeyard.controller.forges.settings import Settings
from beeyard.controller.forges.status import reports
from beeyard.controller.git import Repositories
from beeyard.controller.git.mirror import mirror
from beeyard.controller.known import taken
from beeyard.controller.runs import Run
from beeyard.controller.starts import Place, Starts
from beeyard.controller.vault import Vault
from beeyard.pipelines.event import Event


@dataclass(frozen=True)
class Hooked:
    """What deliveries need of the controller, and what it tells of runs."""

    spec: ClusterSpec
    vault: Vault
    repositories: Repositories
    starts: Starts
    place: Place
    audit: Audit

    def settings(self, application: str) -> Settings | None:
        """How an application and its forge know each other; None where they don't."""
        known = self.spec.applications.get(application)
        if known is None or known.forge is None:
            return None
        secrets = self.vault.secrets(application)
        if WEBHOOK_SECRET not in secrets:
            return None
        return Settings.of(known.forge, secrets[WEBHOOK_SECRET], secrets.get(FORGE_TOKEN))

    async def start(self, event: Event, note: Note) -> int | str:
        """The run of an event at a forge, or why there is none. Raises BeeyardError."""
        application = note.application
        settings = self.settings(application)
        repository = await self.repositories.create(application)
        if settings is not None:
            await mirror(repository, settings.clone_url, event.commit, settings.token)
        by = event.sender or (settings.kind if settings else "webhook")
        made = await self.starts.start(event, application, by, beside=taken(note))
        if isinstance(made, str):
            return made
        entry = Entry(
            Who(by, "forge", "api"),
            "run.begin",
            made.title,
            details={"event": event.kind, "ref": event.ref, "commit": event.commit},
        )
        await asyncio.to_thread(self.audit.append, entry)
        return made.number

    def tell(self, reporter: Reporter, run: Run) -> None:
        """Have the forge told how a run stands."""
        settings = self.settings(run.application)
        if settings is None or settings.token is None:
            return
        for report in reports(run, settings, self.place.link(f"runs/{run.number}")):
            reporter.report(report)
