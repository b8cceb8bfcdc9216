"""What a runner is handed of a stage: its code, its variables, and the secrets that it may have."""

from collections.abc import Iterator
from dataclasses import dataclass

from beeyard.config import ClusterSpec
from beeyard.controller.assignment import Assignment
from beeyard.controller.planning import from_json
from beeyard.controller.runs import Run, Stage
from beeyard.controller.starts import Place
from beeyard.controller.vault import Vault
from beeyard.pipelines.environment import Build, System, substitutions
from beeyard.pipelines.parse import parse
from beeyard.pipelines.secrets import SecretPolicy, asked_for, granted
from beeyard.secret import Secret

#: The pipeline secrets by which an application and its forge know each other; no step gets them.
OF_FORGES = (WEBHOOK_SECRET, FORGE_TOKEN) = ("webhook_secret", "forge_token")
#: The user of the cluster's own registry (role `infra_stack`).
REGISTRY_USER = "beeyard"


@dataclass(frozen=True)
class Assigning:
    """Knows what stages need. `registry`: the password of the cluster's own registry, which
    pipelines get as `registry_password`, with `registry_username` and `registry`."""

    spec: ClusterSpec
    vault: Vault
    place: Place
    registry: Secret | None
    version: str

    def policies(self, application: str) -> Iterator[SecretPolicy]:
        """Who may have which secrets of an application."""
        for one in self.vault.listed(application):
            if one.name in OF_FORGES:
                continue
            yield SecretPolicy(one.name, pull_requests=one.allow_pull_request)
        for name in self._built_in():
            yield SecretPolicy(name)

    def assignment(self, run: Run, stage: Stage) -> Assignment:
        """What a runner gets. Raises VaultError for a secret that can't be decrypted."""
        event = from_json(run.event)
        build = self.build(run)
        pipelines = {one.name: one for one in parse(run.config, substitutions(event, build))}
        wanted = asked_for(pipelines[stage.name])
        allowed = granted(self.policies(run.application), event)
        is_pull = event.kind == "pull_request"
        held = self._built_in() | self.vault.secrets(
            run.application, pull_request=is_pull, fork=event.fork
        )
        return Assignment(
            run=run.number,
            application=run.application,
            stage=stage.name,
            attempt=stage.attempt,
            event=run.event,
            config=run.config,
            clone_url=f"https://{self.place.git}/{run.application}.git",
            clone_token=stage.attempt,
            secrets={
                name: value.reveal()
                for name, value in held.items()
                if name in wanted and name in allowed
            },
            registry=None if is_pull else self._sign_in(),
            registry_host=f"registry.{self.spec.domain}",
            facts={
                "number": build.number,
                "host": self.place.api,
                "created": build.created,
                "started": build.started,
                "parent": build.parent,
                "trigger": build.trigger,
                "version": self.version,
                "failed_stages": list(build.failed_stages),
                "stage_number": list(run.stages).index(stage.name) + 1,
            },
            trusted=self.spec.applications[run.application].trusted and not event.fork,
        )

    def build(self, run: Run) -> Build:
        """A run as its steps see it."""
        failed = tuple(
            stage.name for stage in run.stages.values() if stage.status in ("failure", "error")
        )
        return Build(
            number=run.number,
            system=System(self.place.api, version=self.version),
            created=int(run.created.timestamp()),
            started=int((run.started or run.created).timestamp()),
            parent=run.retry_of or 0,
            trigger=run.by or "@hook",
            status="failure" if failed else "success",
            failed_stages=failed,
        )

    def _sign_in(self) -> dict[str, str] | None:
        found = self._built_in()
        if not found:
            return None
        names = {
            "host": "registry",
            "username": "registry_username",
            "password": "registry_password",
        }
        return {key: found[name].reveal() for key, name in names.items()}

    def _built_in(self) -> dict[str, Secret]:
        if self.registry is None:
            return {}
        return {
            "registry": Secret(f"registry.{self.spec.domain}"),
            "registry_username": Secret(REGISTRY_USER),
            "registry_password": self.registry,
        }
