"""What a runner is handed: one stage of a run, with all that it takes to run it."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

#: What goes by the names of secrets for convenience, and is none: it may be shown.
PLAIN = ("registry", "registry_username")


class Assignment(BaseModel):
    """A stage for a runner. It travels over TLS to the one that holds the runners' token.

    event, config  of the run (`records.RunCreated`)
    attempt        the word by which controller and runner speak of it
    clone_url, clone_token  where its commit is fetched from, and as whom (for as long as it runs)
    secrets        by name, as far as its event may have them
    registry       host, username and password of the registry that images are pushed to, for
                   pulling them; None where the event may not have them
    registries     hosts, with a path where there is one, in which an application's images are
                   called after it
    facts          what its environment tells: numbers, hosts, times
    trusted        whether it may mount the node's paths and have privileged steps
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: int
    application: str
    stage: str
    attempt: str
    event: Mapping[str, Any]
    config: str
    clone_url: str
    clone_token: str
    secrets: Mapping[str, str] = {}
    registry: Mapping[str, str] | None = None
    registries: tuple[str, ...] = ()
    facts: Mapping[str, Any] = {}
    trusted: bool = False


class Poll(BaseModel):
    """What a runner says when it asks for work. `running`: the attempts that it is at."""

    model_config = ConfigDict(extra="forbid")

    runner: str
    free: int
    labels: Mapping[str, str] = {}
    running: tuple[str, ...] = ()
    #: Seconds for which it would wait for an answer.
    wait: float = 20.0


class Work(BaseModel):
    """The answer: perhaps a stage, and which of its attempts it should stop."""

    model_config = ConfigDict(frozen=True)

    stage: Assignment | None = None
    stop: tuple[str, ...] = ()
