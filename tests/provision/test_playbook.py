"""Playbooks for real, on this machine alone: what is counted, what a failure says, and that no
secret is ever seen."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from beeyard.errors import HostError, render
from beeyard.provision import Converged, Options, ProvisionFiles, mitogen_wanted, run
from beeyard.secret import Secret

#: A name and a value that stand nowhere else.
VARIABLE = "BEEYARD_SECRET_746f6b656e"
SECRET = "kx7-hush-hush-93q"
HANDED = f"{{{{ lookup('ansible.builtin.env', '{VARIABLE}') }}}}"

#: Looks for the secret in the arguments of every process. It is told the secret by its
#: environment, as the playbook is; `--canary` proves that it would find one.
SCAN = f"""\
import glob, json, os
secret = os.environ["{VARIABLE}"].encode()
seen = []
for path in glob.glob("/proc/[0-9]*/cmdline"):
    try:
        seen.append(open(path, "rb").read())
    except OSError:
        pass  # it has ended
print(json.dumps({{
    "secret": sum(secret in line for line in seen),
    "canary": sum(b"--canary" in line for line in seen),
    "playbook": sum(b"ansible-playbook" in line for line in seen),
}}))
"""

Play = Callable[..., Converged]


@pytest.fixture
def files(tmp_path: Path) -> ProvisionFiles:
    """Two hosts, both of them this machine."""
    folder = tmp_path / "provision"
    folder.mkdir()
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts: dict[str, dict[str, str]] = {"manager-1": {}, "worker-1": {}}
    inventory = folder / "inventory.yml"
    inventory.write_text(json.dumps({"nodes": {"hosts": hosts, "vars": local}}))
    return ProvisionFiles(folder, inventory, folder / "ssh_config")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def play(files: ProvisionFiles, tmp_path: Path, said: list[str]) -> Play:
    """Run these tasks on both hosts."""

    def run_tasks(*tasks: dict[str, Any], **options: Any) -> Converged:
        book = [{"hosts": "nodes", "gather_facts": False, "tasks": list(tasks)}]
        (tmp_path / "tiny.yml").write_text(json.dumps(book))
        chosen = Options(**({"mitogen": False} | options))
        return run(str(tmp_path / "tiny"), files, chosen, said.append)

    return run_tasks


def copy(folder: Path, content: str, **more: Any) -> dict[str, Any]:
    dest = f"{folder}/{{{{ inventory_hostname }}}}"
    settings = {"dest": dest, "content": content, "mode": "0600"}
    return {"name": "Write a file", "ansible.builtin.copy": settings} | more


def only_on(host: str) -> str:
    return f"inventory_hostname == '{host}'"


def failing(message: str, **more: Any) -> dict[str, Any]:
    return {"name": "Look closely", "ansible.builtin.fail": {"msg": message}} | more


def refusal(play: Play, *tasks: dict[str, Any]) -> HostError:
    with pytest.raises(HostError) as caught:
        play(*tasks)
    return caught.value


@pytest.mark.parametrize("mitogen", [False, True])
def test_what_changed_is_counted_and_a_second_run_changes_nothing(
    play: Play,
    tmp_path: Path,
    said: list[str],
    mitogen: bool,
) -> None:
    tasks = (
        {"name": "Do nothing", "ansible.builtin.assert": {"that": "true", "quiet": True}},
        copy(tmp_path, "x", when=only_on("worker-1")),
    )

    first, second = (play(*tasks, mitogen=mitogen) for _ in range(2))

    assert (tmp_path / "worker-1").read_text() == "x"
    assert first.total == 1
    assert {host: count for host, count in first.changed.items() if count} == {"worker-1": 1}
    assert first.tasks == ("worker-1: Write a file",)
    assert (second.total, second.tasks) == (0, ())
    assert said == ["Do nothing", "Write a file"] * 2


def test_with_mitogen_its_processes_are_left_on_all_processors(play: Play, tmp_path: Path) -> None:
    """Mitogen would pin what starts them to some of the processors, where there are several."""
    script = "import os, sys; print(os.sched_getaffinity(0), file=open(sys.argv[1], 'w'))"
    argv = [sys.executable, "-c", script, f"{tmp_path}/{{{{ inventory_hostname }}}}"]
    play({"name": "Where I run", "ansible.builtin.command": {"argv": argv}}, mitogen=True)
    for host in ("manager-1", "worker-1"):
        assert (tmp_path / host).read_text().strip() == str(os.sched_getaffinity(0))


def test_only_the_tasks_with_a_tag_and_checking_changes_nothing(
    play: Play, tmp_path: Path, said: list[str]
) -> None:
    tasks = copy(tmp_path, "x", tags=["a"]), failing("not asked for", tags=["b"])
    assert play(*tasks, tags=["a", "c"], check=True).total == 2
    assert play(*tasks, tags=["a"], check=True, hosts=["worker-1"]).total == 1
    assert said == ["Write a file"] * 2
    assert not (tmp_path / "worker-1").exists()


class TestFailure:
    def test_it_names_host_task_and_reason(self, play: Play, tmp_path: Path) -> None:
        error = refusal(play, failing("the disk is full", when=only_on("worker-1")))
        assert render(error) == (
            f"error: the playbook {tmp_path}/tiny.yml failed on worker-1\n"
            "  where: worker-1\n"
            "  why:   worker-1: Look closely: the disk is full\n"
            "  do:    mend the cause, then run this again: what is done already is not done twice"
        )

    def test_what_a_program_said(self, play: Play) -> None:
        argv = [sys.executable, "-c", "raise SystemExit('no such pool')"]
        task = {"name": "Ask", "ansible.builtin.command": {"argv": argv}}
        assert "worker-1: Ask: non-zero return code\nno such pool" in str(refusal(play, task).why)

    def test_of_one_item_it_is_said_once(self, play: Play) -> None:
        task = failing("no {{ item }}", loop=["a"], when=only_on("worker-1"))
        assert str(refusal(play, task).why).count("no a") == 1

    def test_on_every_host_and_nothing_that_was_ignored_or_rescued(self, play: Play) -> None:
        error = refusal(
            play,
            failing("ignored", ignore_errors=True),
            {
                "block": [failing("rescued") | {"name": "Try"}],
                "rescue": [{"ansible.builtin.meta": "noop"}],
            },
            failing("this one"),
        )
        assert error.where == "manager-1, worker-1"
        assert str(error.why).splitlines() == [
            "manager-1: Look closely: this one",
            "worker-1: Look closely: this one",
        ]

    def test_what_must_not_be_shown_is_said_to_be_hidden(self, play: Play) -> None:
        error = refusal(play, failing(SECRET, no_log=True, when=only_on("worker-1")))
        assert SECRET not in render(error)
        assert "the output has been hidden" in str(error.why)

    def test_a_host_that_cannot_be_reached(self, play: Play, files: ProvisionFiles) -> None:
        nodes = json.loads(files.inventory.read_text())
        nodes["nodes"]["hosts"]["worker-1"] = {
            "ansible_connection": "ssh",
            "ansible_host": "127.0.0.1",
            "ansible_port": 1,
            # With it, Ansible writes to ssh at once, and where that is about to end says "Broken
            # pipe" and nothing of why.
            "ansible_pipelining": False,
        }
        files.inventory.write_text(json.dumps(nodes))
        error = refusal(play, {"name": "Say hello", "ansible.builtin.ping": {}})
        assert error.where == "worker-1"
        assert "Connection refused" in str(error.why)

    def test_a_playbook_that_is_none(self, files: ProvisionFiles, tmp_path: Path) -> None:
        (tmp_path / "tiny.yml").write_text("hosts: [")
        with pytest.raises(HostError) as caught:
            run(str(tmp_path / "tiny"), files, Options(mitogen=False), lambda _: None)
        assert "could not be run" in caught.value.what
        assert caught.value.why


class TestSecrets:
    def tasks(self, tmp_path: Path) -> Sequence[dict[str, Any]]:
        scan = tmp_path / "scan.py"
        scan.write_text(SCAN)
        argv = [sys.executable, str(scan), "--canary"]
        return (
            copy(tmp_path, HANDED, no_log=True),
            {
                "name": "Look at every process",
                "ansible.builtin.command": {"argv": argv},
                "register": "scan",
                "when": only_on("worker-1"),
            },
            copy(
                tmp_path / "scans",
                "{{ scan.stdout }}",
                when=only_on("worker-1"),
                name="Keep what was found",
            ),
        )

    def test_they_arrive_and_are_seen_nowhere(
        self,
        play: Play,
        files: ProvisionFiles,
        tmp_path: Path,
        capfd: pytest.CaptureFixture[str],
        said: list[str],
    ) -> None:
        (tmp_path / "scans").mkdir()
        play(*self.tasks(tmp_path), secrets={VARIABLE: Secret(SECRET)})

        assert (tmp_path / "manager-1").read_text() == SECRET
        found = json.loads((tmp_path / "scans" / "worker-1").read_text())
        assert found["secret"] == 0
        assert found["canary"] >= 1
        assert found["playbook"] >= 1
        _check_nowhere(files.folder)
        assert SECRET not in "".join(capfd.readouterr())
        assert SECRET not in "".join(said)

    def test_nor_after_a_failure(self, play: Play, files: ProvisionFiles, tmp_path: Path) -> None:
        with pytest.raises(HostError) as caught:
            play(
                copy(tmp_path / "nowhere" / "at-all", HANDED, no_log=True),
                secrets={VARIABLE: Secret(SECRET)},
            )
        assert SECRET not in render(caught.value)
        _check_nowhere(files.folder)


def _check_nowhere(folder: Path) -> None:
    """Neither ansible-runner's artifacts nor anything else beside them holds the secret."""
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "stdout" for path in kept)
    assert [path for path in kept if SECRET.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(("value", "wanted"), [(None, True), ("1", True), ("0", False)])
def test_mitogen_unless_it_is_not_wanted(
    monkeypatch: pytest.MonkeyPatch,
    value: str | None,
    wanted: bool,
) -> None:
    monkeypatch.delenv("BEEYARD_MITOGEN", raising=False)
    if value is not None:
        monkeypatch.setenv("BEEYARD_MITOGEN", value)
    assert mitogen_wanted() is wanted
