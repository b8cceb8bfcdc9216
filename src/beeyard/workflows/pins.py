"""The nodes' pinned host keys: one truth in the state bucket, a copy on each operator's machine.

A key is taken on trust once, by the `up` that meets the machine first, which says its fingerprint.
From then on nobody takes one: another machine learns it from the bucket, which also lists, in an
object of its own, the machines that were met. One that was, and whose key is in neither place, is
not believed: pins that were lost are no first contact. Where bucket and copy do not agree, neither
is believed.

What was forgotten on purpose stays in the bucket as a mark, or the next copy would bring it back.

Who may write to the bucket could pin whatever he likes; so it is no proof against him.
"""

import base64
import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence

from beeyard.cloud import Node, Outputs
from beeyard.cloud.shared_text import Seen, SharedText
from beeyard.errors import CloudError, HostError
from beeyard.inventory.pins import (
    Disagreement,
    Pins,
    disagreements,
    flat,
    forgotten,
    of_those,
    parse,
    render,
    without,
)
from beeyard.private import write_private
from beeyard.provision import SSH_DEADLINE, await_ssh, close_connections
from beeyard.workflows.alone import alone_in
from beeyard.workflows.cloud import bucket_of, read_outputs
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.progress import Phase

KEY = "operators/known_hosts"
#: IDs of the machines of which a key has been pinned, one a line.
MET = "nodes/met"
_TRIES = 10
_MEANS = (
    "a machine keeps its host key as long as it lives: one of the two was changed, or somebody "
    "stood between a machine and whoever met it first"
)


def fetch(cluster: Cluster, outputs: Outputs) -> None:
    """Learn from the bucket the host keys that this machine does not know, and which are forgotten.
    Raises HostError where the two do not agree."""
    seen, here = _shared(cluster).read(), _here(cluster)
    gone = flat(here) & forgotten(seen.text)
    if gone:
        here = without(here, gone)
        _put_here(cluster, here)
    merged = _merged(cluster, outputs, seen)
    # Else only added to: an `up` may be at work, and know machines of which `outputs` does not.
    if not merged.items() <= here.items():
        _put_here(cluster, {**here, **merged})


def unmet(cluster: Cluster, outputs: Outputs) -> Collection[str]:
    """The machines whose key is to be taken on trust; to be asked once this one has learned the
    bucket's (`fetch`).

    Raises HostError where one has no pin, and had.
    """
    strangers = set(_identities(outputs)) - {identity for identity, _ in _here(cluster)}
    met = set(_met(cluster).read().text.split()) if strangers else set()
    lost = [node for node in outputs.nodes if node.instance_id in strangers & met]
    if lost:
        raise _lost(cluster, lost)
    return strangers


def keep(cluster: Cluster, outputs: Outputs) -> tuple[str, ...]:
    """Put into the bucket what this machine has pinned, and forget machines that are gone. Gives
    what the bucket did not hold, in words.

    To be called after `fetch`: what this machine has then, though it was forgotten, has been met
    anew.

    Raises HostError where the two do not agree.
    """
    added: list[str] = []
    found: Pins = {}

    def merged(seen: Seen) -> str:
        nonlocal found
        found = _merged(cluster, outputs, seen)
        file = cluster.ssh.known_hosts
        if not file.is_file() or file.read_text() != render(found):
            _put_here(cluster, found)
        added[:] = _words(outputs, {pin: found[pin] for pin in found.keys() - parse(seen.text)})
        there = _identities(outputs)
        marks = {mark for mark in forgotten(seen.text) if mark[0] in there}
        return render(found, marks - flat(found))

    def met(seen: Seen) -> str:
        before = set(seen.text.split()) & set(_identities(outputs))
        return _lines(before | {identity for identity, _ in found})

    _write(_shared(cluster), merged)
    _write(_met(cluster), met)
    return tuple(added)


def meet(hosts: Hosts, phase: Phase, deadline: float = SSH_DEADLINE) -> None:
    """Wait until every node lets us in, `deadline` seconds at most; pin the host keys of those that
    are met for the first time, for all operators, and say which. To be called after `fetch`.
    Raises HostError, also where one was pinned, and is lost."""
    cluster, outputs = hosts.cluster, hosts.outputs
    await_ssh(
        hosts.inventory,
        cluster.runner,
        hosts.files.ssh_config,
        cluster.clock,
        phase.say,
        deadline,
        first=unmet(cluster, outputs),
    )
    for added in keep(cluster, outputs):
        phase.say(f"pinned on trust: {added}")


def forget_host_key(cluster: Cluster, node: str, confirm: Callable[[str], None]) -> bool:
    """Forget what is pinned of a node, by its name. Gives whether anything was.

    Raises Refused where there is no such node.
    """
    _instance(cluster, node)
    confirm(f"the next `up` believes whatever answers as {node}")
    with alone_in(cluster, f"node forget-key {node}"):
        close_connections(cluster.sockets, cluster.runner)
        # Anew: it may be another machine by now.
        return forget(cluster, _instance(cluster, node))


