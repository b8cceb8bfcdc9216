"""A small AWS, as data: for tests of what follows from one."""

from pathlib import Path

from beeyard.sandbox.container import NodeForm
from beeyard.sandbox.desired import Setting
from beeyard.sandbox.spec import Addresses, SandboxSpec
from beeyard.sandbox.state import ImageNames, Request
from beeyard.sandbox.world import (
    ARecord,
    DatabaseInstance,
    ElasticIp,
    Instance,
    MountTarget,
    PortRange,
    World,
)
from beeyard.secret import Secret

SPEC = SandboxSpec("timeoff", "beeyard.localhost", "us-east-1", "10.20.0.0/16")
ADDRESSES = Addresses.of(SPEC)
KEYS = ("ssh-ed25519 A",)
WEB = (PortRange(80, 80), PortRange(443, 443))
MANAGER = Instance(
    "i-m1", "10.20.1.11", running=True, hostname="manager-1", public_keys=KEYS, open_ports=WEB
)
SECOND = Instance(
    "i-m2", "10.20.2.12", running=True, hostname="manager-2", public_keys=KEYS, open_ports=WEB
)
WORKER = Instance("i-w1", "10.20.6.4", running=True, hostname="worker-1", public_keys=KEYS)
DATABASE = DatabaseInstance(
    identifier="timeoff",
    engine="mariadb",
    endpoint="timeoff.aaaaaaaaaa.us-east-1.rds.amazonaws.com",
    port=3306,
    running=True,
    username="boss",
    password=Secret("it's \\ secret"),
)
WORLD = World(
    region="us-east-1",
    instances=(MANAGER, SECOND, WORKER),
    elastic_ips=(ElasticIp("127.1.2.3", "i-m1"), ElasticIp("127.4.5.6", "i-m2")),
    file_systems=("fs-1",),
    mount_targets=(
        MountTarget("fsmt-a", "fs-1", "10.20.11.5"),
        MountTarget("fsmt-b", "fs-1", "10.20.12.5"),
    ),
    databases=(DATABASE,),
    records=(ARecord("www.example.com", ("127.1.2.3",)),),
)
SETTING = Setting(
    Request(SPEC, ImageNames("n", "s", "m", "h"), 8080, 8443, NodeForm(privileged=False)),
    ADDRESSES,
    Path("/state"),
    ("192.0.2.53",),
)
