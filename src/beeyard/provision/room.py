"""Whether the nodes' disks have room: a full one is met here, in words, not halfway through."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from beeyard.errors import HostError
from beeyard.inventory import Host, Inventory
from beeyard.process import Command, Runner, SshRunner

#: Bytes that have to be free: one image and its layers unpacked, and room to tidy up in.
LEAST = 1 << 30
#: Where packages and logs go, and where the engine keeps images and volumes.
_PLACES = ("/", "/var/lib/docker")


def require_room(inventory: Inventory, runner: Runner, ssh_config: Path) -> None:
    """Return if every node has `LEAST` bytes left. Raises HostError naming those that have not."""

    def look(host: Host) -> str | None:
        left = _left(SshRunner(runner, ssh_config, host.name), host)
        place, free = min(left.items(), key=lambda one: one[1])
        return f"{host.name}: {free / 1e6:.0f} MB at {place}" if free < LEAST else None

    with ThreadPoolExecutor(max_workers=16) as pool:
        short = [words for words in pool.map(look, inventory.hosts) if words]
    if short:
        raise HostError(
            "the disk is nearly full: less than 1 GiB is free",
            where="; ".join(short),
            why="an image could not be pulled, or only in part",
            fix="see what takes the room (`beeyard ssh NODE -- sudo du -xsh /var/lib/docker/*`), "
            "such as images that nothing uses: "
            "`beeyard ssh NODE -- sudo docker image prune --all --force`",
        )


def _left(runner: Runner, host: Host) -> dict[str, int]:
    """Free bytes where the engine writes. A place that isn't there yet is left out."""
    argv = ["df", "--block-size=1", "--output=avail", *_PLACES]
    said = runner.run(Command(argv, timeout=30), check=False)
    free = [int(line) for line in said.stdout.split()[1:]]
    if not free:
        raise HostError(
            f"{host.name} does not say how much room it has",
            where=f"{host.name} ({host.identity}, {host.address})",
            why=said.tail(),
            fix=f"see: beeyard ssh {host.name} -- df /",
        )
    return dict(zip(_PLACES, free, strict=False))
