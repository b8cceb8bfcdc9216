"""`secret`: an application's secrets set, listed and removed. Their values are never read."""

from dataclasses import dataclass
from datetime import datetime

from beeyard.apps import load_stack
from beeyard.apps.contents import (
    SecretVersion,
    external_names,
    remove,
    set_secret,
    versions,
)
from beeyard.config.check import given
from beeyard.errors import AppError
from beeyard.secret import Secret
from beeyard.workflows.deploy import Deployer


@dataclass(frozen=True)
class SecretSet:
    """A secret that was set. `wanted`: the stack file names it; `running`: services have this very
    version already, so that no deploy is needed."""

    name: str
    version: str
    wanted: bool
    running: bool


@dataclass(frozen=True)
class SecretRow:
    """A secret of an application.

    version    what the next deploy takes; None: the Swarm holds none
    set_at     when it was set, or made by `up`
    used_by    the services that have this version
    outdated   the services that still have an earlier one
    declared   where it is named: `beeyard.yml`, `stack file`
    """

    name: str
    version: str | None
    set_at: datetime | None
    used_by: tuple[str, ...]
    outdated: tuple[str, ...]
    declared: tuple[str, ...]

    @property
    def state(self) -> str:
        """In a word or two."""
        if self.version is None:
            return "missing"
        if self.outdated or ("stack file" in self.declared and not self.used_by):
            return "next deploy"
        return "in use" if self.used_by else "not used"


def set_application_secret(deployer: Deployer, name: str, value: Secret) -> SecretSet:
    """Give a secret another value, for the releases from now on. Nothing that runs changes."""
    if not value.reveal():
        raise AppError(f"the value of {name} is empty", fix="give it one: the Swarm takes no other")
    client = deployer.manager.client
    version = set_secret(client, deployer.name, name, value)
    users = [one.used_by for one in versions(client, deployer.name) if one.version == version]
    return SecretSet(name, version, name in _in_stack_file(deployer), any(users))


def list_secrets(deployer: Deployer) -> tuple[SecretRow, ...]:
    """The secrets that the application has, or ought to have, by name."""
    declared = {
        "beeyard.yml": set(deployer.hosts.cluster.spec.applications[deployer.name].secrets),
        "stack file": _in_stack_file(deployer),
    }
    named = set().union(*declared.values())
    found: dict[str, list[SecretVersion]] = {name: [] for name in named}
    for one in versions(deployer.manager.client, deployer.name, named):
        found.setdefault(one.name, []).append(one)
    return tuple(
        _row(name, held, tuple(place for place, names in declared.items() if name in names))
        for name, held in sorted(found.items())
    )


def remove_secret(deployer: Deployer, name: str) -> tuple[str, ...]:
    """Remove all versions of a secret, and the one that `up` made. Gives what went.

    Raises AppError if there is none, or a service or a release that is kept uses one.
    """
    with deployer.locked(f"removal of the secret {name}") as (_, entries):
        client = deployer.manager.client
        held = [one for one in versions(client, deployer.name, (name,)) if one.name == name]
        if not held:
            raise AppError(
                f"the Swarm holds no secret {name} of {deployer.name}",
                fix=f"see `beeyard secret ls {deployer.name}`",
            )
        users = [f"service {user}: {one.version}" for one in held for user in one.used_by]
        users += [
            f"release {entry.number}: {one.version}"
            for entry in entries
            for one in held
            if one.version in entry.release.secrets
        ]
        if users:
            raise AppError(
                f"the secret {name} is in use",
                why="\n".join(users),
                fix="take it out of the stack file and deploy; it can be removed when no release "
                "that is kept has it (`rollout.keep` in beeyard.yml)",
            )
        return tuple(remove(client, "secrets", [one.version for one in held]))


def _row(name: str, held: list[SecretVersion], declared: tuple[str, ...]) -> SecretRow:
    if not held:
        return SecretRow(name, None, None, (), (), declared)
    *earlier, latest = held
    outdated = tuple(sorted({user for one in earlier for user in one.used_by}))
    return SecretRow(name, latest.version, latest.set_at, latest.used_by, outdated, declared)


def _in_stack_file(deployer: Deployer) -> set[str]:
    """The names of the secrets that the stack file calls external."""
    cluster = deployer.hosts.cluster
    stack = load_stack(cluster.spec.applications[deployer.name].stack_file(cluster.base))
    names = external_names(stack, given(cluster.spec, deployer.name))
    return {name for (section, _), name in names.items() if section == "secrets"}
