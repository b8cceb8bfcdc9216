"""`rotate ssh-key`: the operator's SSH key made anew, or changed for another.

The new one is added on every node, proved by a login on each, and only then does the old one go.
Cut short, it is run again: which files there are says how far it had come.
"""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from ruamel.yaml import YAML

from beeyard.cloud import Outputs
from beeyard.cloud.nodes import PROJECT
from beeyard.config.ssh_keys import key_of
from beeyard.errors import HostError, Refused
from beeyard.private import write_private
from beeyard.process import Command, CommandFailed, SshRunner
from beeyard.provision import close_connections, write
from beeyard.workflows.alone import alone
from beeyard.workflows.cloud import bucket_of, open_cloud
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts, open_hosts
from beeyard.workflows.keys import OWN_KEY, are_a_pair, public_key
from beeyard.workflows.operators import launch_key, own_key
from beeyard.workflows.pins import fetch

_KEY_PAIR = "module.swarm_cluster.aws_key_pair.this"
_READ = 'cat "$HOME/.ssh/authorized_keys"'
_WRITE = (
    'set -eu; umask 077; cd "$HOME/.ssh"; cat > .authorized_keys.new; '
    "test -s .authorized_keys.new; mv .authorized_keys.new authorized_keys"
)


@dataclass(frozen=True)
class RotatedKey:
    """`public_key`: the new one; `file`: where its private half is; `nodes`: that have it."""

    public_key: str
    file: str
    nodes: tuple[str, ...]


def with_key(text: str, line: str) -> str:
    """authorized_keys with a key in it, once. Pure."""
    lines = text.splitlines()
    if any(key_of(line) in one for one in lines):
        return text
    return "".join(f"{one}\n" for one in [*lines, line])


def without_key(text: str, line: str) -> str:
    """authorized_keys without a key, whatever comment or options it stands there with. Pure."""
    return "".join(f"{one}\n" for one in text.splitlines() if key_of(line) not in one)


def rotate_ssh_key(
    cluster: Cluster, confirm: Callable[[str], None], *, to: Path | None, file: Path
) -> RotatedKey:
    """Sign in with another key from now on.

    to    its private half, the public one beside it; None: beeyard makes one in the place of the
          one that it made
    file  the beeyard.yml, in whose `ssh.operators` the new one takes the place of the old

    Raises Refused where the key is not beeyard's to make anew.
    """
    if to is None and not cluster.makes_key:
        raise Refused(
            f"beeyard did not make the key {cluster.key}",
            why="it may let you in elsewhere as well",
            fix="make another, and change over to it: ssh-keygen -t ed25519 -f NEW; "
            "beeyard rotate ssh-key --to NEW",
        )
    with cluster.progress.phase("account") as phase:
        mine = own_key(cluster)
        cloud = open_cloud(cluster)
        fetch(cluster, cloud.outputs())
        phase.result = f"{cloud.account.id} in {cluster.spec.region}"
    confirm("your SSH key: a new one is added on every node, and the old one removed")
    with alone(cluster, cloud, "rotate ssh-key"):
        # Only now does nobody make other nodes.
        outputs = cloud.outputs()
        fetch(cluster, outputs)
        made = to or _beside(cluster.key, ".next")
        _end_swap(cluster.key, made, to)
        _end_last(cluster, outputs, to)
        mine = own_key(cluster)
        old = _noted(cluster) or mine
        new = mine if key_of(old) != key_of(mine) else public_key(made, own=to is None)
        if key_of(new) == key_of(old):
            raise Refused("that is the key that you sign in with already", where=str(made))
        if key_of(new) != key_of(mine):
            _bring_in(cluster, open_hosts(cluster, outputs), new, made)
            _write_down(cluster, file, old, new)
            write_private(_note(cluster), old.encode())
            _end_swap(cluster.key, made, to, begin=True)
        close_connections(cluster.sockets, cluster.runner)
        with_new = replace(cluster, given_key=to) if to else cluster
        hosts = open_hosts(with_new, outputs)
        _change_nodes(cluster, hosts, "remove", lambda text: without_key(text, old))
        _note(cluster).unlink(missing_ok=True)
    names = tuple(host.name for host in hosts.inventory.hosts)
    return RotatedKey(new, str(with_new.key), names)


def _end_last(cluster: Cluster, outputs: Outputs, to: Path | None) -> None:
    """Where another key is wanted than the one that was changed over to last, and that was cut
    short at its end: take away the key that it replaced."""
    noted, mine = _noted(cluster), key_of(own_key(cluster))
    if to is None or noted is None or mine in (key_of(noted), key_of(public_key(to, own=False))):
        return
    hosts = open_hosts(cluster, outputs)
    _change_nodes(cluster, hosts, "remove", lambda text: without_key(text, noted))
    _note(cluster).unlink()


