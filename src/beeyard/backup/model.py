"""What is known of a backup: its manifest, and the proof that it can be restored."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from beeyard.errors import CloudError

Kind = Literal["database", "files", "raft"]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: Of the manifest: raised when an older beeyard could not restore what a newer one wrote.
FORMAT = 1
#: In `versions` of what was restored somewhere, and compared, before it was put into S3.
PROVED = "proved in (s)"
#: In `versions` of what was there before a restore: the id of what was put back. A field of its own
#: would make it unreadable to an older beeyard.
BEFORE = "taken before the restore of"

#: In `versions`, before a name: what could not be taken though it is of that kind, and why.
LEFT_OUT = "left out: "


@dataclass(frozen=True)
class Fact:
    """One thing that a backup holds (a table, a folder): how many (rows, entries), and their
    digest, in hex."""

    count: int
    digest: str


@dataclass(frozen=True)
class Manifest:
    """What was put down once a backup was whole. Times are UTC, sizes bytes.

    id        its name, which begins with the time
    taken_at  the moment that the data is of: nothing later is in it
    seconds   how long it took, from its beginning to its last byte in S3
    size      of the object, which is encrypted; `plain` before it was compressed
    sha256    of the object
    key       what decrypts it, itself encrypted to the operators' SSH keys (age, armored)
    readers   the SSH public keys that open `key`, as in `authorized_keys`
    facts     what is in it, by name
    versions  of what made it, by name
    """

    kind: Kind
    id: str
    cluster: str
    taken_at: datetime
    seconds: float
    size: int
    plain: int
    sha256: str
    key: str
    readers: tuple[str, ...]
    facts: Mapping[str, Fact]
    versions: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def left_out(self) -> dict[str, str]:
        """What could not be taken and is not in it, by its name, and why. Empty: it is complete."""
        return {
            name.removeprefix(LEFT_OUT): why
            for name, why in self.versions.items()
            if name.startswith(LEFT_OUT)
        }

    def encode(self) -> bytes:
        """As JSON."""
        text = asdict(self) | {"taken_at": self.taken_at.isoformat()}
        return json.dumps(text, indent=1, sort_keys=True).encode()

    @classmethod
    def decode(cls, data: bytes, *, where: str) -> "Manifest":
        """From JSON. Raises CloudError if it is none, or a newer one than we can read."""
        try:
            said: dict[str, Any] = json.loads(data)
            if said["format"] > FORMAT:
                raise CloudError(
                    "this backup was made by a newer beeyard", where=where, fix="upgrade beeyard"
                )
            return cls(**(said | _typed(said)))
        except (ValueError, KeyError, TypeError) as error:
            raise CloudError(
                "what is kept in S3 is no manifest of a backup", where=where, why=str(error)
            ) from error


@dataclass(frozen=True)
class Proof:
    """What became of a backup when it was restored somewhere. `problems` empty: it was as it was.

    how      `verify` (into a scratch place) or `restore`
    seconds  from its first byte until all was there
    """

    at: datetime
    how: Literal["verify", "restore"]
    seconds: float
    problems: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self) | {"at": self.at.isoformat()}).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Proof":
        """From JSON."""
        said = json.loads(data)
        problems = tuple(said["problems"])
        return cls(datetime.fromisoformat(said["at"]), said["how"], said["seconds"], problems)


@dataclass(frozen=True)
class Backup:
    """A whole backup, and the last proof of it."""

    manifest: Manifest
    proof: Proof | None = None

    @property
    def kind(self) -> Kind:
        return self.manifest.kind

    @property
    def id(self) -> str:
        return self.manifest.id

    @property
    def before(self) -> str | None:
        """The backup that was to replace what is in this one: nothing to go back to unasked."""
        return self.manifest.versions.get(BEFORE)

    @property
    def state(self) -> Literal["whole", "proved", "bad"]:
        """`whole`: all of it is there, and nobody has tried it yet. What a restore finds otherwise
        may be the place's fault, where others write meanwhile; a scratch place has none."""
        proof = self.proof
        if proof is not None and not proof.problems:
            return "proved"
        if proof is not None and proof.how == "verify":
            return "bad"
        return "proved" if PROVED in self.manifest.versions else "whole"

    @property
    def is_good(self) -> bool:
        """Whether it is one to go back to unasked."""
        return self.state != "bad" and self.before is None and not self.manifest.left_out


@dataclass(frozen=True)
class Leftover:
    """What is no backup: cut short, its object missing or of another size, or its manifest not one
    that we can read."""

    kind: Kind
    id: str
    why: str


@dataclass(frozen=True)
class Listing:
    """What there is, newest first."""

    backups: tuple[Backup, ...]
    leftovers: tuple[Leftover, ...]

    def of(self, kind: Kind) -> tuple[Backup, ...]:
        """The whole ones of a kind, newest first."""
        return tuple(one for one in self.backups if one.kind == kind)

    def newest_good(self, kind: Kind) -> Backup | None:
        """The newest of a kind that no try has shown to be bad, that is complete, and not of what a
        restore was to replace."""
        return next((one for one in self.of(kind) if one.is_good), None)


def _typed(said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "taken_at": datetime.fromisoformat(said["taken_at"]).astimezone(UTC),
        "readers": tuple(said["readers"]),
        "facts": {name: Fact(**fact) for name, fact in said["facts"].items()},
    }
