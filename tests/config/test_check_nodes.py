"""What `beeyard check` finds where no node can run a service, or hold what it reserves."""

from collections.abc import Callable

import pytest

from beeyard.config import Finding
from beeyard.config.instance_types import size_of

Checked = Callable[..., tuple[Finding, ...]]

ZONES = "eu-central-1a, eu-central-1b, eu-central-1c"


@pytest.fixture
def found(
    checked: Checked, application: str, web: str
) -> Callable[..., list[tuple[str, str, str]]]:
    """Level, place and words of what is found of a service whose `deploy` has `more`."""

    def of(more: str, nodes: str = "", order: str = "start-first") -> list[tuple[str, str, str]]:
        stack = web.replace("replicas: 2\n", f"{more}\n").replace(
            "order: start-first", f"order: {order}"
        )
        findings = checked(application + nodes, stack)
        return [(one.level, one.where, one.what) for one in findings]

    return of


Found = Callable[..., list[tuple[str, str, str]]]


def constrained(*constraints: str) -> str:
    return f"replicas: 2\n      placement: {{constraints: {list(constraints)}}}"


@pytest.mark.parametrize(
    ("constraint", "nodes"),
    [
        ("node.role == worker", ""),
        ("node.role==Worker", ""),
        ("node.role == manager", ""),
        ("node.hostname == worker-2", ""),
        ("node.hostname != worker-2", ""),
        ("node.labels.zone == eu-central-1b", ""),
        ("node.labels.role == worker", ""),
        ("node.platform.os == linux", ""),
        ("node.platform.arch == x86_64", ""),
        ("node.platform.arch == aarch64",
         "managers: {type: t4g.small}\nworkers: {type: t4g.small}\nimage: {architecture: arm64}\n"),
        ("node.id == abc", ""),
        ("node.ip == 10.20.1.5", ""),
        ("node.labels.beeyard.ipvs == true", ""),
        ("node.labels.disk != ssd", ""),
    ],
)  # fmt: skip
def test_constraints_that_a_node_may_satisfy(found: Found, constraint: str, nodes: str) -> None:
    levels = [level for level, _, _ in found(constrained(constraint), nodes)]
    assert "error" not in levels
    assert levels == []


@pytest.mark.parametrize(
    ("constraint", "nodes", "fix"),
    [
        ("node.role == worker", "workers: {count: 0}\n", "The nodes have node.role manager."),
        ("node.hostname == worker-3", "",
         "The nodes have node.hostname manager-1, worker-1, worker-2."),
        ("node.labels.zone == eu-central-1c", "",
         "The nodes have node.labels.zone eu-central-1a, eu-central-1b."),
        ("node.labels.role == database", "", "The nodes have node.labels.role manager, worker."),
        ("node.platform.arch == amd64", "", "The nodes have node.platform.arch x86_64."),
        ("node.platform.os == windows", "", "The nodes have node.platform.os linux."),
    ],
)  # fmt: skip
def test_a_constraint_that_no_node_satisfies(
    checked: Checked, application: str, web: str, constraint: str, nodes: str, fix: str
) -> None:
    stack = web.replace("replicas: 2", constrained(constraint))
    (finding,) = checked(application + nodes, stack)
    assert (finding.level, finding.where) == ("error", "web/stack.yml:8:33")
    assert finding.what == (
        f"services.web.deploy.placement.constraints[0]: no node satisfies `{constraint}`"
    )
    assert finding.fix == fix


def test_constraints_that_no_node_satisfies_together(found: Found) -> None:
    more = constrained("node.role == manager", "node.hostname == worker-1")
    assert found(more) == [
        (
            "error",
            "web/stack.yml:8:32",
            (
                "services.web.deploy.placement.constraints: no node satisfies "
                "`node.role == manager` and `node.hostname == worker-1`"
            ),
        )
    ]


@pytest.mark.parametrize(
    ("constraint", "what"),
    [
        ("node.role = worker", "`node.role = worker` is no placement constraint"),
        ("node.role", "`node.role` is no placement constraint"),
        ("node.zone == x", "no node satisfies `node.zone == x`: Swarm knows no `node.zone`"),
        ("node.zone != x", "no node satisfies `node.zone != x`: Swarm knows no `node.zone`"),
    ],
)
def test_what_is_no_constraint(found: Found, constraint: str, what: str) -> None:
    ((level, _, said),) = found(constrained("node.role == worker", constraint))
    assert (level, said) == ("error", f"services.web.deploy.placement.constraints[1]: {what}")


@pytest.mark.parametrize("label", ["node.labels.disk", "engine.labels.disk"])
def test_a_label_that_somebody_may_have_put_on_a_node(found: Found, label: str) -> None:
    assert found(constrained("node.role == worker", f"{label} == ssd")) == [
        (
            "warning",
            "web/stack.yml:8:56",
            (
                "services.web.deploy.placement.constraints[1]: beeyard puts no label `disk` on any "
                "node"
            ),
        )
    ]


def test_a_constraint_with_a_variable(checked: Checked, application: str, web: str) -> None:
    config = application + "    environment: {ROLE: worker}\n"
    stack = web.replace("replicas: 2", constrained("node.role == ${ROLE}"))
    assert checked(config, stack) == ()
    assert [one.what for one in checked(config + "workers: {count: 0}\n", stack)] == [
        "services.web.deploy.placement.constraints[0]: no node satisfies `node.role == worker`"
    ]


def per_node(replicas: int, most: int) -> str:
    return (
        f"replicas: {replicas}\n      placement: {{max_replicas_per_node: {most}, "
        "constraints: [node.role == worker]}"
    )


