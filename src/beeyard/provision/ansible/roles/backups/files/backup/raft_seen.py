"""What a Swarm is, as hashes that can be compared: all that Raft keeps but how things go."""

import hashlib
import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

from raft_engine import Engine

Seen = dict[str, str]
Facts = dict[str, dict[str, Any]]

#: What a network is; the rest of what the engine says tells who is on it now.
_OF_A_NETWORK = (
    *("Name", "Driver", "Scope", "EnableIPv6", "IPAM", "Internal", "Attachable", "Ingress"),
    *("Options", "Labels"),
)


def seen(engine: Engine) -> Seen:
    """A hash of each thing of the Swarm, by its kind and name: `service web`.

    A secret's content is told to nobody. It can't be changed, though: the same ID is the same
    secret, and Raft's log is authenticated. Raises Failed where the engine is no manager.
    """
    swarm = engine.get("/swarm")
    scope = urllib.parse.quote(json.dumps({"scope": ["swarm"]}))
    networks = engine.get(f"/networks?filters={scope}") or ()
    return {
        "swarm": _hash({"ID": swarm["ID"], "Spec": swarm["Spec"]}),
        "its authority": _hash(swarm["TLSInfo"]["TrustRoot"]),
        "its tokens to join": _hash(swarm["JoinTokens"]),
        # With their labels. Two may have one name: one that is gone, and another in its place.
        **{
            f"node {one['Description']['Hostname']} ({one['ID'][:8]})": _hash(one["Spec"])
            for one in engine.get("/nodes")
        },
        **{
            f"{kind} {one['Spec']['Name']}": _hash({"ID": one["ID"], "Spec": one["Spec"]})
            for kind in ("service", "secret", "config")
            for one in engine.get(f"/{kind}s") or ()
        },
        **{
            f"network {one['Name']}": _hash(
                {"Id": one["Id"], **{key: one.get(key) for key in _OF_A_NETWORK}}
            )
            for one in networks
            if _is_of_the_swarm(one)
        },
    }


def _is_of_the_swarm(network: dict[str, Any]) -> bool:
    """Whether Raft has it. An engine lists its own part of a network too, until its last container
    there has stopped, which may be a while after the network was removed: by who is on it, which
    the Swarm's own list leaves empty (moby, `daemon/cluster/convert/network.go`)."""
    return network.get("Containers") is None


def facts(found: Seen) -> Facts:
    """The same as a backup's manifest has it."""
    return {name: {"count": 1, "digest": digest} for name, digest in found.items()}


def differences(before: Seen, now: Seen) -> Iterator[str]:
    """What is not the same, each in a line: `service web is missing`."""
    for name in sorted({*before, *now}):
        if name not in now:
            yield f"{name} is missing"
        elif name not in before:
            yield f"{name} was not there"
        elif before[name] != now[name]:
            yield f"{name} has other content"


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
