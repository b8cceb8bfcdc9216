"""What a user sees first: help, version, and what is said of a command line with a mistake."""

import pytest

import beeyard
from beeyard.cli.words import in_front
from beeyard.provision import PLAYBOOKS
from cli.said import MINIMAL, Cli, WriteFile

COMMANDS = (
    *("init", "check", "schema", "up", "plan", "status", "down", "provision", "ssh", "sandbox"),
    *("deploy", "rollback", "promote", "abort", "releases", "diff"),
    *("scale", "logs", "exec", "run", "secret", "maintenance", "node", "rebalance", "pipeline"),
    *("user", "token", "audit", "backup", "eject", "rotate"),
)
EXAMPLES = {
    (): ["beeyard up              make it on AWS, after showing what would be made"],
    ("up",): ["beeyard up --yes        make it on AWS without being asked"],
    ("plan",): ["beeyard plan", "beeyard plan --json | jq '.layers[].changes[]'"],
    ("init",): ["beeyard init --name timeoff --domain timeoff.example.com"],
    ("check",): ["beeyard -f staging.yml check"],
    ("schema",): ["beeyard schema > beeyard.schema.json"],
    ("status",): ["beeyard --sandbox status", "beeyard status --json | jq '.nodes[].state'"],
    ("down",): ["beeyard --sandbox down --yes", "beeyard down --purge"],
    ("provision",): [
        "beeyard provision --tags configure_efs",
        "beeyard provision deploy_swarm --check",
    ],
    ("eject",): [
        "beeyard eject ../timeoff-plain",
        "beeyard --sandbox eject plain --json | jq -r '.files[]'",
    ],
    ("ssh",): ["beeyard ssh manager-1", "beeyard ssh worker-2 sudo docker ps --all"],
    ("scale",): ["beeyard scale timeoff web=4", "beeyard scale timeoff web=4 worker=2"],
    ("rebalance",): ["beeyard rebalance"],
    ("node", "ls"): ["beeyard node ls", "beeyard node ls --json | jq '.[].availability'"],
    ("node", "drain"): ["beeyard node drain worker-2"],
    ("node", "activate"): ["beeyard node activate worker-2"],
    ("node", "rm"): ["beeyard node rm worker-2"],
    ("node", "upgrade"): [
        "beeyard node upgrade worker-1    that one first, to see",
        "beeyard node upgrade --yes",
    ],
    ("node", "forget-key"): ["beeyard node forget-key worker-2"],
    ("rotate", "ssh-key"): ["beeyard rotate ssh-key"],
    ("rotate", "database-password"): ["beeyard rotate database-password timeoff"],
    ("rotate", "secret"): ["beeyard rotate secret timeoff timeoff_secret_key"],
    ("rotate", "database-admin-password"): ["beeyard rotate database-admin-password"],
    ("rotate", "join-tokens"): ["beeyard rotate join-tokens"],
    ("rotate", "ca"): ["beeyard rotate ca"],
    ("rotate", "registry-password"): ["beeyard rotate registry-password"],
    ("rotate", "dashboard-password"): ["beeyard rotate dashboard-password"],
    ("rotate", "pipeline-keys"): ["beeyard rotate pipeline-keys"],
    ("pipeline", "exec"): [
        "beeyard pipeline exec",
        "beeyard pipeline exec --include test --secret-file secrets.txt",
    ],
    ("pipeline", "secret", "set"): ["beeyard pipeline secret set timeoff ssh_key < id_ed25519"],
    ("pipeline", "secret", "ls"): ["beeyard pipeline secret ls timeoff"],
    ("pipeline", "secret", "rm"): ["beeyard pipeline secret rm timeoff test_key"],
    ("audit", "ls"): ["beeyard audit ls -n 100"],
    ("audit", "verify"): ["beeyard audit verify"],
    ("backup", "create"): [
        "beeyard backup create",
        "beeyard backup create database --snapshot",
    ],
    ("backup", "ls"): [
        "beeyard backup ls",
        "beeyard backup ls --json | jq '.ages[] | {kind, rpo, rto}'",
    ],
    ("backup", "verify"): [
        "beeyard backup verify database",
        "beeyard backup verify files 20261126T030000Z-5f3a",
    ],
    ("backup", "restore"): [
        "beeyard backup restore database",
        "beeyard backup restore files 20261126T030000Z-5f3a --yes",
    ],
    ("user", "ls"): ["beeyard user ls"],
    ("user", "set"): ["beeyard user set ada --role operator"],
    ("user", "rm"): ["beeyard user rm ada"],
    ("token", "ls"): ["beeyard token ls"],
    ("token", "create"): ["beeyard token create --user ada --name laptop --expires 90d"],
    ("token", "rm"): ["beeyard token rm 3f9a1c0b77de"],
    ("sandbox", "ca"): ['curl --cacert "$(beeyard sandbox ca)" https://traefik.beeyard.localhost'],
}


