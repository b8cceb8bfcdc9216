"""Where a service may run, by the nodes that the file describes."""

from collections.abc import Iterator, Mapping

from beeyard.config.check.finding import Finding
from beeyard.config.check.project import Loc, Project, Service, Stack, section, sequence
from beeyard.config.constraint import LABEL, Constraint
from beeyard.config.model import ClusterSpec
from beeyard.config.nodes import nodes

# As the kernel says it, which is what nodes tell the Swarm.
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
# What provisioning finds out is told to nobody before.
_FOUND_OUT = f"{LABEL}beeyard."


def satisfiable(project: Project, stack: Stack) -> Iterator[Finding]:
    """Each service's constraints need a node that satisfies all of them."""
    for service in stack.services:
        for index, text in enumerate(_constraints(service)):
            yield from _one(project, stack, service, index, text)
        if not allowed(project.spec, service) and _each_holds_somewhere(project.spec, service):
            texts = " and ".join(f"`{text}`" for text in _constraints(service))
            yield stack.finding(
                "error", _loc(service), f"no node satisfies {texts}", _what_there_is(project.spec)
            )


def room_for_replicas(project: Project, stack: Stack) -> Iterator[Finding]:
    """As many tasks as a node takes, times the nodes, must make the replicas, and one to change."""
    for service in stack.services:
        most, why = _per_node(service)
        names = allowed(project.spec, service)
        if most is None or service.replicas is None or not names:
            continue
        room, count = most * len(names), len(names)
        on = f"{count} node{'s' if count > 1 else ''} ({', '.join(names)})"
        loc = (*service.loc, "deploy", "replicas")
        if room < service.replicas:
            yield stack.finding(
                "error",
                loc,
                f"{service.replicas} replicas don't fit on {on}",
                "Use fewer replicas, or add nodes.",
                why,
            )
        elif room == service.replicas and service.order == "start-first":
            yield stack.finding(
                "warning",
                (*service.loc, "deploy", "placement", "max_replicas_per_node"),
                f"an update has no room: its {service.replicas} replicas fill {on}",
                "Raise `max_replicas_per_node`, add a node, or use `order: stop-first`.",
                "The new task would start before the old one stops, and no node may take it.",
            )


def allowed(spec: ClusterSpec, service: Service) -> tuple[str, ...]:
    """The nodes that satisfy a service's constraints, as far as beeyard knows them."""
    wanted = [one for text in _constraints(service) if (one := _parsed(text)) and _is_told(one)]
    return tuple(
        name
        for name, attributes in _attributes(spec).items()
        if all(constraint.holds(attributes) for constraint in wanted)
    )


def _one(
    project: Project, stack: Stack, service: Service, index: int, text: str
) -> Iterator[Finding]:
    """What one constraint by itself would fail of."""
    constraint, loc = _parsed(text), (*_loc(service), index)
    if constraint is None:
        yield stack.finding(
            "error",
            loc,
            f"`{text}` is no placement constraint",
            "Write it like `node.role == worker`.",
        )
    elif not constraint.known:
        yield stack.finding(
            "error",
            loc,
            f"no node satisfies `{text}`: Swarm knows no `{constraint.key}`",
            "Use node.role, node.hostname, node.labels.NAME, node.platform.os or "
            "node.platform.arch.",
        )
    elif not _is_told(constraint):
        yield from _by_hand(stack, loc, constraint)
    elif not _anywhere(project.spec, constraint):
        yield stack.finding(
            "error", loc, f"no node satisfies `{text}`", _what_there_is(project.spec, constraint)
        )


def _by_hand(stack: Stack, loc: Loc, constraint: Constraint) -> Iterator[Finding]:
    """A label that beeyard does not put on nodes: somebody may have."""
    if constraint.label is None or not constraint.equal or constraint.key.startswith(_FOUND_OUT):
        return
    label = f"{constraint.label}={constraint.value}"
    yield stack.finding(
        "warning",
        loc,
        f"beeyard puts no label `{constraint.label}` on any node",
        f"Put it on a node by hand (`docker node update --label-add {label} NODE`), or use "
        "`node.labels.zone` or `node.role`."
        if constraint.key.startswith(LABEL)
        else "Use a label of the node (`node.labels.zone`), or `node.role`.",
        "Until a node has it, no task of the service runs.",
    )


def _constraints(service: Service) -> list[str]:
    return [str(text) for text in sequence(_placement(service).get("constraints"))]


def _placement(service: Service) -> Mapping[str, object]:
    return section(service.deploy.get("placement"))


def _loc(service: Service) -> Loc:
    return (*service.loc, "deploy", "placement", "constraints")


def _parsed(text: str) -> Constraint | None:
    try:
        return Constraint.parse(text)
    except ValueError:
        return None


def _is_told(constraint: Constraint) -> bool:
    """Whether the file tells of every node what the constraint asks for."""
    if not constraint.known:
        return True
    return constraint.key in {
        "node.role",
        "node.hostname",
        "node.platform.os",
        "node.platform.arch",
        f"{LABEL}zone",
        f"{LABEL}role",
    }


def _attributes(spec: ClusterSpec) -> dict[str, dict[str, str]]:
    """What the file tells of each node, by the keys of constraints. The labels are those that the
    role `swarm` puts on it."""
    return {
        name: {
            "node.role": node.role,
            "node.hostname": name,
            "node.platform.os": "linux",
            "node.platform.arch": _MACHINES[spec.image.architecture],
            f"{LABEL}zone": node.zone,
            f"{LABEL}role": node.role,
        }
        for name, node in nodes(spec).items()
    }


def _anywhere(spec: ClusterSpec, constraint: Constraint) -> bool:
    return any(constraint.holds(attributes) for attributes in _attributes(spec).values())


def _each_holds_somewhere(spec: ClusterSpec, service: Service) -> bool:
    """Whether it is the constraints together that fail: one that fails alone was told of."""
    parsed = [_parsed(text) for text in _constraints(service)]
    return all(one and (not _is_told(one) or _anywhere(spec, one)) for one in parsed)


def _what_there_is(spec: ClusterSpec, constraint: Constraint | None = None) -> str:
    key = constraint.key if constraint else "node.hostname"
    found = dict.fromkeys(attributes[key] for attributes in _attributes(spec).values())
    return f"The nodes have {key} {', '.join(found)}."


def _per_node(service: Service) -> tuple[int | None, str]:
    """How many of its tasks a node takes, and why; None: any number."""
    ports = [section(port) for port in sequence(service.data.get("ports"))]
    if any(port.get("mode") == "host" and port.get("published") for port in ports):
        return 1, "Each task needs the same port of its node."
    most = str(_placement(service).get("max_replicas_per_node", ""))
    if not most.isdigit() or most == "0":
        return None, ""
    return int(most), f"`max_replicas_per_node` is {most}."
