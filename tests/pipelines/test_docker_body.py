"""What the Docker engine is asked for: pure."""

import json
from typing import Any

from beeyard.pipelines.docker_body import create_body
from beeyard.pipelines.model import Mount, Volume
from beeyard.pipelines.plan import MEBIBYTE, Bind, Job, JobStep, StepLimits, shell
from beeyard.secret import Secret


def body(one: JobStep, **options: Any) -> dict[str, Any]:
    return create_body(Job("7", "default", (one,), **options), one)


def host_config(one: JobStep, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = body(one, **options)["HostConfig"]
    return found


def test_of_a_plain_step_the_image_decides_what_runs() -> None:
    assert body(JobStep("db", "mariadb:11"), disk=0) == {
        "Image": "mariadb:11",
        "Env": [],
        "Labels": {"beeyard.pipeline": "7", "beeyard.step": "db"},
        "NetworkingConfig": {"EndpointsConfig": {"beeyard-7": {"Aliases": ["db"]}}},
        "HostConfig": {
            "NetworkMode": "beeyard-7",
            "Mounts": [{"Type": "volume", "Source": "beeyard-7-workspace", "Target": "/drone/src"}],
            "Binds": [],
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "1"}},
            "Init": False,
            "Privileged": False,
            "SecurityOpt": ["no-new-privileges"],
            "Devices": [],
            "Dns": [],
            "DnsSearch": [],
            "ExtraHosts": [],
            "PidsLimit": 2048,
        },
    }


def test_a_secret_is_in_the_environment_and_nowhere_else() -> None:
    sh = shell(["deploy $TOKEN"])
    one = JobStep(
        "deploy",
        "tiny",
        entrypoint=sh.entrypoint,
        command=sh.command,
        environment={**sh.environment, "TOKEN": Secret("hunter2")},
    )
    asked = body(one)
    assert "TOKEN=hunter2" in asked.pop("Env")
    assert "hunter2" not in json.dumps(asked)
    assert "hunter2" not in repr(one)


def test_limits_are_the_engine_s() -> None:
    limits = StepLimits(cpus=0.5, memory=64 * MEBIBYTE, pids=9)
    asked = host_config(JobStep("a", "x", limits=limits, shm_size=MEBIBYTE), disk=MEBIBYTE)
    expected = {
        "NanoCpus": 500_000_000,
        "Memory": 64 * MEBIBYTE,
        "MemorySwap": 64 * MEBIBYTE,
        "PidsLimit": 9,
        "ShmSize": MEBIBYTE,
        "Ulimits": [{"Name": "fsize", "Soft": MEBIBYTE, "Hard": MEBIBYTE}],
    }
    assert {key: asked.get(key) for key in expected} == expected


def test_volumes_of_each_kind() -> None:
    one = JobStep(
        "a",
        "x",
        mounts=(Mount("disk", "/disk"), Mount("ram", "/ram"), Mount("host", "/host")),
        binds=(Bind("/var/run/docker.sock", "/var/run/docker.sock", read_only=True),),
        devices=(Bind("/dev/kvm", "/dev/kvm"),),
    )
    asked = host_config(
        one,
        volumes=(
            Volume("disk", "temp"),
            Volume("ram", "temp", medium="memory", size=MEBIBYTE),
            Volume("host", "host", path="/srv/cache"),
            Volume("other", "host", path="/etc"),
        ),
    )
    assert asked["Mounts"][1:] == [
        {"Type": "volume", "Source": "beeyard-7-volume-1-disk", "Target": "/disk"},
        {"Type": "tmpfs", "Target": "/ram", "TmpfsOptions": {"SizeBytes": MEBIBYTE}},
    ]
    assert asked["Binds"] == [
        "/srv/cache:/host:rw",
        "/var/run/docker.sock:/var/run/docker.sock:ro",
    ]
    assert asked["Devices"] == [
        {"PathOnHost": "/dev/kvm", "PathInContainer": "/dev/kvm", "CgroupPermissions": "rwm"}
    ]


def test_what_a_trusted_step_may_ask_for() -> None:
    one = JobStep(
        "a",
        "x",
        privileged=True,
        network_mode="host",
        user="1000:1000",
        hostname="builder",
        working_dir="/src",
        dns=("10.0.0.2",),
        dns_search=("example.com",),
        extra_hosts=("db:10.0.0.3",),
    )
    asked = body(one, folder="/home/me/project")
    assert "NetworkingConfig" not in asked
    assert (asked["User"], asked["Hostname"], asked["WorkingDir"]) == (
        "1000:1000",
        "builder",
        "/src",
    )
    host = asked["HostConfig"]
    assert (host["Privileged"], host["SecurityOpt"], host["NetworkMode"]) == (True, [], "host")
    assert (host["Dns"], host["DnsSearch"], host["ExtraHosts"]) == (
        ["10.0.0.2"],
        ["example.com"],
        ["db:10.0.0.3"],
    )
    assert host["Mounts"] == [
        {"Type": "bind", "Source": "/home/me/project", "Target": "/drone/src"}
    ]
