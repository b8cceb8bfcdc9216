"""Passwords and keys of the infrastructure's services, made anew on the first manager.

Each is a file there that the role `infra_stack` makes where it is missing, and deploys what uses
it when it is another. So to rotate is to remove the file and to play that role: cut short, it goes
on where it was, also by `up`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from beeyard.apps.kept import renew, renewals
from beeyard.config import ClusterSpec
from beeyard.errors import Refused, SwarmError
from beeyard.process import Command
from beeyard.provision import Options
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.images import Images, registry_place
from beeyard.workflows.kept import busy_of
from beeyard.workflows.verify import await_services

_FOLDER = "/etc/beeyard/secrets"
#: The first key encrypts, all decrypt: what was encrypted before can still be read.
_NEW_FIRST_KEY = (
    'set -eu; umask 077; cd "$1"; '
    "{ head -c 32 /dev/urandom | base64 -w 0 | tr '+/' '-_'; echo; cat ci_vault_key; } "
    "> .ci_vault_key.new; mv .ci_vault_key.new ci_vault_key"
)


@dataclass(frozen=True)
class Kind:
    """Something that is made anew.

    files    what is removed
    service  of which part of the infrastructure it is
    """

    files: tuple[str, ...]
    service: str


KINDS: Mapping[str, Kind] = {
    "registry-password": Kind(("registry_password", "registry_http_secret"), "registry"),
    "dashboard-password": Kind(("dashboard_password",), "traefik"),
    "pipeline-keys": Kind(
        ("ci_admin_token", "ci_runner_token", "ci_ssh_key", "ci_ssh_key.pub"), "ci"
    ),
}


def rotate(cluster: Cluster, hosts: Hosts, name: str) -> int:
    """Make what `name` (of KINDS) stands for anew. Gives how many tasks changed something.

    Raises Refused where the cluster has none that beeyard made.
    """
    kind = KINDS[name]
    refuse(cluster.spec, name)
    with cluster.progress.phase(f"remove: {name}") as phase:
        paths = [f"{_FOLDER}/{file}" for file in kind.files]
        hosts.manager.run(Command(["rm", "-f", *paths], timeout=30))
        if name == "pipeline-keys":
            argv = ["sh", "-c", _NEW_FIRST_KEY, "sh", _FOLDER]
            hosts.manager.run(Command(argv, timeout=30))
        phase.result = ", ".join(kind.files)
    with cluster.progress.phase(f"make anew, and deploy: {name}") as phase:
        options = Options(tags=("deploy_infra",), mitogen=cluster.mitogen)
        done = hosts.play(phase, "deploy", options)
    with hosts.swarm() as manager:
        with cluster.progress.phase("services") as phase:
            await_services(cluster, manager, phase, deadline=180.0)
            phase.result = "all run"
        if name == "registry-password":
            _sign_in_again(cluster, hosts)
    return done.total


def refuse(spec: ClusterSpec, name: str) -> None:
    """Raises Refused where there is nothing of `name` that beeyard made."""
    service = KINDS[name].service
    if service != "traefik" and service not in spec.infrastructure:
        raise Refused(
            f"this cluster has no {service}",
            why=f"`{service}` is not among `infrastructure` in beeyard.yml",
        )
    if name == "dashboard-password" and spec.ingress.dashboard_users:
        raise Refused(
            "the dashboards' users are your own",
            where="ingress.dashboard_users in beeyard.yml",
            fix="put another hash there (htpasswd -nBC 10 NAME), then run `beeyard up`",
        )


def _sign_in_again(cluster: Cluster, hosts: Hosts) -> None:
    """Services keep the sign-in that they were deployed with: they get the new one, or no node
    could pull their images any more. No task is restarted by it.

    Jobs, and what has come to its end, would be run again: these keep the old one, which is said.
    Raises SwarmError where others do, for as long as somebody is changing them.
    """
    place = registry_place(cluster.spec)
    with hosts.swarm() as manager, cluster.progress.phase("sign-ins kept by services") as phase:
        sign_in = Images(cluster, hosts, manager, "").credentials(place)
        if sign_in is None:
            raise SwarmError(f"the first manager is not signed in to {place}")
        found = renewals(manager.snapshot(), place)
        for service, why in found.ended.items():
            phase.say(f"{service} keeps the old one until it is deployed again: {why}")
        busy = busy_of(manager, cluster.clock, phase.say)
        left = found.held | renew(manager.client, found.due, sign_in, busy)
        if left:
            raise SwarmError(
                f"{', '.join(left)} still have the old password of the registry",
                why="\n".join(f"{service}: {why}" for service, why in left.items()),
                fix="when that is over, run this again",
            )
        phase.result = f"{len(found.due)} made anew" + (
            f", {len(found.ended)} left as they are" if found.ended else ""
        )
