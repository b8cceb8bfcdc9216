"""What the nodes' program does for us: take a backup, read one, put one back.

It is `provision/ansible/roles/backups`. A job goes to it by standard input, for it holds URLs and
keys; its answer is one line of JSON on standard output, its progress goes to standard error.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from beeyard.backup.model import Fact, Kind, Manifest
from beeyard.errors import HostError, UnverifiedError
from beeyard.process import Command, Runner
from beeyard.secret import Secret

#: Where Ansible puts the program.
PROGRAM = "/usr/local/lib/beeyard/backup"
#: Its exit code where it is the backup that is bad, and not the node.
_DAMAGED = 3
Say = Callable[[str], None]
#: `read` only looks whether all of it is as it was; `verify` restores into a scratch place.
Use = Literal["read", "verify", "restore"]


class Damaged(UnverifiedError):
    """A backup is not what it should be: its object in S3, or what came out of it."""


@dataclass(frozen=True)
class Taken:
    """What a node says of a backup that it has put into S3; `etags` are those of the parts."""

    etags: tuple[str, ...]
    taken_at: datetime
    seconds: float
    size: int
    plain: int
    sha256: str
    key: str
    facts: Mapping[str, Fact]
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Node:
    """The program on one node, as root. Raises HostError with what it said."""

    runner: Runner
    name: str
    say: Say = lambda _: None

    def take(
        self, kind: Kind, settings: Mapping[str, Any], readers: Sequence[str], urls: Sequence[str]
    ) -> Taken:
        """Take a backup and put it to these URLs, encrypted to the readers."""
        job = {"kind": kind, "settings": settings, "readers": readers, "urls": urls}
        said = self._run("take", job)
        return Taken(
            **said
            | {
                "etags": tuple(said["etags"]),
                "taken_at": datetime.fromisoformat(said["taken_at"]),
                "facts": _facts(said["facts"]),
            }
        )

    def use(
        self,
        what: Use,
        manifest: Manifest,
        settings: Mapping[str, Any],
        url: str,
        identity: Secret,
    ) -> Mapping[str, Fact]:
        """Read a backup from its URL, and do with it what is wanted; gives what came out of it.

        Raises Damaged where the object is not the one of the manifest, or can't be restored.
        """
        job = {
            "kind": manifest.kind,
            "settings": {**settings, "left_out": sorted(manifest.left_out)},
            "url": url,
            "identity": identity.reveal(),
            "sha256": manifest.sha256,
            "plain": manifest.plain,
        }
        return _facts(self._run(what, job)["facts"])

    def _run(self, what: str, job: Mapping[str, Any]) -> dict[str, Any]:
        command = Command(["python3", "-I", "-B", PROGRAM, what], input=json.dumps(job).encode())
        done = self.runner.run(command, check=False, on_line=self._tell)
        if done.code == _DAMAGED:
            raise Damaged("the backup is not what was taken", where=self.name, why=done.tail(3))
        if done.code != 0:
            raise HostError(
                f"the backup program failed on {self.name} ({what} {job['kind']})",
                where=self.name,
                why=done.tail(),
                fix="mend the cause; where the program is not there yet, run `beeyard up`",
            )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def _tell(self, line: str) -> None:
        if not line.startswith("{"):
            self.say(line)


def _facts(said: Mapping[str, Any]) -> dict[str, Fact]:
    return {name: Fact(**fact) for name, fact in said.items()}