def _instance(cluster: Cluster, node: str) -> str:
    return read_outputs(cluster).named(node).instance_id


def forget(cluster: Cluster, identity: str) -> bool:
    """Forget what is pinned of a machine, here and in the bucket, and have it forgotten wherever
    else there is a copy. Gives whether anything was."""
    found = False
    here = _here(cluster)

    def marked(seen: Seen) -> str:
        nonlocal found
        there = parse(seen.text)
        gone = {pin for pin in flat(there) | flat(here) if pin[0] == identity}
        found = found or bool(gone)
        return render(without(there, gone), forgotten(seen.text) | gone)

    def as_new(seen: Seen) -> str:
        nonlocal found
        met = set(seen.text.split())
        found = found or identity in met
        return _lines(met - {identity})

    _write(_shared(cluster), marked)
    _write(_met(cluster), as_new)
    _put_here(cluster, {pin: key for pin, key in here.items() if pin[0] != identity})
    return found


def _write(shared: SharedText, wanted: Callable[[Seen], str]) -> None:
    """Bring the bucket to what `wanted` makes of what is there, whoever else is at it."""
    for _ in range(_TRIES):
        seen = shared.read()
        text = wanted(seen)
        if text == seen.text or shared.write(text, seen):
            return
    raise CloudError(
        "the pinned host keys could not be written",
        where=shared.address,
        why="others write them all the time",
        fix="see who is at work on the cluster, then run the command again",
    )


def _merged(cluster: Cluster, outputs: Outputs, seen: Seen) -> Pins:
    """What the bucket holds of the machines that there are, and what is pinned of them here."""
    there = of_those(parse(seen.text), _identities(outputs))
    here = of_those(_here(cluster), _identities(outputs))
    found = disagreements(here, there)
    if found:
        raise _disagree(cluster, outputs, found)
    return {**there, **here}


def _here(cluster: Cluster) -> Pins:
    file = cluster.ssh.known_hosts
    return parse(file.read_text()) if file.is_file() else {}


def _put_here(cluster: Cluster, pins: Pins) -> None:
    write_private(cluster.ssh.known_hosts, render(pins).encode())


def _shared(cluster: Cluster) -> SharedText:
    return SharedText(cluster.aws, bucket_of(cluster), KEY)


def _met(cluster: Cluster) -> SharedText:
    return SharedText(cluster.aws, bucket_of(cluster), MET)


def _lines(identities: Iterable[str]) -> str:
    return "".join(f"{identity}\n" for identity in sorted(identities))


def _words(outputs: Outputs, pins: Pins) -> list[str]:
    names = {node.instance_id: node.name for node in outputs.nodes}
    return [
        f"{names[identity]} ({identity}): {kind} {fingerprint(key)}"
        for (identity, kind), key in sorted(pins.items())
    ]


def _lost(cluster: Cluster, nodes: Sequence[Node]) -> HostError:
    names = ", ".join(node.name for node in nodes)
    return HostError(
        f"the host key of {names} is not known any more",
        where=f"{cluster.ssh.known_hosts} and {_shared(cluster).address}",
        why=f"it was pinned ({_met(cluster).address} lists it), and is in neither place now: "
        "whatever answers would be believed",
        fix="put the object back (an older version of it, or another operator's copy), then run "
        "this again. Where nobody has it, compare with the console log of the machine's first boot "
        f"(aws ec2 get-console-output): beeyard node forget-key {nodes[0].name}, then `beeyard up` "
        "pins what it finds",
    )


def _identities(outputs: Outputs) -> Collection[str]:
    return {node.instance_id for node in outputs.nodes}


def _disagree(cluster: Cluster, outputs: Outputs, found: Iterable[Disagreement]) -> HostError:
    names = {node.instance_id: node.name for node in outputs.nodes}
    lines = [
        f"{names[one.identity]} ({one.identity}): {one.kind} is {fingerprint(one.here)} here, "
        f"{fingerprint(one.there)} in the bucket"
        for one in found
    ]
    nodes = sorted({names[one.identity] for one in found})
    return HostError(
        f"this machine and the state bucket know another host key of {', '.join(nodes)}",
        where=f"{cluster.ssh.known_hosts} and {_shared(cluster).address}",
        why="\n".join(
            [
                *lines,
                _MEANS,
            ]
        ),
        fix="find out which is right: the node's console log shows the fingerprint of its first "
        "boot (aws ec2 get-console-output). If the bucket is right, remove "
        f"{cluster.ssh.known_hosts}; if it is not: beeyard node forget-key {nodes[0]}, and "
        "`beeyard up` pins it anew",
    )


def fingerprint(key: str) -> str:
    """As `ssh-keygen -l` shows it."""
    digest = hashlib.sha256(base64.b64decode(key)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
