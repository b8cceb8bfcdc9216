"""The rules for what steps of pipelines reach, as text. That they hold is for real nodes to show
(tests/pipelines/test_real_reach.py)."""

import shlex
import subprocess
from pathlib import Path

import pytest

import beeyard.provision
from beeyard.pipelines.plan import BRIDGES, Job

SCRIPT = Path(beeyard.provision.__file__).parent / "ansible" / "roles/steps/files" / "beeyard-steps"
SETTINGS = {"VPC": "10.20.0.0/16", "RESOLVER": "10.20.0.2", "ENTRANCES": "10.20.1.11 10.20.1.12"}
OUT, NODE = "BEEYARD-STEPS-OUT", "BEEYARD-STEPS-NODE"


def ask(folder: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run the script on a file with these settings. None of what is asked of it here needs root."""
    file = folder / "settings"
    file.write_text("".join(f"{key}={shlex.quote(value)}\n" for key, value in settings.items()))
    argv = ["sh", str(SCRIPT), *arguments, str(file)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)


@pytest.fixture
def ipv4(tmp_path: Path) -> list[str]:
    said = ask(tmp_path, "rules", **SETTINGS)
    assert said.returncode == 0, said.stderr
    return said.stdout.partition("# IPv6")[0].splitlines()


@pytest.fixture
def ipv6(tmp_path: Path) -> list[str]:
    return ask(tmp_path, "rules", **SETTINGS).stdout.partition("# IPv6")[2].splitlines()


def of(rules: list[str], chain: str) -> list[str]:
    """The rules of a chain, in order."""
    start = f"-A {chain} "
    return [rule.removeprefix(start) for rule in rules if rule.startswith(start)]


def test_the_networks_of_pipelines_and_builds_are_meant_and_no_others(
    ipv4: list[str], ipv6: list[str]
) -> None:
    for rules in (ipv4, ipv6):
        for chain in ("BEEYARD-STEPS", "BEEYARD-STEPS-IN"):
            meant = [rule.split()[1] for rule in of(rules, chain) if rule.startswith("-i ")]
            assert meant == [f"{BRIDGES}+", "docker0"]


def test_a_pipeline_s_bridge_has_a_name_that_linux_takes_and_no_other_has() -> None:
    names = {Job(f"{number}-abc", "default", ()).bridge for number in range(100)}
    assert len(names) == 100
    assert all(name.startswith(BRIDGES) and len(name) == 15 for name in names)


def test_of_the_node_itself_only_the_way_in_is_left(ipv4: list[str]) -> None:
    *passed, last = of(ipv4, NODE)
    assert last == "-j REJECT --reject-with icmp-admin-prohibited"
    assert passed == [
        f"-d {address} -p tcp -m tcp --dport {port} -j RETURN"
        for address in SETTINGS["ENTRANCES"].split()
        for port in (80, 443)
    ]


def test_what_may_pass_comes_before_the_vpc_as_a_whole(ipv4: list[str]) -> None:
    rules = of(ipv4, OUT)
    vpc = rules.index("-d 10.20.0.0/16 -j REJECT --reject-with icmp-admin-prohibited")
    passed = [rule for rule in rules if not rule.split(" -j ")[1].startswith("REJECT")]
    assert all(rules.index(rule) < vpc for rule in passed)
    assert [rule.partition(" -j ")[0] for rule in rules if "REJECT" in rule] == [
        "-m conntrack --ctstate DNAT",
        "-o docker_gwbridge",
        "-d 10.20.0.0/16",
        "-d 169.254.0.0/16",
    ]


def test_no_state_of_a_connection_lets_through_what_steps_send(
    ipv4: list[str], ipv6: list[str]
) -> None:
    """They could make it, by packets with the address of somebody else."""
    sent = [*of(ipv4, OUT), *of(ipv4, NODE), *of(ipv6, OUT), *of(ipv6, NODE)]
    assert not any("ESTABLISHED" in rule or "RELATED" in rule for rule in sent)


def test_ipv6_is_closed(ipv6: list[str]) -> None:
    refused = "-j REJECT --reject-with icmp6-adm-prohibited"
    assert of(ipv6, NODE) == [refused]
    assert of(ipv6, OUT) == [f"-o {BRIDGES}+ -j RETURN", "-o docker0 -j RETURN", refused]


@pytest.mark.parametrize("missing", SETTINGS)
@pytest.mark.parametrize("command", ["rules", "apply"])
def test_without_all_settings_nothing_is_done(tmp_path: Path, missing: str, command: str) -> None:
    said = ask(tmp_path, command, **{**SETTINGS, missing: ""})
    assert (said.returncode == 0, said.stdout) == (False, "")
    assert missing in said.stderr


def test_what_it_does_not_know_it_says(tmp_path: Path) -> None:
    said = ask(tmp_path, "stop")
    assert (said.returncode, said.stdout) == (2, "")
    assert "apply|remove|rules" in said.stderr
