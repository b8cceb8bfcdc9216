"""Releases where they are kept: in the Swarm itself, as Docker configs.

Raft replicates them, so they need no database and no backup of their own. `beeyard.<app>.<n>` holds
the release, `beeyard.<app>.<n>.verdict` what became of it; how far its rollout has come is a label,
for labels are all of a config that can be changed.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

from docker import DockerClient
from docker.errors import APIError

from beeyard.apps.contents import APPLICATION
from beeyard.apps.release import Release, Verdict
from beeyard.errors import AppError
from beeyard.swarm import in_words
from beeyard.swarm.objects import relabel

_NUMBER, _KIND, _PHASE = "beeyard.release", "beeyard.kind", "beeyard.phase"
_REPLICAS = "beeyard.replicas"
_CONFLICT = 409

#: Phases of a rollout up to which nothing that runs has been touched.
PREPARING, SWITCHING = "preparing", "switching"
#: While all of it is looked at; and once it was found good: cut short from here on, it is finished.
VERIFYING, VERIFIED = "verifying", "verified"
#: While a canary is watched; and what somebody wants to become of it, told to whoever watches.
CANARY, PROMOTE, ABORT = "canary", "promote", "abort"


@dataclass(frozen=True)
class Entry:
    """A release with what became of it. `verdict` None: its rollout goes on, or was cut short in
    `phase`. `replicas`: how many each service had before."""

    release: Release
    phase: str
    verdict: Verdict | None
    replicas: Mapping[str, int] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return self.release.number

    @property
    def succeeded(self) -> bool:
        return self.verdict is not None and self.verdict.word == "succeeded"


@dataclass(frozen=True)
class Releases:
    """An application's releases, in the Swarm that `client` is a manager of."""

    client: DockerClient
    application: str

    def all(self) -> list[Entry]:
        """Every release that is kept, oldest first. Raises SwarmError."""
        with in_words(f"the Swarm did not say which releases {self.application} has"):
            raws = self._api.configs(
                filters={"label": [f"{APPLICATION}={self.application}", _KIND]}
            )
        verdicts = {
            int(raw["Spec"]["Labels"][_NUMBER]): Verdict.from_json(_data(raw))
            for raw in raws
            if raw["Spec"]["Labels"][_KIND] == "verdict"
        }
        entries = [
            Entry(
                release,
                raw["Spec"]["Labels"][_PHASE],
                verdicts.get(release.number),
                json.loads(raw["Spec"]["Labels"].get(_REPLICAS, "{}")),
            )
            for raw in raws
            if raw["Spec"]["Labels"][_KIND] == "release"
            for release in [Release.from_json(_data(raw))]
        ]
        return sorted(entries, key=lambda entry: entry.number)

    def create(self, release: Release, replicas: Mapping[str, int] = MappingProxyType({})) -> None:
        """Keep a new release, with how many replicas each service has before it.

        Raises AppError if there is one of that number already.
        """
        more = {_PHASE: PREPARING, _REPLICAS: json.dumps(dict(replicas))}
        name = self._name(release.number)
        self._create(name, release.to_json(), "release", release.number, more)

    def set_phase(self, number: int, phase: str) -> None:
        """Say how far the rollout of a release has come."""
        with in_words(f"the phase of release {number} could not be written down"):
            raw = self._api.inspect_config(self._name(number))
            relabel(self._api, "configs", raw, {**raw["Spec"]["Labels"], _PHASE: phase})

    def phase(self, number: int) -> str:
        """How far the rollout of a release has come."""
        with in_words(f"the phase of release {number} could not be read"):
            return str(self._api.inspect_config(self._name(number))["Spec"]["Labels"][_PHASE])

    def conclude(self, number: int, verdict: Verdict) -> None:
        """Say what became of a release: once, for good."""
        self._create(f"{self._name(number)}.verdict", verdict.to_json(), "verdict", number)

    def forget(self, number: int) -> None:
        """Remove a release with what is known of it; not its secrets, configs and images."""
        for name in (f"{self._name(number)}.verdict", self._name(number)):
            with in_words(f"release {number} could not be removed"):
                try:
                    self._api.remove_config(name)
                except APIError as error:
                    if error.status_code != 404:
                        raise

    @property
    def _api(self) -> Any:
        return cast(Any, self.client.api)

    def _name(self, number: int) -> str:
        return f"beeyard.{self.application}.{number}"

    def _create(
        self,
        name: str,
        data: bytes,
        kind: str,
        number: int,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        labels = {APPLICATION: self.application, _KIND: kind, _NUMBER: str(number), **more}
        with in_words(f"{kind} {number} of {self.application} could not be kept"):
            try:
                self._api.create_config(name, data, labels)
            except APIError as error:
                if error.status_code != _CONFLICT:
                    raise
                raise AppError(
                    f"there is a {kind} {number} of {self.application} already",
                    why="another deploy made it meanwhile",
                    fix="see `beeyard releases`, then run the command again",
                ) from error


def applications(client: DockerClient) -> list[str]:
    """The applications of which releases are kept. Raises SwarmError."""
    with in_words("the Swarm did not say which releases it holds"):
        raws = cast(Any, client.api).configs(filters={"label": [f"{_KIND}=release"]})
    return sorted({raw["Spec"]["Labels"][APPLICATION] for raw in raws})


def current(entries: Sequence[Entry]) -> Entry | None:
    """The release that runs: the last that succeeded."""
    return next((entry for entry in reversed(entries) if entry.succeeded), None)


def unfinished(entries: Sequence[Entry]) -> Entry | None:
    """The release whose rollout goes on, or was cut short."""
    return next((entry for entry in reversed(entries) if entry.verdict is None), None)


def left_behind(entries: Sequence[Entry]) -> set[str]:
    """The services of releases that failed after the one that runs: where that was not brought back
    whole, or there was none, they may still be there."""
    now = current(entries)
    return {
        service
        for entry in entries
        if entry.verdict is not None and (now is None or entry.number > now.number)
        for service in entry.release.bundle.services
    }


def next_number(entries: Sequence[Entry]) -> int:
    return entries[-1].number + 1 if entries else 1


def chosen(entries: Sequence[Entry], number: int | None, application: str) -> Entry:
    """The release to go back to: `number`, or the last that succeeded before the one that runs.

    Raises AppError if there is none.
    """
    now = current(entries)
    if number is None:
        earlier = [e for e in entries if e.succeeded and now is not None and e.number < now.number]
        if not earlier:
            raise AppError(
                f"{application} has no earlier release that succeeded",
                fix=f"see `beeyard releases {application}`",
            )
        return earlier[-1]
    for entry in entries:
        if entry.number == number:
            return entry
    kept = ", ".join(str(entry.number) for entry in entries) or "none"
    raise AppError(
        f"{application} has no release {number}",
        why=f"kept are: {kept}",
        fix=f"see `beeyard releases {application}`",
    )


def _data(raw: Mapping[str, Any]) -> bytes:
    return base64.b64decode(raw["Spec"]["Data"])