@pytest.mark.parametrize("command", EXAMPLES, ids=" ".join)
def test_each_example_is_a_line_of_its_own(cli: Cli, command: tuple[str, ...]) -> None:
    said = cli(*command, "--help")
    lines = [line.strip() for line in said.out.splitlines()]
    assert said.code == 0
    assert said.err == ""
    for example in EXAMPLES[command]:
        assert example in lines
    assert max(len(line) for line in said.out.splitlines()) <= 80


def test_a_flag_is_not_shown_with_a_value(cli: Cli) -> None:
    assert "<bool>" not in cli("--help").out + cli("up", "--help").out


def test_every_command_is_listed(cli: Cli) -> None:
    said = cli("-h").out
    assert [name for name in COMMANDS if f"│ {name} " not in said] == []


def test_without_a_command_there_is_the_help(cli: Cli) -> None:
    assert cli() == cli("--help")


def test_the_version(cli: Cli) -> None:
    said = cli("--version")
    assert (said.code, said.out, said.err) == (0, f"beeyard {beeyard.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "what", "fix"),
    [
        (["fly"], "no such command `fly`", "beeyard --help shows what there is"),
        (["up", "--nope"], "no such option: --nope", "beeyard up --help shows what there is"),
        (["sandbox"], "missing command", "beeyard sandbox --help shows what there is"),
        (["node"], "missing command", "beeyard node --help shows what there is"),
        (
            ["scale", "timeoff", "web"],
            "invalid value for SERVICE=N: `web` is not SERVICE=N, as in web=4",
            "beeyard scale --help shows what there is",
        ),
        (
            ["up", "--builder", "x"],
            "invalid value for `--builder`: `x` is not one of `manager`, `local`",
            "beeyard up --help shows what there is",
        ),
        (
            ["provision", "deploy_all"],
            f"invalid value for PLAYBOOK: there are deploy, {', '.join(PLAYBOOKS)}",
            "beeyard provision --help shows what there is",
        ),
    ],
)
def test_a_command_line_with_a_mistake(cli: Cli, arguments: list[str], what: str, fix: str) -> None:
    said = cli(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err == f"error: {what}\n  do:    {fix}\n"
    as_json = cli(*arguments, "--json")
    assert as_json.code == 2
    assert as_json.data == {
        "error": "Misunderstood",
        "what": what,
        "where": None,
        "why": None,
        "fix": fix,
        "exit_code": 2,
    }


@pytest.mark.parametrize(
    ("words", "shared", "rest"),
    [
        ("up --sandbox --yes", "--sandbox", "up --yes"),
        ("up -f x.yml --json", "-f x.yml --json", "up"),
        ("check --file=x.yml", "--file=x.yml", "check"),
        ("ssh worker-1 docker ps -f x --json", "", "ssh worker-1 docker ps -f x --json"),
        ("ssh --sandbox worker-1 ls --debug", "--sandbox", "ssh worker-1 ls --debug"),
        ("ssh worker-1 -- ls --json", "", "ssh worker-1 -- ls --json"),
        ("up -f", "", "up -f"),
    ],
)
def test_shared_options_count_wherever_they_stand(words: str, shared: str, rest: str) -> None:
    assert in_front(words.split()) == (shared.split(), rest.split())


def test_completion_knows_the_nodes(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, file: WriteFile
) -> None:
    file(MINIMAL + "managers: {count: 3}\nworkers: {count: 2}\n")
    monkeypatch.setenv("_BEEYARD_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "beeyard ssh man")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert cli().out.split() == ["manager-1", "manager-2", "manager-3"]
    monkeypatch.setenv("COMP_WORDS", "beeyard node drain wor")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert cli().out.split() == ["worker-1", "worker-2"]
