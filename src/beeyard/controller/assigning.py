"""What a runner is handed of a stage: its code, its variables, and the secrets that it may have."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from beeyard.apps import Credentials
from beeyard.apps.references import registry_of
from beeyard.apps.registry_auth import RegistryAuth
from beeyard.config import ClusterSpec
from beeyard.controller.assignment import Assignment
from beeyard.controller.planning import from_json
from beeyard.controller.runs import Run, Stage
from beeyard.controller.starts import Place
from beeyard.controller.vault import Vault
from beeyard.pipelines.environment import Build, System, substitutions
from beeyard.pipelines.model import Pipeline
from beeyard.pipelines.parse import parse
from beeyard.pipelines.secrets import SecretPolicy, asked_for, granted
from beeyard.secret import Secret
from beeyard.workflows.images import registry_place

#: The pipeline secrets by which an application and its forge know each other; no step gets them.
OF_FORGES = (WEBHOOK_SECRET, FORGE_TOKEN) = ("webhook_secret", "forge_token")
#: The user of the cluster's own registry (role `infra_stack`).
REGISTRY_USER = "beeyard"
#: The secrets that the registry's host, user and password go by.
_BUILT_IN = ("registry", "registry_username", "registry_password")


@dataclass(frozen=True)
class Assigning:
    """Knows what stages need.

    registry  the password of the cluster's own registry, which pipelines get as
              `registry_password`, with `registry_username` and `registry`
    auth      signs in to a registry outside whose sign-ins end, where images are pushed to one:
              then that is what goes by these names
    """

    spec: ClusterSpec
    vault: Vault
    place: Place
    registry: Secret | None
    version: str
    auth: RegistryAuth | None = None

    def policies(self, application: str) -> Iterator[SecretPolicy]:
        """Who may have which secrets of an application."""
        for one in self.vault.listed(application):
            if one.name in OF_FORGES:
                continue
            yield SecretPolicy(one.name, pull_requests=one.allow_pull_request)
        if self.registry is not None or self.auth is not None:
            yield from (SecretPolicy(name) for name in _BUILT_IN)

    def assignment(self, run: Run, stage: Stage) -> Assignment:
        """What a runner gets. Raises VaultError for a secret that can't be decrypted, and
        BeeyardError where it needs a sign-in to a registry that can't be made."""
        event = from_json(run.event)
        build = self.build(run)
        pipelines = {one.name: one for one in parse(run.config, substitutions(event, build))}
        wanted = asked_for(pipelines[stage.name])
        allowed = granted(self.policies(run.application), event)
        is_pull = event.kind == "pull_request"
        built_in = {} if is_pull else self._built_in(pipelines[stage.name], wanted)
        held = built_in | self.vault.secrets(run.application, pull_request=is_pull, fork=event.fork)
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
            registry=_sign_in(built_in),
            registries=self._registries(),
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

    def _registries(self) -> tuple[str, ...]:
        """Where an application's images are called after it: the cluster's own registry, and the
        place in another one that images are pushed to."""
        own, pushed = f"registry.{self.spec.domain}", registry_place(self.spec)
        return (own,) if own == pushed else (own, pushed)

    def _built_in(self, pipeline: Pipeline, wanted: Collection[str]) -> dict[str, Secret]:
        """The secrets that need not be set. One that ends is made for stages that need it only:
        others are to run where it can't be."""
        if self.auth is None:
            known = Credentials(REGISTRY_USER, self.registry) if self.registry else None
            host = f"registry.{self.spec.domain}"
        else:
            host = self.auth.host
            images = (step.image for step in (*pipeline.services, *pipeline.steps))
            is_needed = set(_BUILT_IN) & set(wanted) or host in map(registry_of, images)
            known = self.auth.credentials() if is_needed else None
        if known is None:
            return {}
        return dict(
            zip(_BUILT_IN, (Secret(host), Secret(known.username), known.password), strict=True)
        )


def _sign_in(built_in: Mapping[str, Secret]) -> dict[str, str] | None:
    """As a runner takes it, to pull images with."""
    if not built_in:
        return None
    keys = ("host", "username", "password")
    return {key: built_in[name].reveal() for key, name in zip(keys, _BUILT_IN, strict=True)}
