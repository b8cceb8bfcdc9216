"""`status` and `sandbox status` as text."""

import io
from dataclasses import replace

from rich.console import Console

from beeyard.cli.tables import show_plan, show_rehearsal, show_status
from beeyard.sandbox import ContainerStatus, Problem, SandboxStatus
from beeyard.workflows import ClusterPlan, Status
from beeyard.workflows.plan_report import Layer, Remark, Step
from beeyard.workflows.status import NodeStatus, ServiceStatus, UrlStatus

LONG = "https://a-rather-long-name-of-an-application.timeoff.staging.example-of-a-company.com/"
STATUS = Status(
    name="timeoff",
    domain="beeyard.localhost",
    region="us-east-1",
    world="sandbox",
    database=None,
    file_system="fs-1",
    nodes=(
        NodeStatus("manager-1", "manager", "us-east-1a", "10.20.1.4", "t3.small", "ready"),
        NodeStatus("worker-1", "worker", "us-east-1a", "10.20.1.7", "t3.small", "stopped"),
    ),
    services=(
        ServiceStatus("traefik_traefik", 1, 1, ("manager-1",)),
        ServiceStatus("timeoff_web", 1, 2, ("worker-1", "worker-2")),
    ),
    urls=(
        UrlStatus(
            LONG,
            "127.0.0.1",
            ok=True,
            listening=True,
            answer="200",
            issuer="Local CA",
            expires="2027-02-01T00:00:00+00:00",
        ),
        UrlStatus(
            "https://x.example.com/",
            "127.0.0.1",
            ok=False,
            listening=True,
            answer="no [answer]",
            issuer=None,
            expires=None,
        ),
    ),
    skipped={"portainer": "image not available"},
    problem=None,
)
REHEARSAL = SandboxStatus(
    name="timeoff",
    running=True,
    endpoint="http://10.20.0.1:5005",
    http_port=8080,
    https_port=8443,
    containers=(
        ContainerStatus(
            "beeyard-timeoff-db-timeoff",
            "db-timeoff",
            "database",
            "db",
            "running",
            "10.20.1.9",
            100 * 2**20,
        ),
        ContainerStatus(
            "beeyard-timeoff-i-1", "i-1", "instance", "manager-1", "exited", None, None
        ),
    ),
    problems=(Problem("the container of i-1 (manager-1) is exited", "it ended by itself"),),
)


def shown(status: Status | SandboxStatus | ClusterPlan) -> str:
    """As a pipe, or a terminal without colour and of 80 columns, gets it."""
    console = Console(file=io.StringIO(), width=80, soft_wrap=True, highlight=False)
    if isinstance(status, Status):
        show_status(console, status)
    elif isinstance(status, ClusterPlan):
        show_plan(console, status)
    else:
        show_rehearsal(console, status)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def test_status() -> None:
    assert (
        shown(STATUS)
        == f"""\
timeoff in us-east-1 (sandbox): not well
shared files fs-1, database none

node       role     zone        address    type      state
manager-1  manager  us-east-1a  10.20.1.4  t3.small  ready
worker-1   worker   us-east-1a  10.20.1.7  t3.small  stopped

service          replicas  nodes
traefik_traefik  1/1       manager-1
timeoff_web      1/2       worker-1, worker-2

url{" " * (len(LONG) - 3)}  way in     until       certificate by  answer
{LONG}  127.0.0.1  2027-02-01  Local CA        200
https://x.example.com/{" " * (len(LONG) - 22)}  127.0.0.1  -           -               no [answer]

portainer skipped: image not available"""
    )


def test_a_swarm_that_could_not_be_asked() -> None:
    away = replace(
        STATUS, nodes=STATUS.nodes[1:], services=(), urls=(), skipped={}, problem="no [way] to it"
    )
    assert (
        shown(away)
        == """\
timeoff in us-east-1 (sandbox): not well
shared files fs-1, database none
the Swarm could not be asked: no [way] to it

node      role    zone        address    type      state
worker-1  worker  us-east-1a  10.20.1.7  t3.small  stopped

url  way in  until  certificate by  answer"""
    )


def test_a_rehearsal() -> None:
    assert (
        shown(REHEARSAL)
        == """\
timeoff, rehearsed on this machine: running
AWS API http://10.20.0.1:5005, ports of 127.0.0.1: 8080 and 8443, memory 100 MiB

container   kind      host name  address    memory   state
db-timeoff  database  db         10.20.1.9  100 MiB  running
i-1         instance  manager-1  -          -        exited

the container of i-1 (manager-1) is exited
    it ended by itself"""
    )


def test_a_rehearsal_whose_supervisor_is_gone() -> None:
    gone = replace(REHEARSAL, running=False, endpoint=None, problems=())
    assert shown(gone).splitlines()[:2] == [
        "timeoff, rehearsed on this machine: not running",
        "AWS API gone, ports of 127.0.0.1: 8080 and 8443, memory 100 MiB",
    ]


def test_memory_that_no_engine_measures() -> None:
    unknown = tuple(replace(one, memory=None) for one in REHEARSAL.containers)
    lines = shown(replace(REHEARSAL, containers=unknown)).splitlines()
    assert lines[1].endswith("8080 and 8443, memory not measured by this engine")


def test_no_rehearsal() -> None:
    nothing = replace(
        REHEARSAL, running=False, endpoint=None, http_port=None, containers=(), problems=()
    )
    assert shown(nothing) == "timeoff: there is no such rehearsal"


def test_a_plan() -> None:
    layers = (
        Layer("cloud", (Step("efs", "update", 'aws_efs.this["a"]', "changed by hand"),)),
        Layer("hosts", unseen=(Remark("worker-1", "no [way] in"),)),
        Layer(
            "swarm", (Step("shop", "build", "image of web"),), (), (Remark("shop", "web stays"),)
        ),
    )
    plan = ClusterPlan("shop", "eu-central-1", "aws", "ada on laptop: up", "one\ntwo", layers)
    assert (
        shown(plan)
        == """\
shop in eu-central-1 (aws): 2 changes
being changed right now: ada on laptop: up
to be made:
  one
  two

cloud: 1 change

where  action  what               why
efs    update  aws_efs.this["a"]  changed by hand

hosts: no changes to be seen
not looked at: worker-1: no [way] in

swarm: 1 change

where  action  what
shop   build   image of web
stays: shop: web stays"""
    )


def test_a_plan_without_a_change() -> None:
    plan = ClusterPlan("shop", "eu-central-1", "aws", None, "", (Layer("cloud"),))
    assert shown(plan) == "shop in eu-central-1 (aws): nothing to change\n\ncloud: no changes"
