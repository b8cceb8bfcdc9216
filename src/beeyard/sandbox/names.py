"""The VPC's resolver: dnsmasq at the address where a VPC has its own."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from beeyard.sandbox.container import Container, Mount
from beeyard.sandbox.spec import ACME_HOST, Addresses, SandboxSpec
from beeyard.sandbox.world import World

THING = "resolver"
FOLDER = "resolver"
_IN_CONTAINER = "/etc/beeyard-resolver"

#: Loopback resolvers of this machine (systemd-resolved, for one) can't be reached from a container.
_RESOLVED = Path("/run/systemd/resolve/resolv.conf")


@dataclass(frozen=True)
class Names:
    """dnsmasq's two files: `hosts` can be read again, a new `config` takes a new process."""

    hosts: str
    config: str


def container(image: str, folder: Path, addresses: Addresses) -> Container:
    script = files("beeyard.sandbox").joinpath("scripts/resolver.sh").read_text()
    return Container(
        thing=THING,
        kind="service",
        image=image,
        address=addresses.resolver,
        argv=("/bin/sh", "-c", script),
        mounts=(Mount.path(folder, _IN_CONTAINER),),
    )


def names(
    spec: SandboxSpec,
    addresses: Addresses,
    world: World,
    databases: Mapping[str, str],
    upstream: Iterable[str],
) -> Names:
    """What the resolver must answer: the VPC's side of every name.

    `databases` maps endpoint names to addresses; `upstream` answers everything else.
    """
    exact, wildcards = _records(spec, world)
    hosts = {
        **exact,
        **dict(_instance_names(world)),
        **dict(_file_system_names(world)),
        **{endpoint: (address,) for endpoint, address in databases.items()},
        ACME_HOST: (addresses.acme,),
    }
    lines = [f"{address} {name}" for name, many in sorted(hosts.items()) for address in many]
    local = (spec.domain, f"efs.{spec.region}.amazonaws.com", f"{spec.region}.rds.amazonaws.com")
    config = [
        "no-resolv",
        "no-hosts",
        "keep-in-foreground",
        "log-facility=-",
        "user=root",
        "cache-size=1000",
        "max-cache-ttl=5",
        # A name that is made a moment later must not stay unknown.
        "no-negcache",
        f"addn-hosts={_IN_CONTAINER}/hosts",
        *(f"server={server}" for server in upstream),
        # Of these, AAAA and the like are answered here ("none") and not asked for elsewhere.
        *(f"local=/{name}/" for name in (*local, "beeyard.internal")),
        *(f"address=/{name}/{address}" for name, many in wildcards.items() for address in many),
    ]
    return Names("\n".join(lines) + "\n", "\n".join(config) + "\n")


def check_argv(candidate: str) -> list[str]:
    """The command, for the resolver's container, that validates a configuration."""
    return ["dnsmasq", "--test", f"--conf-file={_IN_CONTAINER}/{candidate}"]


def reload_argv(*, restart: bool) -> list[str]:
    """The command, for the resolver's container, after which the new files are in use."""
    signal = "TERM" if restart else "HUP"
    return ["/bin/sh", "-c", f"kill -{signal} $(cat /run/dnsmasq.pid)"]


def upstream_servers(paths: Iterable[Path] = (_RESOLVED, Path("/etc/resolv.conf"))) -> list[str]:
    """This machine's name servers that a container can reach."""
    for path in paths:
        if path.exists():
            words = [line.split() for line in path.read_text().splitlines()]
            servers = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
            if reachable := [one for one in servers if not one.startswith("127.") and one != "::1"]:
                return reachable
    return []


def _records(
    spec: SandboxSpec, world: World
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """The A records: exact names, and suffixes under which every name has the address."""
    exact: dict[str, tuple[str, ...]] = {}
    wildcards: dict[str, tuple[str, ...]] = {}
    for record in world.records:
        private = tuple(dict.fromkeys(world.private_address(one) for one in record.addresses))
        table = wildcards if record.name.startswith("*.") else exact
        table[record.name.removeprefix("*.")] = private
    # Without records of its own the domain leads to the Elastic IPs: the sandbox stands in for
    # whoever makes the records by hand.
    entrances = tuple(
        instance.private_ip
        for elastic_ip in world.elastic_ips
        if (instance := world.instance(elastic_ip.instance_id))
    )
    if entrances:
        exact.setdefault(spec.domain, entrances)
        wildcards.setdefault(spec.domain, entrances)
    return exact, wildcards


def private_name(region: str, address: str) -> str:
    """The name that AWS gives a private address within its VPC."""
    suffix = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return f"ip-{address.replace('.', '-')}.{suffix}"


def _instance_names(world: World) -> Iterator[tuple[str, tuple[str, ...]]]:
    for instance in world.instances:
        yield private_name(world.region, instance.private_ip), (instance.private_ip,)


def _file_system_names(world: World) -> Iterator[tuple[str, tuple[str, ...]]]:
    for file_system in world.file_systems:
        targets = [one for one in world.mount_targets if one.file_system_id == file_system]
        if targets:
            name = f"{file_system}.efs.{world.region}.amazonaws.com"
            # AWS answers with the target in the asker's zone; all of them lead to the same files.
            yield name, (min(target.address for target in targets),)
