"""Which commands leave an entry in the audit log: told by the warning of those that can't, since
there is no cluster here."""

from pathlib import Path

import pytest

from beeyard.cli.wiring import folder_of
from cli.said import MINIMAL, Cli, WriteFile

WARNING = "warning: the audit log has no entry of this: "
CHANGING = [
    ("up", "--yes"),
    ("provision",),
    ("deploy", "timeoff"),
    ("rollback", "timeoff"),
    ("promote", "timeoff"),
    ("abort", "timeoff"),
    ("scale", "timeoff", "web=2"),
    ("maintenance", "timeoff", "on"),
    ("secret", "set", "timeoff", "key"),
    ("secret", "rm", "timeoff", "key"),
    ("run", "timeoff", "web", "--", "true"),
    ("exec", "timeoff", "web", "--", "true"),
    ("node", "drain", "manager-1"),
    ("node", "activate", "manager-1"),
    ("node", "rm", "manager-1"),
    ("rebalance",),
]
LOOKING = [
    ("status",),
    ("provision", "--check"),
    ("deploy", "timeoff", "--plan"),
    ("secret", "ls", "timeoff"),
    ("audit", "verify"),
]


@pytest.fixture(autouse=True)
def _project(file: WriteFile) -> None:
    file(f"{MINIMAL}infrastructure: [ci]\napplications: {{timeoff: {{path: .}}}}\n")
    Path("stack.yml").write_text("services:\n  web: {image: tiny}\n")
    # As if somebody had been at the nodes before.
    ssh_config = folder_of("shop", "aws") / "provision/ssh_config"
    ssh_config.parent.mkdir(parents=True)
    ssh_config.write_text("Host *\n  ProxyCommand false\n")


@pytest.mark.parametrize("command", CHANGING, ids=" ".join)
def test_what_changes_a_cluster_is_noted(cli: Cli, command: tuple[str, ...]) -> None:
    said = cli(*command)
    assert said.code == 5, said.err
    assert said.err.count(WARNING) == 1


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_what_only_looks_is_not(cli: Cli, command: tuple[str, ...]) -> None:
    said = cli(*command)
    assert said.code == 5, said.err
    assert WARNING not in said.err


def test_nor_is_what_a_mistake_kept_from_beginning(cli: Cli) -> None:
    said = cli("deploy", "nothing")
    assert said.code == 3
    assert WARNING not in said.err
