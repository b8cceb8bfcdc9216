"""What `up` would change, as data: layer by layer what changes, what somebody set by hand and
stays, and what could not be looked at. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from beeyard.apps.bundle import fingerprints
from beeyard.apps.contents import names_with_versions
from beeyard.apps.plan import Change, fewer, said_replicas
from beeyard.cloud.nodes import PROJECT
from beeyard.cloud.terraform import Plan
from beeyard.config import ClusterSpec
from beeyard.config.interpolation import interpolate
from beeyard.errors import BeeyardError
from beeyard.provision import Converged
from beeyard.swarm import Snapshot
from beeyard.swarm.model import Node
from beeyard.swarm.rebalance import plan_rebalance
from beeyard.workflows.deploy import Foreseen
from beeyard.workflows.turnover import left_draining

LayerName = Literal["cloud", "hosts", "swarm"]
_BY_HAND = "changed by hand"


@dataclass(frozen=True)
class Step:
    """One change: in which project, on which node or of which application; what happens
    (Terraform's word, or beeyard's for a service) to what; and why, where that is known."""

    where: str
    action: str
    what: str
    note: str = ""


@dataclass(frozen=True)
class Remark:
    """What is to be known of a project, node or application without being a change."""

    where: str
    text: str


@dataclass(frozen=True)
class Layer:
    """A layer of the cluster.

    steps    what would change
    unseen   what could not be looked at, and why
    stays    what somebody set by hand, and `up` leaves as it is
    """

    name: LayerName
    steps: tuple[Step, ...] = ()
    unseen: tuple[Remark, ...] = ()
    stays: tuple[Remark, ...] = ()

    @property
    def pending(self) -> bool:
        """Whether `up` would change something here, or might, as not all of it was seen."""
        return bool(self.steps or self.unseen)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "changes": [asdict(step) for step in self.steps],
            "unseen": [asdict(remark) for remark in self.unseen],
            "stays": [asdict(remark) for remark in self.stays],
        }


@dataclass(frozen=True)
class ClusterPlan:
    """What `up` would change. Documented in docs/plan.md.

    holder   who is changing the cluster now; None: nobody
    to_make  what would be made, in words, where a project was never applied; else empty
    """

    name: str
    region: str
    world: str
    holder: str | None
    to_make: str
    layers: tuple[Layer, ...]

    @property
    def pending(self) -> bool:
        return any(layer.pending for layer in self.layers)

    @property
    def changes(self) -> int:
        """How many changes there would be, as far as could be seen."""
        return sum(len(layer.steps) for layer in self.layers)

    def as_dict(self) -> dict[str, Any]:
        """The plan for `--json`."""
        return {
            "pending": self.pending,
            "changes": self.changes,
            "name": self.name,
            "region": self.region,
            "world": self.world,
            "holder": self.holder,
            "to_make": self.to_make,
            "layers": [layer.as_dict() for layer in self.layers],
        }


def cloud_layer(
    found: Mapping[str, Plan | BeeyardError],
    missing: Iterable[str] = (),
    stopped: Iterable[str] = (),
) -> Layer:
    """From the projects' plans, the projects that were never applied, and the nodes whose instances
    are stopped."""
    steps = [Step(name, "create", "the whole project") for name in missing]
    steps += (Step(PROJECT, "start", name, "it was stopped") for name in stopped)
    unseen = []
    for name, plan in found.items():
        if isinstance(plan, BeeyardError):
            unseen.append(_unseen(name, plan))
        elif plan.changes:
            steps += (
                Step(name, one.action, one.address, _BY_HAND * (one.address in plan.drifted))
                for one in plan.changes
            )
        elif plan.pending:
            steps.append(Step(name, "update", "its outputs"))
    return Layer("cloud", tuple(steps), tuple(unseen))


def hosts_layer(
    checked: Converged | BeeyardError | None,
    unreachable: Mapping[str, BeeyardError],
    lacking_image: Sequence[str] | BeeyardError = (),
    coming: Iterable[str] = (),
) -> Layer:
    """From what the playbook would change, None where it was not run; the nodes that did not let us
    in; those without the image of the controller; and those that the cloud is yet to make."""
    steps, unseen = [], [_unseen(node, error) for node, error in unreachable.items()]
    unseen += (Remark(node, "the cloud is yet to make it") for node in coming)
    if isinstance(checked, BeeyardError):
        unseen.append(_unseen("the playbook", checked))
    elif checked is not None:
        for task in checked.tasks:
            node, _, name = task.partition(": ")
            steps.append(Step(node, "change", name))
    if isinstance(lacking_image, BeeyardError):
        unseen.append(_unseen("image of the controller", lacking_image))
    else:
        steps += (Step(node, "build", "image of the controller") for node in lacking_image)
    return Layer("hosts", tuple(steps), tuple(unseen))


def swarm_layer(
    spec: ClusterSpec,
    snapshot: Snapshot,
    missing_secrets: Iterable[str],
    applications: Mapping[str, Foreseen | BeeyardError],
) -> Layer:
    """From what the Swarm is, what secrets it lacks, and what a deploy of each application would
    do."""
    lacking = set(missing_secrets)
    steps = [
        Step(name, "create", f"secret {secret}")
        for name, application in spec.applications.items()
        for secret in application.secrets
        if secret in lacking
    ]
    steps += (
        Step(node.name, "rejoin", "the Swarm", f"which calls it {node.state}")
        for node in _away(snapshot)
    )
    steps += (
        Step(node.name, "activate", "a drain was cut short") for node in left_draining(snapshot)
    )
    unseen, stays = [], list(_nodes_that_stay(snapshot))
    for name, found in applications.items():
        if isinstance(found, BeeyardError):
            unseen.append(_unseen(name, found))
        else:
            steps += _steps_of(name, found)
            stays += _replicas_that_stay(name, found)
    plan = plan_rebalance(snapshot)
    steps += (Step("rebalance", "move", str(shift)) for shift in plan.shifts)
    steps += (Step("rebalance", "finish", service) for service in plan.left)
    return Layer("swarm", tuple(steps), tuple(unseen), tuple(stays))


def unseen_layer(name: LayerName, where: str, error: BeeyardError) -> Layer:
    """A layer of which nothing could be looked at."""
    return Layer(name, unseen=(_unseen(where, error),))


def _unseen(where: str, error: BeeyardError) -> Remark:
    """What happened, with the last line of why."""
    return Remark(where, ": ".join([error.what, *(error.why or "").strip().splitlines()[-1:]]))


def _steps_of(name: str, found: Foreseen) -> Iterator[Step]:
    """In the order in which a deploy does it."""
    if found.cut_short:
        yield Step(name, "finish", "a rollout that was cut short", found.cut_short)
    if found.pending:
        yield from (Step(name, "build", f"image of {service}") for service in found.unbuilt)
        yield from (
            Step(name, "create", one) for one in (*_new_contents(found), *_new_networks(found))
        )
        yield from _rollout(name, found)


def _rollout(name: str, found: Foreseen) -> Iterator[Step]:
    release, notes = found.release, dict(_notes(found))
    if release.pre_deploy:
        yield Step(name, "run", f"{release.pre_deploy.service}: the task before a release")
    for change in found.plan.changed:
        yield Step(name, change.kind, change.service, notes.get(change.service, ""))
    if not found.plan.pending:
        yield Step(name, "release", f"release {release.number}", "no service changes")
    if release.post_deploy:
        yield Step(name, "run", f"{release.post_deploy.service}: the task after a release")


def _notes(found: Foreseen) -> Iterator[tuple[str, str]]:
    """By service what somebody did by hand: what the releases say is the same, and what runs is not
    that."""
    if found.previous is None:
        return
    new, old = fingerprints(found.release.bundle), fingerprints(found.previous.bundle)
    few = fewer(found.plan.replicas, found.release.application, found.snapshot)
    for change in found.plan.changed:
        service = change.service
        if new.get(service) != old.get(service):
            continue
        if service in few:
            yield service, f"scaled by hand to {few[service]}; {change.replicas} are to be there"
        elif change.kind == "create":
            yield service, "removed by hand"
        elif change.kind == "update":
            yield service, _BY_HAND


def _new_contents(found: Foreseen) -> Iterator[str]:
    """The secrets and configs that the stack file takes from files and the Swarm does not hold."""
    release, held = found.release, found.snapshot
    for one in release.secrets:
        # One that is missing and is no file's is made before, from what beeyard.yml says.
        if one not in held.secrets and names_with_versions([one]):
            yield f"secret {one}"
    yield from (f"config {one}" for one in release.configs if one not in held.configs)


def _new_networks(found: Foreseen) -> Iterator[str]:
    """The networks that `docker stack deploy` would make: those of services that change."""
    bundle = found.release.bundle
    due = {change.service for change in found.plan.changed if change.kind != "remove"}
    used = {
        network
        for service, entry in bundle.services.items()
        if service in due
        for network in entry.get("networks") or ("default",)
    }
    there = {network.name for network in found.snapshot.networks}
    sections: Mapping[str, Any] = bundle.document.get("networks") or {}
    for key in sorted(used):
        entry = sections.get(key) or {}
        name = entry.get("name") or f"{found.release.application}_{key}"
        name = interpolate(str(name), bundle.environment)
        if not entry.get("external") and name not in there:
            yield f"network {name}"


def _replicas_that_stay(name: str, found: Foreseen) -> Iterator[Remark]:
    said = said_replicas(found.release.bundle)
    kept: Iterable[Change] = (one for one in found.plan.changes if one.kind != "remove")
    for change in kept:
        count = said.get(change.service)
        if count is not None and change.replicas is not None and change.replicas > count:
            text = f"{change.service} keeps its {change.replicas} replicas; the file says {count}"
            yield Remark(name, text)


def _away(snapshot: Snapshot) -> Iterator[Node]:
    """Members that are not ready, but for what a node was before that is back by another ID."""
    ready = {node.name for node in snapshot.nodes if node.state == "ready"}
    yield from (node for node in snapshot.nodes if node.name not in ready)


def _nodes_that_stay(snapshot: Snapshot) -> Iterator[Remark]:
    for node in snapshot.nodes:
        if node.availability != "active" and node not in left_draining(snapshot):
            yield Remark(
                node.name,
                f"its availability stays `{node.availability}`: beeyard node activate {node.name}",
            )
