"""The applications' part of the workflows: their secrets, their images, their stacks."""

import os

from beeyard.apps.contents import names_with_versions
from beeyard.config import Application, ClusterSpec, SecretSource
from beeyard.errors import ConfigError
from beeyard.inventory import DATABASE_PASSWORD, secret_variable
from beeyard.secret import Secret
from beeyard.swarm import Snapshot
from beeyard.workflows.cluster import Cluster


def missing_secrets(spec: ClusterSpec, snapshot: Snapshot | None) -> dict[str, Application]:
    """Secrets of applications that the Swarm does not hold yet, with the application each is of.

    One that somebody has set is held: nothing is made for it.
    """
    held = set(snapshot.secrets) | names_with_versions(snapshot.secrets) if snapshot else set()
    return {
        secret: application
        for application in spec.applications.values()
        for secret in application.secrets
        if secret not in held
    }


def hand_over(
    cluster: Cluster, snapshot: Snapshot | None, database: str | None
) -> dict[str, Secret]:
    """Gather what the missing secrets are made from.

    The database's administrator gets a new password whenever one is needed, and nobody keeps it.
    """
    handed: dict[str, Secret] = {}
    for name, application in missing_secrets(cluster.spec, snapshot).items():
        source = application.secrets[name]
        if source.kind == "database-url" and database and DATABASE_PASSWORD not in handed:
            password = Secret.generate()
            cluster.aws.set_database_password(database, password)
            handed[DATABASE_PASSWORD] = password
        elif source.kind in {"env", "file"}:
            handed[secret_variable(name)] = _value(name, source, cluster)
    return handed


def from_environment(variable: str, *, where: str) -> Secret:
    """What the operator's environment holds. Raises ConfigError if that is nothing."""
    value = os.environ.get(variable)
    if not value:
        raise ConfigError(
            f"the variable {variable} is empty", where=where, fix=f"export {variable}=…"
        )
    return Secret(value)


def _value(name: str, source: SecretSource, cluster: Cluster) -> Secret:
    """What the operator's environment or file holds. Raises ConfigError if there is nothing."""
    where = f"secret {name} ({source})"
    if source.kind == "env":
        return from_environment(source.name, where=where)
    path = source.path(cluster.base)
    if not path.is_file():
        raise ConfigError(f"there is no file {path}", where=where, fix="make it, or name another")
    try:
        return Secret(path.read_text().rstrip("\n"))
    except (OSError, UnicodeDecodeError) as error:
        # Not the error's own words: those of a decoder hold bytes of the secret.
        raise ConfigError(
            f"the file {path} can't be read as text", where=where, why=type(error).__name__
        ) from None
