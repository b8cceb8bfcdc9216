"""Whether a key or a password lets somebody in, tried where it is used."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from docker.models.containers import Container

from cluster.yard import DOMAIN, NAME, Running
from drills.world import World

SECRETS = "/etc/beeyard/secrets"
#: For `wait_until`: seconds for what takes another password a moment later.
SOON = 60.0
_KEY = "/run/drill-key"


@dataclass(frozen=True)
class Doors:
    """The doors of a cluster, as somebody before them finds them."""

    running: Running

    def on_manager(self, *argv: str) -> str:
        """Run something on the first manager, as root."""
        return self.running.yard.run("ssh", "manager-1", "--", "sudo", *argv)

    def secret(self, file: str) -> str:
        """What the first manager keeps."""
        return self.on_manager("cat", f"{SECRETS}/{file}").strip()

    def by_password(self, name: str, path: str, user: str, password: str) -> int:
        """The status with which a service answers who signs in."""
        return asked(self.running, name, path, auth=httpx.BasicAuth(user, password))

    def by_token(self, name: str, path: str, token: str) -> int:
        return asked(self.running, name, path, headers={"Authorization": f"Bearer {token}"})

    def by_key(self, private: str) -> str:
        """What a node answers who comes from the first manager with an SSH key: "in", or why not;
        as the controller does it."""
        inside = self.on_manager(
            "docker", "node", "inspect", "worker-1", "--format", "'{{.Status.Addr}}'"
        ).strip()
        script = (
            f"umask 077; printf '%s\\n' \"$1\" > {_KEY}; ssh -F none -i {_KEY} -o BatchMode=yes "
            "-o IdentitiesOnly=yes -o IdentityAgent=none -o StrictHostKeyChecking=no "
            '-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "admin@$2" echo in 2>&1; '
            f"rm {_KEY}"
        )
        quoted = script.replace("'", "'\\''")
        return self.running.yard.run(
            "ssh", "manager-1", "--", f"sudo sh -c '{quoted}' sh '{private}' {inside}"
        ).strip()


def asked(running: Running, name: str, path: str, *, timeout: float = 10, **how: Any) -> int:
    """The status with which a name of the cluster answers. Raises httpx.TransportError."""
    port = urlsplit(running.url("timeoff")).port or 443
    ca = running.yard.run("sandbox", "ca", NAME).strip()
    context = ssl.create_default_context(cafile=ca)
    headers: Mapping[str, str] = how.pop("headers", {})
    host = f"{name}.{DOMAIN}"
    with httpx.Client(verify=context, trust_env=False, timeout=timeout) as client:
        # Not every resolver knows names below `localhost`.
        answer = client.get(
            f"https://127.0.0.1:{port}{path}",
            headers={**headers, "Host": f"{host}:{port}"},
            extensions={"sni_hostname": host},
            **how,
        )
    return answer.status_code


class Admin:
    """The administrator of the database server, who may have any password."""

    def __init__(self, doors: Doors, world: World, server: Container) -> None:
        self._doors, self._rds, self._server = doors, world.client("rds"), server
        (self._database,) = self._rds.describe_db_instances()["DBInstances"]

    def give(self, password: str) -> None:
        """As somebody does who wants to sign in himself."""
        self._rds.modify_db_instance(
            DBInstanceIdentifier=self._database["DBInstanceIdentifier"],
            MasterUserPassword=password,
            ApplyImmediately=True,
        )

    def lets_in(self, password: str) -> bool:
        """Whether the server does, asked from the first manager; fails where it says anything but
        yes and no."""
        address, user = self._database["Endpoint"]["Address"], self._database["MasterUsername"]
        script = (
            f"MYSQL_PWD={password} mariadb --host={address} --user={user} --batch "
            "--skip-column-names --execute=SELECT\\ 1 2>&1; true"
        )
        said = self._doors.running.yard.run("ssh", "manager-1", "--", script).strip()
        assert said == "1" or "Access denied" in said, said
        return said == "1"

    def stored(self) -> str:
        """What the server itself keeps of the password."""
        sql = (
            "SELECT JSON_VALUE(Priv, '$.authentication_string') FROM mysql.global_priv "
            f"WHERE User = '{self._database['MasterUsername']}'"
        )
        done = self._server.exec_run(["mariadb", "--batch", "--skip-column-names", "-e", sql])
        assert isinstance(done.output, bytes)
        return done.output.decode().strip()