def _bring_in(cluster: Cluster, hosts: Hosts, new: str, private: Path) -> None:
    """Have every node, and every node to come, let the new key in."""
    _change_nodes(cluster, hosts, "add", lambda text: with_key(text, new))
    _prove(cluster, hosts, private)
    # It may be another operator's: those of the file all get in by the script of the first boot.
    if key_of(launch_key(cluster, bucket_of(cluster))) != key_of(own_key(cluster)):
        return
    with cluster.progress.phase("key pair of new nodes") as phase:
        cloud = open_cloud(cluster, launch=new)
        cloud.lay_out()
        folder = cloud.folders[PROJECT]
        cloud.terraform.init(folder)
        plan = cloud.terraform.plan(folder)
        others = [one.address for one in plan.changes if one.address != _KEY_PAIR]
        if others:
            raise Refused(
                "the cluster is not what beeyard.yml says",
                why=f"these would change as well: {', '.join(others)}",
                fix="run `beeyard up`, then this again: the old key is good until then",
            )
        if plan.pending:
            cloud.terraform.apply(folder, on_line=phase.say)
        phase.result = str(plan)


def _write_down(cluster: Cluster, file: Path, old: str, new: str) -> None:
    """Put the new key where `ssh.operators` has the old one; comments stay as they are."""
    names = [
        name for name, line in cluster.spec.ssh.operators.items() if key_of(line) == key_of(old)
    ]
    if not names:
        return
    with cluster.progress.phase("ssh.operators") as phase:
        yaml = YAML()
        yaml.preserve_quotes = True
        yaml.width = 4096
        document = yaml.load(file.read_text())
        for name in names:
            document["ssh"]["operators"][name] = new
        beside = file.with_name(f".{file.name}.new")
        with beside.open("w") as stream:
            yaml.dump(document, stream)
        beside.chmod(file.stat().st_mode)
        beside.replace(file)
        phase.result = f"{', '.join(names)} in {file}: commit it"


def end_swap(cluster: Cluster) -> None:
    """Where a rotation was cut short between the two halves of the key that beeyard made, put the
    public one in its place: so that those which are there belong together."""
    own = cluster.folder / OWN_KEY
    _end_swap(own, _beside(own, ".next"), None)


def _end_swap(current: Path, made: Path, to: Path | None, *, begin: bool = False) -> None:
    """Let the key that was made take the place of the current one: its private half first, so that
    the public one tells whether that is over."""
    if to is not None:
        return
    if begin:
        # Backups from before are encrypted for it.
        mark = hashlib.sha256(current.read_bytes()).hexdigest()[:8]
        write_private(_beside(current, f".until-{mark}"), current.read_bytes())
        made.replace(current)
    elif made.exists() or not _public(made).exists() or not are_a_pair(current, _public(made)):
        return
    _public(made).replace(_public(current))


def _noted(cluster: Cluster) -> str | None:
    """The key that is being replaced, where that was cut short."""
    note = _note(cluster)
    return note.read_text().strip() if note.is_file() else None


def _note(cluster: Cluster) -> Path:
    return cluster.folder / "replaced.pub"


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _public(path: Path) -> Path:
    return _beside(path, ".pub")


def _change_nodes(cluster: Cluster, hosts: Hosts, what: str, change: Callable[[str], str]) -> None:
    lock = threading.Lock()
    done = 0

    def on(name: str) -> None:
        nonlocal done
        runner = hosts.run_on(name)
        text = runner.run(Command(["sh", "-c", _READ], timeout=30)).stdout
        wanted = change(text)
        if wanted != text:
            runner.run(Command(["sh", "-c", _WRITE], input=wanted.encode(), timeout=30))
        with lock:
            done += wanted != text

    with cluster.progress.phase(f"{what} a key") as phase:
        names = [host.name for host in hosts.inventory.hosts]
        with ThreadPoolExecutor(min(len(names), 16)) as pool:
            list(pool.map(on, names))
        phase.result = f"on {done} of {len(names)} nodes"


def _prove(cluster: Cluster, hosts: Hosts, key: Path) -> None:
    """Sign in to each node with that key alone, on a connection of its own."""
    with cluster.progress.phase("sign in with the new key") as phase:
        sockets = cluster.sockets / "proof"
        access = replace(hosts.inventory.ssh, key=key, sockets=sockets)
        files = write(replace(hosts.inventory, ssh=access), cluster.folder / "proof")
        for host in hosts.inventory.hosts:
            runner = SshRunner(cluster.runner, files.ssh_config, host.name)
            try:
                runner.run(Command(["true"], timeout=60))
            except CommandFailed as error:
                raise HostError(
                    f"{host.name} does not let the new key in",
                    why=error.why,
                    fix="nothing was removed: the old key is good; mend that, then run this again",
                ) from error
            phase.say(f"{host.name} lets it in")
        close_connections(sockets, cluster.runner)
        phase.result = f"{len(hosts.inventory.hosts)} nodes let it in"
