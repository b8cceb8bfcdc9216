"""`rotate database-password` and `rotate secret`: an application's secret gets another content.

What runs keeps the old one until the rolling update has given it the new one, so both are good
meanwhile. MariaDB knows no second password of a user: there are two users, which take turns.
Whatever is cut short goes on where it was when it is run again: the next content is kept on the
first manager until everything runs with it.
"""

from dataclasses import dataclass

from beeyard.apps import current
from beeyard.apps.contents import labels_of, revoke, version_of, versions
from beeyard.errors import AppError, Refused
from beeyard.inventory import DATABASE_PASSWORD
from beeyard.process import Command
from beeyard.provision import Options
from beeyard.secret import Secret
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.deploy import Deployer
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.rotating import back_up

#: The label of a secret that says as which user of the database it signs in.
USER = "beeyard.database_user"


@dataclass(frozen=True)
class Rotated:
    """What was made anew. `release`: the application's, that runs with it; None: none ran."""

    secret: str
    version: str
    release: int | None


def rotate_database_password(deployer: Deployer) -> tuple[Rotated, ...]:
    """Give the application another user and password for its database, then lock the old user.

    Raises Refused where it has no database, or a URL that beeyard did not make.
    """
    cluster, hosts = deployer.hosts.cluster, deployer.hosts
    names = _of_kind(deployer, "database-url")
    database = hosts.outputs.database
    if not names or database is None:
        raise Refused(
            f"{deployer.name} has no password for a database that beeyard made",
            why="none of its secrets in beeyard.yml is a `database-url`",
            fix="see `beeyard secret ls`; one of your own gets another value by `beeyard secret "
            "set`",
        )
    if len(names) > 1:
        raise Refused(
            f"{deployer.name} has several URLs of its database: {', '.join(names)}",
            why="they share a user, which can't take turns for each of them",
            fix="keep one of them in beeyard.yml",
        )
    user = _user(deployer, names[0])
    given = Secret.generate()
    with cluster.progress.phase("password of the database's administrator") as phase:
        cluster.aws.set_database_password(database.identifier, given)
        phase.result = "set anew"
    other = next(one for one in users_of(deployer.name) if one != user)
    return (_rotate(deployer, names[0], new_user=other, old_user=user, admin=given),)


def rotate_secret(deployer: Deployer, name: str) -> Rotated:
    """Give a secret that beeyard made at random another value. Raises Refused for any other."""
    if name not in _of_kind(deployer, "generate"):
        raise Refused(
            f"beeyard did not make {name} of {deployer.name}",
            why="below `secrets` in beeyard.yml it is not `generate`",
            fix=f"give it another value: beeyard secret set {deployer.name} {name}",
        )
    return _rotate(deployer, name)


def rotate_admin_password(cluster: Cluster, hosts: Hosts) -> None:
    """Give the administrator of the database server another password, which nobody keeps: whoever
    needs one sets one. Raises Refused where there is no database."""
    database = hosts.outputs.database
    if database is None:
        raise Refused("this cluster has no database server", fix="`database:` in beeyard.yml")
    with cluster.progress.phase("password of the database's administrator") as phase:
        cluster.aws.set_database_password(database.identifier, Secret.generate())
        phase.result = "set anew, and kept nowhere"


def users_of(application: str) -> tuple[str, str]:
    """The two users of an application's database. No application's name gives the second of
    another: it holds no `~`. MySQL's names have 32 characters at most."""
    name = application.replace("-", "_")
    return name, f"{name}~"


def _rotate(
    deployer: Deployer,
    name: str,
    *,
    new_user: str = "",
    old_user: str = "",
    admin: Secret | None = None,
) -> Rotated:
    client, before, outcome = deployer.manager.client, _in_use(deployer, name), None
    if before.endswith(f".{_kept_next(deployer, name)}"):
        # It was rolled out already, and cut short then: what is left is to retire the other user.
        version, old_user = before, new_user
    else:
        _play(deployer, name, user=new_user, ended=False, admin=admin)
        version = _latest(deployer, name)
        outcome = deployer.again({before: version}, f"rotation of {name}")
    if old_user:
        # What `recover` would bring back signs in as the other user from here on.
        back_up(deployer.hosts, f"{name}: the other user of the database")
    held = versions(client, deployer.name, (name,))
    replaced = [one.version for one in held if one.name == name and one.version != version]
    for one in replaced:
        _refuse_users(deployer, one)
    _play(deployer, name, user=old_user, ended=True, admin=admin)
    for one in replaced:
        revoke(client, one)
    return Rotated(name, version, outcome.release.number if outcome else None)


def _kept_next(deployer: Deployer, name: str) -> str:
    """The hash of the next content, as its version in the Swarm is named; `-`: there is none."""
    file = f"/etc/beeyard/secrets/{name}.next"
    argv = ["sh", "-c", 'if [ -e "$1" ]; then sha256sum "$1"; else echo -; fi', "sh", file]
    said = deployer.hosts.manager.run(Command(argv, timeout=30)).stdout
    return said.split()[0][:12]


def _latest(deployer: Deployer, name: str) -> str:
    held = versions(deployer.manager.client, deployer.name)
    return [one.version for one in held if one.name == name][-1]


def _play(deployer: Deployer, name: str, *, user: str, ended: bool, admin: Secret | None) -> None:
    cluster = deployer.hosts.cluster
    variables = {
        "app_files_name": deployer.name,
        "app_files_rotated": name,
        "app_files_other_user": user,
        "rotate_ended": ended,
    }
    handed = {DATABASE_PASSWORD: admin} if admin else {}
    what = "retire what it replaced" if ended else "make the next content"
    with cluster.progress.phase(f"{deployer.name}: {name}: {what}") as phase:
        options = Options(variables=variables, secrets=handed, mitogen=cluster.mitogen)
        deployer.hosts.play(phase, "rotate_secret", options)


def _in_use(deployer: Deployer, name: str) -> str:
    """The version that the release which runs has; without one, what the next would get."""
    entry = current(deployer.store.all())
    found = version_of(entry.release.secrets, name) if entry else None
    held = [one.version for one in versions(deployer.manager.client, deployer.name, (name,))]
    if found is None and not held:
        raise AppError(
            f"the Swarm holds no secret {name} of {deployer.name} yet", fix="make it: beeyard up"
        )
    return found or held[-1]


def _user(deployer: Deployer, name: str) -> str:
    """As whom what runs signs in to the database."""
    version = _in_use(deployer, name)
    labels = labels_of(deployer.manager.client, version)
    if version == name:
        # Made by `up`.
        return users_of(deployer.name)[0]
    if USER not in labels:
        raise Refused(
            f"the value of {name} was set by hand",
            why=f"{version} was made by `beeyard secret set`, so beeyard does not know what it "
            "says",
            fix=f"remove it (beeyard secret rm {deployer.name} {name}), deploy, then run this "
            "again",
        )
    return labels[USER]


def _refuse_users(deployer: Deployer, version: str) -> None:
    """Raises AppError where something still runs with what is about to be retired."""
    held = versions(deployer.manager.client, deployer.name, (version,))
    users = sorted({user for one in held if one.version == version for user in one.used_by})
    if users:
        raise AppError(
            f"{', '.join(users)} still run with {version}",
            why="the release that runs does not have it, so they are none of its services",
            fix="see `beeyard status`; then run this again: it goes on from here",
        )


def _of_kind(deployer: Deployer, kind: str) -> tuple[str, ...]:
    secrets = deployer.hosts.cluster.spec.applications[deployer.name].secrets
    return tuple(name for name, source in secrets.items() if source.kind == kind)