def test_more_replicas_than_nodes_take(found: Found) -> None:
    full = "2 nodes (worker-1, worker-2)"
    assert found(per_node(3, 1)) == [
        (
            "error",
            "web/stack.yml:7:17",
            f"services.web.deploy.replicas: 3 replicas don't fit on {full}",
        )
    ]
    assert found(per_node(2, 1)) == [
        (
            "warning",
            "web/stack.yml:8:42",
            (
                "services.web.deploy.placement.max_replicas_per_node: an update has no room: its 2 "
                f"replicas fill {full}"
            ),
        )
    ]
    assert found(per_node(2, 1), order="stop-first") == [
        (
            "warning",
            "web/stack.yml:9:22",
            (
                "services.web.deploy.update_config: an update stops each task before its successor "
                "runs"
            ),
        )
    ]
    assert found(per_node(3, 2)) == []
    assert found(per_node(2, 0)) == []
    assert found(per_node(2, 1), "workers: {count: 3}\n") == []


def test_more_replicas_than_nodes_with_a_port(checked: Checked, web: str) -> None:
    stack = web.replace(
        "    networks: [traefik_proxy]\n",
        "    networks: [traefik_proxy]\n    ports: [{target: 80, published: 80, mode: host}]\n",
    )
    assert checked(stack=stack.replace("replicas: 2", "replicas: 3")) == ()
    (finding,) = checked(stack=stack.replace("replicas: 2", "replicas: 4"))
    assert finding.what == (
        "services.web.deploy.replicas: 4 replicas don't fit on 3 nodes (manager-1, worker-1, "
        "worker-2)"
    )
    assert finding.why == "Each task needs the same port of its node."


def reserving(reserved: str, constraint: str = "node.role == worker") -> str:
    return f"{constrained(constraint)}\n      resources: {{reservations: {{{reserved}}}}}"


@pytest.mark.parametrize(
    "reserved",
    ["cpus: '2'", "cpus: 1.5", "memory: 1800M", "memory: 1.7g", "memory: 1GiB", "memory: nonsense",
     "cpus: lots", ""],
)  # fmt: skip
def test_reservations_that_a_node_holds(found: Found, reserved: str) -> None:
    assert found(reserving(reserved)) == []


@pytest.mark.parametrize(
    ("reserved", "level", "what"),
    [
        ("cpus: '2.5'", "error",
         ("cpus: no node has 2.5 cpus: the largest that may run it, worker-1 (t3.small), has "
         "2 cpus")),
        ("memory: 2G", "error",
         ("memory: no node has 2 GiB of memory: the largest that may run it, worker-1 (t3.small), "
         "has 2 GiB")),
        ("memory: 4096mb", "error",
         ("memory: no node has 4 GiB of memory: the largest that may run it, worker-1 (t3.small), "
         "has 2 GiB")),
        ("memory: 1900M", "warning",
         ("memory: a task takes all the memory of a node: the largest that may run it, worker-1 "
         "(t3.small), has 2 GiB")),
    ],
)  # fmt: skip
def test_reservations_that_no_node_holds(
    found: Found, reserved: str, level: str, what: str
) -> None:
    assert found(reserving(reserved)) == [
        (
            level,
            f"web/stack.yml:9:{34 + reserved.index(':') + 2}",
            f"services.web.deploy.resources.reservations.{what}",
        )
    ]


def test_reservations_go_by_the_nodes_that_the_constraints_allow(found: Found) -> None:
    larger = "workers: {type: m5.large}\n"
    assert found(reserving("memory: 4G"), larger) == []
    ((level, _, what),) = found(reserving("memory: 4G", "node.role == manager"), larger)
    assert level == "error"
    assert what.endswith("manager-1 (t3.small), has 2 GiB")


def test_processors_on_one_pool_and_memory_on_the_other(found: Found) -> None:
    pools = "managers: {type: c5.2xlarge}\nworkers: {type: r5.large}\n"
    more = reserving("cpus: '4', memory: 15.5G", "node.platform.os == linux")
    assert found(more, pools.replace("c5.2xlarge", "c5.4xlarge")) == []
    ((level, place, what),) = found(more.replace("15.5G", "15.9G"), pools.replace("2x", "x"))
    assert (level, place) == ("error", "web/stack.yml:9:33")
    assert what == (
        "services.web.deploy.resources.reservations: no node has as many cpus and as much memory "
        "at once"
    )


def test_a_type_that_is_not_known(found: Found) -> None:
    assert found(reserving("memory: 4096G"), "workers: {type: x9z.large}\n") == []


@pytest.mark.parametrize(
    ("instance_type", "cpus", "gib"),
    [
        ("t2.nano", 1, 0.5), ("t2.small", 1, 2), ("t2.medium", 2, 4), ("t2.2xlarge", 8, 32),
        ("t3.nano", 2, 0.5), ("t3a.micro", 2, 1), ("t4g.large", 2, 8), ("t3.xlarge", 4, 16),
        ("m5.large", 2, 8), ("m6i.4xlarge", 16, 64), ("m6g.medium", 1, 4),
        ("m7g.16xlarge", 64, 256),
        ("c5.large", 2, 4), ("c5.9xlarge", 36, 72), ("c6g.medium", 1, 2), ("c7g.xlarge", 4, 8),
        ("r5.large", 2, 16), ("r6i.32xlarge", 128, 1024), ("r6g.medium", 1, 8),
    ],
)  # fmt: skip
def test_what_instance_types_have(instance_type: str, cpus: int, gib: float) -> None:
    size = size_of(instance_type)
    assert size is not None
    assert (size.cpus, size.memory) == (cpus, gib * 2**30)


@pytest.mark.parametrize(
    "instance_type", ["m5.metal", "t3.4xlarge", "p5.48xlarge", "c5n.large", "m5.0xlarge", "m5", ""]
)
def test_types_that_are_not_known(instance_type: str) -> None:
    assert size_of(instance_type) is None
