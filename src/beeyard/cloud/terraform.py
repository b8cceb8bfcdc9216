"""Terraform as four calls on one project folder: init, plan, apply, destroy."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as replace_in
from pathlib import Path
from typing import Any

from beeyard.cloud import rights
from beeyard.cloud.terraform_binary import Binary
from beeyard.errors import CloudError
from beeyard.process import Command, Completed, LineHandler, Runner
from beeyard.process_file import is_written

#: Seconds to wait for somebody else's state lock before giving up.
LOCK_TIMEOUT = "10s"
PLAN_FILE = "beeyard.tfplan"
#: What Terraform says: through a file, as its work must reach its end, and its state, however we
#: end. One that was cut off would leave its lock, and its provider running.
OUTPUT_FILE = "beeyard.output"
# What addresses of instances have in them.
_INSTANCE = "aws_instance."
#: What AWS says of what it has by that name: Route 53 in words, IAM and RDS in one, EC2 as a code.
_IN_THE_WAY = re.compile(r"already ?exists|\.Duplicate\b", re.IGNORECASE)


@dataclass(frozen=True)
class Change:
    """One resource that would change: its address, and Terraform's word for what would happen.
    `attributes`: which of it, where it is an instance that would be changed in place."""

    address: str
    action: str
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What an apply would do to one project. `pending` is also true for outputs alone; `drifted`:
    addresses of what is not as the last apply left it."""

    project: str
    changes: tuple[Change, ...]
    pending: bool
    drifted: frozenset[str] = frozenset()

    def count(self, *actions: str) -> int:
        return sum(change.action in actions for change in self.changes)

    def __str__(self) -> str:
        if not self.pending:
            return "no changes"
        parts = [
            (self.count("create"), "to create"),
            (self.count("update"), "to change"),
            (self.count("replace"), "to replace"),
            (self.count("delete"), "to destroy"),
        ]
        return ", ".join(f"{number} {word}" for number, word in parts if number) or "outputs only"


@dataclass(frozen=True)
class Terraform:
    """Runs Terraform in project folders that `workspace` has laid out."""

    runner: Runner
    binary: Binary
    environment: Mapping[str, str] = field(default_factory=dict)

    def init(self, folder: Path) -> None:
        """Fetch the provider and connect the state; nothing is done if nothing has changed."""
        marker, wanted = folder / ".terraform" / "beeyard-init", self._fingerprint(folder)
        if marker.exists() and marker.read_text() == wanted:
            return
        self._run(folder, "init", "-input=false", "-reconfigure", "-backend-config=backend.json")
        marker.write_text(wanted)

    def plan(
        self,
        folder: Path,
        on_line: LineHandler | None = None,
        *,
        only: Sequence[str] = (),
        replace: str = "",
    ) -> Plan:
        """What would change; kept in the folder for `apply`.

        only     addresses of resources: these, and what they need, and nothing else
        replace  the address of one that is to be made anew, whatever it is like
        """
        chosen = [f"-target={address}" for address in only]
        if replace:
            chosen.append(f"-replace={replace}")
        kept = (f"-lock-timeout={LOCK_TIMEOUT}", f"-out={PLAN_FILE}")
        found = self._plan(folder, *kept, *chosen, on_line=on_line)
        updated = [one.address for one in found.changes if one.action == "update"]
        if any(_INSTANCE in address for address in updated):
            found = replace_in(found, changes=self._with_attributes(folder, found.changes))
        return found

    def foresee(self, folder: Path) -> Plan:
        """What would change; kept nowhere, and without the state's lock: others may apply."""
        return self._plan(folder, "-lock=false", through_file=False)

    def _with_attributes(self, folder: Path, changes: Sequence[Change]) -> tuple[Change, ...]:
        """Say what of each instance would be changed: some of it takes a stop and a start."""
        # Through pipes: in a file, what is on standard error would stand among the JSON.
        shown = self._run(folder, "show", "-json", PLAN_FILE, through_file=False)
        said = json.loads(shown.stdout)
        found = {
            one["address"]: _differing(one["change"]["before"], one["change"]["after"])
            for one in said["resource_changes"]
            if _INSTANCE in one["address"] and one["change"]["actions"] == ["update"]
        }
        return tuple(
            replace_in(change, attributes=found.get(change.address, ())) for change in changes
        )

    def apply(self, folder: Path, on_line: LineHandler | None = None) -> None:
        """Do what the last `plan` of this folder said."""
        arguments = ("apply", "-json", "-input=false", PLAN_FILE)
        self._run(folder, *arguments, on_line=_hooks(on_line))
        (folder / PLAN_FILE).unlink()

    def refresh(self, folder: Path) -> None:
        """Bring the state to what is there, outputs included; nothing in the cloud is changed.

        After an apply of a plan that was for some resources `only`: Terraform writes just those
        outputs anew that depend on nothing else.
        """
        kept = ("-input=false", "-auto-approve", f"-lock-timeout={LOCK_TIMEOUT}")
        self._run(folder, "apply", "-json", "-refresh-only", *kept)

    def destroy(self, folder: Path, on_line: LineHandler | None = None) -> None:
        """Remove all that the project made."""
        self._run(
            folder,
            "destroy",
            "-json",
            "-input=false",
            "-auto-approve",
            f"-lock-timeout={LOCK_TIMEOUT}",
            on_line=_hooks(on_line),
        )

    def is_at_work(self, folder: Path) -> bool:
        """Whether Terraform is at work in this folder, whoever began it."""
        return is_written(folder / OUTPUT_FILE)

    def _plan(
        self,
        folder: Path,
        *arguments: str,
        on_line: LineHandler | None = None,
        through_file: bool = True,
    ) -> Plan:
        result = self._run(
            folder,
            *("plan", "-json", "-input=false", "-detailed-exitcode", *arguments),
            codes=(0, 2),
            on_line=on_line,
            through_file=through_file,
        )
        changes = tuple(
            Change(message["change"]["resource"]["addr"], message["change"]["action"])
            for message in _messages(result.stdout)
            if message.get("type") == "planned_change"
        )
        drifted = frozenset(
            str(message["change"]["resource"]["addr"])
            for message in _messages(result.stdout)
            if message.get("type") == "resource_drift"
        )
        return Plan(folder.name, changes, pending=result.code == 2, drifted=drifted)

    def _run(
        self,
        folder: Path,
        *arguments: str,
        codes: tuple[int, ...] = (0,),
        on_line: LineHandler | None = None,
        through_file: bool = True,
    ) -> Completed:
        argv = [*self.binary.argv, *arguments]
        output = folder / OUTPUT_FILE if through_file else None
        command = Command(argv, cwd=folder, env=self._environment(), output=output)
        result = self.runner.run(command, check=False, on_line=on_line)
        if result.code not in codes:
            raise _failure(folder, arguments[0], result)
        return result

    def _environment(self) -> dict[str, str]:
        return {
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            # Terraform and its provider live for seconds: collecting garbage often costs a tenth of
            # them (measured: a no-op `up` in 19.0 s instead of 19.8 s).
            "GOGC": os.environ.get("GOGC", "400"),
            **self.environment,
        }

    def _fingerprint(self, folder: Path) -> str:
        digest = hashlib.sha256(f"{self.binary}".encode())
        for name in ("backend.json", "override.tf.json", "versions.tf"):
            path = folder / name
            digest.update(path.read_bytes() if path.exists() else b"")
        return digest.hexdigest()


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(key for key in after if before.get(key) != after[key]))


