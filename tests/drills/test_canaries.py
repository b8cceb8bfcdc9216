"""Secrets are looked for wherever they might leak while a cluster is made and used."""

import secrets
import shlex
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from beeyard.cloud.terraform import PLAN_FILE
from beeyard.waiting import SystemClock, wait_until
from cluster.shipping import commands, new_team, pipeline
from cluster.yard import NAME, Running, Yard
from drills import canaries
from drills.hunt import Hunt, report
from drills.whole import whole
from drills.world import world_of
from leavings import STATE_HOME

pytestmark = [
    pytest.mark.real,
    pytest.mark.cluster,
    pytest.mark.drill,
    pytest.mark.timeout(1800),
]

FOLDERS = (
    STATE_HOME / "beeyard/clusters" / f"{NAME}@sandbox",
    STATE_HOME / "beeyard/sandbox" / NAME,
)
#: Where one belongs: the operator's key, which is nowhere else.
_BELONGS = {"file id_ed25519": ["operator's SSH key"]}
#: An image that every step of a pipeline may have, so that the hub has it.
_IMAGE = "python:3.11-slim-bookworm"


@pytest.fixture(autouse=True)
def _ends_as_the_file_says(yard: Yard) -> Iterator[None]:
    """The next drill finds the first file, and a cluster like it."""
    text = yard.file.read_text()
    yield
    yard.file.write_text(text)
    yard.run("sandbox", "down", NAME, "--yes")


def test_no_secret_is_where_others_see_it(yard: Yard, tmp_path: Path) -> None:
    """Looked for while and after a cluster is made, given secrets, deployed to, and shipped to."""
    yard.run("sandbox", "down", NAME, "--yes")
    given = {name: f"canary-{secrets.token_hex(12)}" for name in ("env", "file", "set", "pipeline")}
    with canaries.watching(*FOLDERS) as (watch, files):
        running, said = _used(_with_given(yard, given, tmp_path), given, tmp_path)
    assert watch.looks > 500
    plans = {name for name in files.names if name.endswith(f"/{PLAN_FILE}")}
    assert any("swarm_cluster" in name for name in plans), "no plan was seen while it was there"
    known = given | canaries.kept_on_manager(NAME) | {"operator's SSH key": _operators_key()}
    assert {"registry_password", "timeoff_database_url", "ci_admin_token"} <= set(known)
    # The URL's other parts are no secrets, and the runner's addresses may hold some of them.
    known["database password"] = (
        known.pop("timeoff_database_url").partition("@")[0].rpartition(":")[2]
    )

    found = _hunted(running, known)
    hunt = Hunt(known)
    meanwhile = report(watch.places(hunt))
    # A step that names a secret has it, as everybody knows who uses `from_secret`.
    assert meanwhile.pop("environment of a step", []) == ["pipeline"]
    found |= meanwhile
    belongs = report(files.places(hunt))
    assert set(belongs) == {f"{place}, meanwhile" for place in _BELONGS}, belongs
    # The registry takes it from there or from its configuration only. Root alone reads either.
    own = [place for place in found if place.endswith("environment of registry")]
    assert [found.pop(place) for place in own] == [["registry_http_secret"]] * 2
    found |= report([("what was said", hunt.names(said.encode()))])
    assert found == _BELONGS
    whole(yard, yard.json("up", "--yes"))

    seeds = {place: f"seeded-{secrets.token_hex(12)}" for place in _SEEDS}
    with _seeded(running, seeds):
        found = _hunted(running, seeds)
    missed = [
        seed
        for seed in seeds
        if not any(seed in place and seed in names for place, names in found.items())
    ]
    assert missed == [], found


def _with_given(yard: Yard, given: dict[str, str], folder: Path) -> Yard:
    """The yard with secrets of an application from the environment and from a file."""
    (folder / "secret").write_text(given["file"])
    yaml = YAML()
    document = yaml.load(yard.file)
    wanted = document["applications"]["timeoff"]["secrets"]
    wanted["timeoff_demo_password"] = "env:CANARY"
    wanted["timeoff_secret_key"] = f"file:{folder / 'secret'}"
    yaml.dump(document, yard.file)
    return replace(yard, environment={**yard.environment, "CANARY": given["env"]})


