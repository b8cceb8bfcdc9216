"""`provision` where the first manager is in no Swarm yet: there is nobody to ask for secrets."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from beeyard import provision
from beeyard.inventory import secret_variable
from beeyard.provision import Converged, Options
from beeyard.provision.room import LEAST
from beeyard.secret import Secret
from beeyard.testing import FakeRunner
from beeyard.workflows import Cluster, run_provision
from beeyard.workflows import provision as workflow
from beeyard.workflows.hosts import open_hosts
from cloud.example import outputs

STATE = "sudo -n docker info --format '{{.Swarm.LocalNodeState}}'"


@pytest.mark.parametrize(("code", "state"), [(0, "inactive\n"), (127, "")])
def test_every_secret_is_gathered(
    make_cluster: Callable[..., Cluster],
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    state: str,
) -> None:
    monkeypatch.setenv("KEY", "of the operator's")
    applications = {"shop": {"path": ".", "secrets": {"shop_key": "env:KEY"}}}
    runner: Any = FakeRunner()
    cluster = replace(make_cluster(applications=applications), runner=runner)
    hosts = open_hosts(cluster, outputs(database=None))
    ssh = ("ssh", "-F", str(hosts.files.ssh_config), "-T")
    for host in hosts.inventory.hosts:
        runner.expect(*ssh, host.name, "--", "true")
        df = "df --block-size=1 --output=avail / /var/lib/docker"
        runner.expect(*ssh, host.name, "--", df, stdout=f"Avail\n{LEAST}\n{LEAST}\n")
    runner.expect(*ssh, "manager-1", "--", STATE, stdout=state, code=code)
    played: list[tuple[str, Options]] = []

    def play(playbook: str, _files: object, options: Options, _say: object) -> Converged:
        played.append((playbook, options))
        return Converged({"manager-1": 1}, ("a task",))

    monkeypatch.setattr(workflow, "read_outputs", lambda _: hosts.outputs)
    monkeypatch.setattr(workflow, "hosts_to_play", lambda *_: hosts)
    monkeypatch.setattr(provision, "run", play)
    with runner:
        assert run_provision(cluster).total == 1
    secrets = {secret_variable("shop_key"): Secret("of the operator's")}
    assert played == [("deploy", Options(secrets=secrets))]