def _messages(output: str) -> Iterator[dict[str, Any]]:
    for line in output.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def _hooks(on_line: LineHandler | None) -> LineHandler | None:
    """Pass on the sentence of each of Terraform's JSON messages, without the machine's part."""
    if on_line is None:
        return None

    def say(line: str) -> None:
        if line.startswith("{"):
            message = json.loads(line)
            if message.get("type") in {"apply_start", "apply_complete", "apply_progress"}:
                on_line(str(message["@message"]))

    return say


def _failure(folder: Path, action: str, result: Completed) -> CloudError:
    """Terraform's own diagnostics as an error of ours."""
    project = folder.name
    found = [
        message["diagnostic"]
        for message in _messages(result.stdout)
        if message.get("type") == "diagnostic" and message["diagnostic"]["severity"] == "error"
    ]
    texts = [f"{item['summary']}\n{item.get('detail', '')}".strip() for item in found]
    why = "\n".join(texts) or result.tail(20)
    if rights.is_denied(why):
        return rights.denied(rights.missing_right(why), where=_place(project, found), why=why)
    return CloudError(
        f"Terraform could not {action} the project `{project}`",
        where=_place(project, found),
        why=why,
        fix=_advice(why, folder),
    )


def _place(project: str, found: Sequence[Mapping[str, Any]]) -> str:
    for item in found:
        if address := item.get("address"):
            return f"{project}: {address}"
        if span := item.get("range"):
            return f"{project}: {span['filename']}:{span['start']['line']}"
    return project


def _advice(why: str, folder: Path) -> str:
    if "state lock" in why:
        return (
            "somebody else is at work on this cluster: wait for them, then run this again; if the "
            "machine that holds the lock is gone for good: beeyard up --unlock"
        )
    if "ExpiredToken" in why or "InvalidClientTokenId" in why:
        return "renew your AWS credentials, then run this again"
    if _IN_THE_WAY.search(why):
        return (
            "it is there, but not in the state: an earlier run was cut off as it made it, or it is "
            "somebody else's. If it is this cluster's: remove it in AWS, or take it in "
            f"(cd {folder} && terraform import ADDRESS ID); then run this again"
        )
    return "mend the cause, then run this again: what was made so far is kept in the state"
