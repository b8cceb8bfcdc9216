"""Services as the Engine API writes them: changed, and handed back if nobody was faster.

A specification is the API's own JSON: the SDK's call would build it anew from the parts that the
SDK knows, and lose the others.
"""

import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, cast

from docker.errors import APIError

from beeyard.errors import SwarmError
from beeyard.swarm.manager import LEADERLESS, Manager, in_words, post_service, raise_for

Spec = dict[str, Any]
#: From a specification to what it should be; pure, for it may be applied more than once.
Change = Callable[[Spec], Spec]

_ATTEMPTS = 20
_PAUSE = 0.25
# Somebody was faster; or the managers elect a leader, and whether it was written is not known. Both
# are found out by reading again.
_AGAIN = ("out of sequence", *LEADERLESS)


def change_service(manager: Manager, service: str, change: Change) -> bool:
    """Apply `change` to a service, named by name or ID; give whether anything was to be changed.

    What was signed in to pull its image stays. Raises SwarmError if there is no such service, or
    the Swarm refuses.
    """
    api = cast(Any, manager.client.api)

    def write(raw: Mapping[str, Any], spec: Spec) -> None:
        raise_for(post_service(api, raw, spec))

    with in_words(f"the service {service} could not be changed"):
        return _changed(lambda: api.inspect_service(service), write, change)


def change_node(manager: Manager, node_id: str, change: Change) -> bool:
    """Apply `change` to a node's specification; give whether anything was to be changed.

    Raises SwarmError if there is no such node, or the Swarm refuses.
    """
    api = cast(Any, manager.client.api)

    def write(raw: Mapping[str, Any], spec: Spec) -> None:
        api.update_node(raw["ID"], raw["Version"]["Index"], spec)

    with in_words(f"the node {node_id} could not be changed"):
        return _changed(lambda: api.inspect_node(node_id), write, change)


def scaled(spec: Spec, replicas: int) -> Spec:
    """With that many replicas. Raises SwarmError for what has none: global services and jobs."""
    if "Replicated" not in spec["Mode"]:
        raise SwarmError(
            f"{spec['Name']} can't be scaled",
            why=f"its mode is {next(iter(spec['Mode']))}: the Swarm itself says how many run",
            fix="give it `deploy: {mode: replicated}` in the stack file, if it should be scaled",
        )
    changed = deepcopy(spec)
    changed["Mode"]["Replicated"] = {"Replicas": replicas}
    return changed


def with_constraint(spec: Spec, text: str) -> Spec:
    """With that placement constraint as well."""
    present = _constraints(spec)
    return spec if text in present else _constrained(spec, [*present, text])


def without_constraint(spec: Spec, text: str) -> Spec:
    """Without that placement constraint. The placement stays, even where nothing is left of it: for
    a task that has one, swarmkit reads that of its service without asking whether it is there
    (`manager/orchestrator/task.go`, nodeMatches)."""
    present = _constraints(spec)
    return _constrained(spec, [one for one in present if one != text]) if text in present else spec


def with_labels(spec: Spec, labels: Mapping[str, str | None]) -> Spec:
    """With these labels as well; None takes one away. Works for nodes, too."""
    kept = {**(spec.get("Labels") or {}), **labels}
    return {**spec, "Labels": {key: value for key, value in kept.items() if value is not None}}


def label(spec: Spec, name: str) -> str | None:
    """The value of a service's or node's label."""
    value: str | None = (spec.get("Labels") or {}).get(name)
    return value


def forced(spec: Spec) -> Spec:
    """Every task is to be replaced, though nothing else changed."""
    changed = deepcopy(spec)
    changed["TaskTemplate"]["ForceUpdate"] = changed["TaskTemplate"].get("ForceUpdate", 0) + 1
    return changed


def start_first(spec: Spec) -> Spec:
    """A new task runs before the old one is stopped. Where the definition says nothing of updates,
    one after another, as is Swarm's default then: written out, 0 would mean all at once."""
    own = spec.get("UpdateConfig") or {"Parallelism": 1}
    return {**spec, "UpdateConfig": {**own, "Order": "start-first"}}


def _constraints(spec: Spec) -> list[str]:
    return list((spec["TaskTemplate"].get("Placement") or {}).get("Constraints") or [])


def _constrained(spec: Spec, constraints: list[str]) -> Spec:
    changed = deepcopy(spec)
    placement = changed["TaskTemplate"].setdefault("Placement", {}) or {}
    placement["Constraints"] = constraints
    if not constraints:
        del placement["Constraints"]
    changed["TaskTemplate"]["Placement"] = placement
    return changed


def _changed(
    read: Callable[[], Mapping[str, Any]],
    write: Callable[[Mapping[str, Any], Spec], None],
    change: Change,
) -> bool:
    last: APIError | None = None
    for _ in range(_ATTEMPTS):
        raw = read()
        spec = change(raw["Spec"])
        if spec == raw["Spec"]:
            return False
        try:
            write(raw, spec)
        except APIError as error:
            if not any(sign in str(error.explanation) for sign in _AGAIN):
                raise
            last = error
            time.sleep(_PAUSE)
        else:
            return True
    if "out of sequence" not in str(last and last.explanation):
        raise SwarmError("the managers do not agree", why=str(last and last.explanation))
    raise SwarmError(
        "somebody else changes it at the same time, again and again",
        fix="see who else works on this Swarm, then run the command again",
    )