def _used(yard: Yard, given: dict[str, str], folder: Path) -> tuple[Running, str]:
    """A cluster is made, and used with secrets; gives all that was said meanwhile."""
    said = [_said(yard, "--debug", "up", "--yes")]
    running = Running(yard, whole(yard, yard.json("up", "--yes")), 0.0)
    said += [
        _said(yard, "plan"),
        _said(yard, "--json", "plan"),
        _said(yard, "--debug", "plan"),
        _said(yard, "secret", "set", "timeoff", "timeoff_secret_key", given=given["set"]),
        _said(yard, "deploy", "timeoff"),
        _said(yard, "pipeline", "secret", "set", "timeoff", "token", given=given["pipeline"]),
    ]
    (folder / "team").mkdir()
    ca = Path(yard.run("sandbox", "ca", NAME).strip())
    team = new_team(running, ca, folder / "team")
    step = commands("use", 'test -n "$TOKEN"', 'echo "it is $TOKEN"', "sleep 2")
    text = pipeline(f"{step}\n  environment:\n    TOKEN: {{from_secret: token}}")
    said.append(team.push(_drone_yml=text))
    logs = yard.run("pipeline", "logs", str(team.run()["number"]))
    assert "it is ******" in logs
    said.append(logs)
    # What is changed behind its back is in what a plan says.
    changed = ("docker", "service", "update", "--detach", "--label-add", "by=hand", "timeoff_web")
    yard.run("ssh", "manager-1", "--", "sudo", *changed)
    said.append(_said(yard, "--debug", "plan", code=2))
    said.append(_said(yard, "--debug", "up", "--yes"))
    return running, "\n".join(said)


def _said(yard: Yard, *arguments: str, given: str = "", code: int = 0) -> str:
    """What a command says, on standard error as well; `given`: its standard input."""
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with yard.start(*arguments, stdin=subprocess.PIPE, **streams) as running:
        said: str = running.communicate(given)[0]
    assert running.returncode == code, said
    return said


def _operators_key() -> str:
    """The part of the private key's file that is in no other."""
    return (FOLDERS[0] / "id_ed25519").read_text().splitlines()[2]


def _hunted(running: Running, known: dict[str, str]) -> dict[str, list[str]]:
    """Where these are, now."""
    hunt = Hunt(known)
    found = canaries.on_nodes(NAME, known)
    for folder in FOLDERS:
        found |= report(canaries.in_files(folder, hunt))
    found |= report(canaries.in_s3(world_of(running.yard, NAME).client("s3"), hunt))
    return found


#: The kinds of places, by how their names begin or what is in them.
_SEEDS = (
    *("arguments of", "environment of", "journal", "log /var/log"),
    *("service definition", "config definition", "service log", "container log"),
    *("image history", "image layers", "image definition"),
    *("object", "file seeded.log", "file seeded.tfplan"),
)


@contextmanager
def _seeded(running: Running, seeds: Mapping[str, str]) -> Iterator[None]:
    """Secrets leaked on purpose, one in each kind of place, until the end of the block."""
    manager = canaries.nodes(NAME)["manager-1"]
    _on_node(manager, f"systemd-cat echo {seeds['journal']}")
    _on_node(manager, "cat > /var/log/seeded", seeds["log /var/log"])
    _seed_swarm(manager, seeds)
    _seed_image(manager, seeds)
    world = world_of(running.yard, NAME)
    world.client("s3").put_object(Bucket=world.bucket, Key="seeded", Body=seeds["object"].encode())
    (FOLDERS[0] / "seeded.log").write_text(f"password: {seeds['file seeded.log']}")
    with zipfile.ZipFile(FOLDERS[1] / "seeded.tfplan", "w", zipfile.ZIP_DEFLATED) as plan:
        plan.writestr("tfplan", seeds["file seeded.tfplan"])
    argv = ["docker", "exec", manager, "sh", "-c", "sleep 600", seeds["arguments of"]]
    token = f"TOKEN={seeds['environment of']}"
    other = ["docker", "exec", "--env", token, manager, "sleep", "600"]
    with subprocess.Popen(argv) as one, subprocess.Popen(other) as two:
        yield
        for process in (one, two):
            process.kill()


def _seed_swarm(manager: str, seeds: Mapping[str, str]) -> None:
    _on_node(manager, "docker config create seeded -", seeds["config definition"])
    backwards = f"{seeds['service log']} {seeds['container log']}"[::-1]
    argv = [
        *("docker", "service", "create", "--quiet", "--detach", "--name", "seeded"),
        *("--endpoint-mode", "dnsrr", "--constraint", "node.role==manager"),
        *("--env", f"TOKEN={seeds['service definition']}", _IMAGE, "python3", "-uc"),
        f"import time; print('{backwards}'[::-1]); time.sleep(600)",
    ]
    _on_node(manager, shlex.join(argv))

    def has_spoken() -> bool:
        return seeds["container log"] in _on_node(manager, "docker service logs --raw seeded")

    wait_until(has_spoken, clock=SystemClock(), deadline=60, interval=1)


def _seed_image(manager: str, seeds: Mapping[str, str]) -> None:
    write = f"open('/seeded', 'w').write('{seeds['image layers'][::-1]}'[::-1])"
    lines = [
        f"FROM {_IMAGE}",
        f"ENV TOKEN={seeds['image definition']}",
        f"RUN : {seeds['image history']}",
        f'RUN python3 -c "{write}"',
    ]
    _on_node(manager, "docker build --quiet --tag registry.seeded/seeded:1 -", "\n".join(lines))


def _on_node(container: str, script: str, given: str = "") -> str:
    argv = ["docker", "exec", "--interactive", container, "sh", "-c", script]
    done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
