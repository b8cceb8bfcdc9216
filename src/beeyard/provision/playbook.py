"""Run a playbook by ansible-runner; give what changed, or raise what failed, host by host."""

import importlib.util
import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from beeyard.errors import HostError, ToolError
from beeyard.private import private_folder
from beeyard.provision.files import ProvisionFiles
from beeyard.provision.handover import handing
from beeyard.secret import Secret

PLAYBOOKS = ("deploy_swarm", "configure_efs", "deploy_infra", "provision_apps")
#: By Mitogen, whose own would pin all to few processors.
_STRATEGY = Path(__file__).parent / "strategy" / "mitogen_unpinned.py"
_FAILED = {"runner_on_failed", "runner_item_on_failed", "runner_on_unreachable"}


@dataclass(frozen=True)
class Options:
    """How to run: `tags` of the playbook, `check` for a dry run, `mitogen` for speed; `hosts`: on
    these alone, where not on all.

    `variables` come before those of the inventory; nothing secret is among them.
    `secrets` are handed over as environment variables, by name: never in argv, never in a file.
    """

    tags: Sequence[str] = ()
    check: bool = False
    mitogen: bool = True
    hosts: Sequence[str] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True)
class Converged:
    """How many tasks changed something, by host, and their names in order."""

    changed: Mapping[str, int]
    tasks: tuple[str, ...]

    @property
    def total(self) -> int:
        return sum(self.changed.values())


def run(
    playbook: str,
    files: ProvisionFiles,
    options: Options,
    say: Callable[[str], None],
) -> Converged:
    """Run `playbook` (a name without `.yml`); raises HostError with the task and the host."""
    # Not before it is needed: the controller deploys without it, and its image does not hold it.
    import ansible_runner  # noqa: PLC0415

    watcher = _Watcher(say)
    with resources.as_file(resources.files("beeyard.provision") / "ansible") as project:
        runner = ansible_runner.interface.init_runner(
            private_data_dir=str(private_folder(files.folder / "runner")),
            project_dir=str(project),
            playbook=f"{playbook}.yml",
            inventory=str(files.inventory),
            envvars=_environment(project, files, options),
            cmdline=_arguments(options),
            event_handler=watcher.event,
            # Without one of ours, it would put its own handlers in the place of the command line's.
            cancel_callback=lambda: False,
            quiet=True,
            suppress_env_files=True,
            omit_event_data=False,
            rotate_artifacts=5,
        )
        with handing(runner.config.env, files.folder / "runner") as receiver:
            runner.config.command = [*receiver, *runner.config.command]
            runner.config.env = {}
            runner.run()
    if runner.status != "successful":
        raise watcher.failure(playbook, runner)
    return watcher.converged()


def _environment(project: Path, files: ProvisionFiles, options: Options) -> dict[str, str]:
    variables = {
        "ANSIBLE_CONFIG": str(project / "ansible.cfg"),
        # ansible-playbook lies beside the Python that runs us, which need not be on PATH.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "ANSIBLE_LOCAL_TEMP": str(files.folder / "tmp"),
        **{name: secret.reveal() for name, secret in options.secrets.items()},
    }
    if options.mitogen:
        _require_mitogen()
        variables |= {
            "ANSIBLE_STRATEGY": _STRATEGY.stem,
            "ANSIBLE_STRATEGY_PLUGINS": str(_STRATEGY.parent),
        }
    return variables


def _require_mitogen() -> None:
    if importlib.util.find_spec("ansible_mitogen") is None:
        raise ToolError(
            "Mitogen is not installed beside beeyard",
            fix="install beeyard's dependencies, or run without it: BEEYARD_MITOGEN=0",
        )


def mitogen_wanted() -> bool:
    """Whether to run with Mitogen: yes, unless BEEYARD_MITOGEN=0 says no."""
    return os.environ.get("BEEYARD_MITOGEN", "1") != "0"


def _arguments(options: Options) -> str:
    arguments = []
    if options.check:
        arguments += ["--check", "--diff"]
    if options.tags:
        arguments += ["--tags", ",".join(options.tags)]
    if options.hosts:
        arguments += ["--limit", ",".join(options.hosts)]
    if options.variables:
        arguments += ["--extra-vars", shlex.quote(json.dumps(options.variables))]
    return " ".join(arguments)


class _Watcher:
    """Follows Ansible's events: tasks as progress, failures for the error, figures at the end."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._failures: dict[str, tuple[str, list[str]]] = {}
        self._tasks: list[str] = []
        self._changed: dict[str, int] = {}

    def event(self, event: dict[str, Any]) -> bool:
        kind, data = event["event"], event.get("event_data", {})
        if kind == "playbook_on_task_start":
            self._say(str(data["task"]))
        elif kind in _FAILED and not data.get("ignore_errors"):
            self._failed(str(data["host"]), str(data["task"]), _reason(data["res"]))
        elif kind == "runner_on_ok" and data["res"].get("changed"):
            self._tasks.append(f"{data['host']}: {data['task']}")
        elif kind == "playbook_on_stats":
            self._changed = dict(data["changed"])
        return False  # keep no copy of the event on disk: it may hold what no_log missed

    def _failed(self, host: str, task: str, reason: str) -> None:
        """Keep the reasons of the last task that failed: what failed before was rescued."""
        before, reasons = self._failures.get(host, (task, []))
        self._failures[host] = (task, [*reasons, reason] if before == task else [reason])

    def converged(self) -> Converged:
        return Converged(self._changed, tuple(self._tasks))

    def failure(self, playbook: str, result: Any) -> HostError:
        if not self._failures:
            with result.stdout as stdout:
                said = stdout.read().splitlines()
            return HostError(
                f"the playbook {playbook}.yml could not be run ({result.status})",
                why="\n".join(said[-20:]),
            )
        hosts = sorted(self._failures)
        lines = [
            f"{host}: {task}: {reason}"
            for host, (task, reasons) in sorted(self._failures.items())
            for reason in reasons
        ]
        return HostError(
            f"the playbook {playbook}.yml failed on {', '.join(hosts)}",
            where=", ".join(hosts),
            why="\n".join(lines[:8]),
            fix="mend the cause, then run this again: what is done already is not done twice",
        )


def _reason(result: Mapping[str, Any]) -> str:
    words = (result.get(key) for key in ("msg", "stderr", "censored"))
    parts = [str(text).strip() for text in words if text]
    return "\n".join(parts) or "failed without a word"
