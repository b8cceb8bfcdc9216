"""`rotate join-tokens` and `rotate ca`: what the Swarm itself lets nodes in by, made anew.

No task is touched by either. Tokens are kept nowhere: whatever joins a node asks for one then
(role `swarm`).
"""

from typing import Any, cast

from beeyard.errors import Refused, SwarmError
from beeyard.swarm import Manager, in_words
from beeyard.waiting import Clock, Timeout, wait_until
from beeyard.workflows.progress import Phase

#: Seconds for all nodes to get their new certificates; each asks within a few.
_DEADLINE = 300.0


def rotate_join_tokens(manager: Manager) -> None:
    """Make both join tokens anew: with the old ones, no node gets in any more."""
    with in_words("the join tokens could not be made anew"):
        api = cast(Any, manager.client.api)
        before = api.inspect_swarm()
        api.update_swarm(
            before["Version"]["Index"],
            before["Spec"],
            rotate_worker_token=True,
            rotate_manager_token=True,
        )
        after = api.inspect_swarm()["JoinTokens"]
    same = [role for role, token in before["JoinTokens"].items() if after[role] == token]
    if same:
        raise SwarmError(f"the join token of {', '.join(same)} is what it was")


def rotate_ca(manager: Manager, clock: Clock, phase: Phase) -> int:
    """Have the Swarm make a new root of its certificates, and wait until every node has one of it.
    Gives how many nodes; one that was begun already is waited for.

    Source: docs.docker.com, "docker swarm ca", "Rotate": the new root is signed by the old one as
    well, so nodes know each other all the while. Raises Refused where a node is down: the Swarm
    would wait for it.
    """
    away = [node.name for node in manager.snapshot().nodes if node.state != "ready"]
    if away:
        raise Refused(
            f"{', '.join(away)} would not get a new certificate",
            why="what is not ready can't ask for one, and the Swarm would wait for it",
            fix="bring it back, or take it out: beeyard node replace, or beeyard node rm",
        )
    with in_words("the Swarm's root could not be made anew"):
        api = cast(Any, manager.client.api)
        found = api.inspect_swarm()
        if found["RootRotationInProgress"]:
            phase.say("one that was begun goes on")
        else:
            api.update_swarm(found["Version"]["Index"], _with_new_root(found["Spec"]))

    def waited_for() -> list[str]:
        with in_words("the Swarm did not say which nodes have their new certificate"):
            swarm = api.inspect_swarm()
            root = swarm["TLSInfo"]["TrustRoot"]
            left = [
                str(one["Description"]["Hostname"])
                for one in api.nodes()
                if one["Description"]["TLSInfo"]["TrustRoot"] != root
            ]
        return left or ["the Swarm itself"] * swarm["RootRotationInProgress"]

    try:
        wait_until(lambda: not waited_for(), clock=clock, deadline=_DEADLINE, interval=1.0)
    except Timeout:
        raise SwarmError(
            f"not every node has its new certificate after {_DEADLINE:.0f} s",
            where=", ".join(waited_for()),
            why="nodes go on with the old root until all have changed: nothing is broken",
            fix="see whether these reach a manager; then run this again: it goes on waiting",
        ) from None
    return len(manager.snapshot().nodes)


def _with_new_root(spec: dict[str, Any]) -> dict[str, Any]:
    config = dict(spec.get("CAConfig") or {})
    # What was given from outside would be used again.
    for given in ("SigningCACert", "SigningCAKey"):
        config.pop(given, None)
    return {**spec, "CAConfig": {**config, "ForceRotate": config.get("ForceRotate", 0) + 1}}
