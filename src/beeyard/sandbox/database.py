"""RDS: MariaDB in a container under the endpoint's name."""

import hashlib
from collections.abc import Mapping

from beeyard.process import Command, Completed, Runner
from beeyard.sandbox.container import Container, Mount
from beeyard.sandbox.spec import resource_name
from beeyard.sandbox.world import DatabaseInstance

#: Engines that are made real, or that MariaDB stands in for.
ENGINES = ("mariadb", "mysql")

#: What a master user of RDS may do; SUPER and FILE are AWS's own. `REPLICATION CLIENT` is called
#: BINLOG MONITOR in MariaDB.
#: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html
_PRIVILEGES = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, "
    "SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, "
    "BINLOG MONITOR, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, "
    "EVENT, TRIGGER"
)

#: Parameters of RDS's groups that MariaDB knows by the same name and takes when it starts.
_PARAMETERS = frozenset(
    {
        "character_set_server",
        "collation_server",
        "max_allowed_packet",
        "max_connections",
        "sql_mode",
        "time_zone",
        "wait_timeout",
    }
)


def thing(database: DatabaseInstance) -> str:
    """What its container is called within the sandbox."""
    return f"db-{database.identifier}"


def container(sandbox: str, database: DatabaseInstance, address: str, image: str) -> Container:
    """The server: its image makes an empty one, in which only the container's root may sign in."""
    settings = [
        f"--{name.replace('_', '-')}={value}"
        for name, value in sorted(database.parameters.items())
        if name in _PARAMETERS
    ]
    return Container(
        thing=thing(database),
        kind="database",
        image=image,
        address=address,
        arguments=(f"--port={database.port}", *settings),
        mounts=(Mount(resource_name(sandbox, f"data-{thing(database)}"), "/var/lib/mysql"),),
        running=database.running,
    )


def assign_addresses(
    databases: tuple[DatabaseInstance, ...], assigned: Mapping[str, int]
) -> dict[str, int]:
    """Index of each database's address: what it had, else the lowest that is free."""
    kept = {thing(one): assigned[thing(one)] for one in databases if thing(one) in assigned}
    free = (index for index in range(len(databases) + len(kept)) if index not in kept.values())
    return kept | {thing(one): next(free) for one in databases if thing(one) not in kept}


def credentials(database: DatabaseInstance) -> str:
    """Hash of user and password: what was set last is remembered by it."""
    text = f"{database.username}\0{database.password.reveal()}"
    return hashlib.sha256(text.encode()).hexdigest()


def set_password(runner: Runner, database: DatabaseInstance) -> Completed:
    """Make the master user with its password, or give it the new one.

    `runner` runs in the database's container, whose root may sign in without a password. Raises
    CommandFailed while the server does not answer.
    """
    user = f"{_quote(database.username)}@'%'"
    password = _quote(database.password.reveal())
    sql = (
        f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY {password};\n"
        f"ALTER USER {user} IDENTIFIED BY {password};\n"
        f"GRANT {_PRIVILEGES} ON *.* TO {user} WITH GRANT OPTION;\n"
    )
    # By standard input: an argument can be read by every user of the machine.
    argv = ["mariadb", "--batch", "--connect-timeout=5"]
    return runner.run(Command(argv, input=sql.encode(), timeout=30))


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
