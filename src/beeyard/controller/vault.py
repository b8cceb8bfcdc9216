"""Secrets of pipelines, encrypted where they are kept.

Each is encrypted by Fernet with what it belongs to, so that nobody who can write to the shared
storage can give one application another's, or show one to pull requests.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from beeyard.controller.part import Part
from beeyard.controller.records import Record
from beeyard.errors import BeeyardError, ConfigError
from beeyard.secret import Secret

#: The longest value (bytes): it has to fit into a variable of a step.
LONGEST = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


class SecretSet(Record):
    """A secret of an application's pipelines. `name` is in lower case: case does not count
    (docs.drone.io, "Secrets"). `sealed` is the value, encrypted."""

    kind: Literal["secret.set"] = "secret.set"
    application: str
    name: str
    sealed: str
    allow_pull_request: bool = False
    by: str = ""


class SecretRemoved(Record):
    """A secret is gone."""

    kind: Literal["secret.removed"] = "secret.removed"
    application: str
    name: str


VAULT_RECORDS = (SecretSet, SecretRemoved)


class VaultError(BeeyardError):
    """A secret can't be kept, or can't be read."""


class Vault(Part):
    """The secrets of all applications' pipelines. Safe for use by several threads."""

    def __init__(
        self, keys: MultiFernet, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__()
        self._keys = keys
        self._now = now
        self._kept: dict[tuple[str, str], SecretSet] = {}

    def apply(self, record: Record) -> None:
        match record:
            case SecretSet():
                self._kept[record.application, record.name] = record
            case SecretRemoved():
                self._kept.pop((record.application, record.name), None)

    def records(self) -> Iterator[Record]:
        yield from self._kept.values()

    def listed(self, application: str) -> list[SecretSet]:
        """What is kept for an application, by name."""
        found = (one for one in self._kept.copy().values() if one.application == application)
        return sorted(found, key=lambda one: one.name)

    def put(
        self,
        application: str,
        name: str,
        value: Secret,
        *,
        allow_pull_request: bool = False,
        by: str = "",
    ) -> SecretSet:
        """Keep a secret, in place of one of the same name. Raises VaultError."""
        if not _NAME.fullmatch(name):
            raise VaultError(
                f"`{name}` can't name a secret",
                fix="use up to 128 of a-z, 0-9, `_`, `.` and `-`; case does not count",
            )
        if len(value.reveal().encode(errors="surrogatepass")) > LONGEST:
            raise VaultError(f"the value of `{name}` is longer than {LONGEST} bytes")
        name = name.lower()
        said = [application, name, allow_pull_request, value.reveal()]
        with self.still():
            record = SecretSet(
                at=self._now(),
                application=application,
                name=name,
                sealed=self._keys.encrypt(json.dumps(said).encode()).decode(),
                allow_pull_request=allow_pull_request,
                by=by,
            )
            self._write(record)
            return record

    def remove(self, application: str, name: str) -> None:
        """Raises VaultError if there is none of that name."""
        with self.still():
            if (application, name.lower()) not in self._kept:
                raise VaultError(f"{application} has no secret `{name}`")
            self._write(SecretRemoved(at=self._now(), application=application, name=name.lower()))

    def secrets(
        self, application: str, *, pull_request: bool = False, fork: bool = False
    ) -> dict[str, Secret]:
        """The values that a run may have, by name in lower case. Raises VaultError.

        For a pull request, those that allow it; for one from another repository, none at all.
        """
        if fork:
            return {}
        return {
            one.name: self._open(one)
            for one in self.listed(application)
            if one.allow_pull_request or not pull_request
        }

    def rotate(self) -> int:
        """Encrypt all of them anew, with the first key; give how many. Raises VaultError.

        Afterwards the other keys are needed no more, once the journal was compacted and the epochs
        before that are gone.
        """
        with self.still():
            kept = list(self._kept.values())
            for one in kept:
                self._open(one)
            fresh = [self._keys.rotate(one.sealed.encode()).decode() for one in kept]
            records = [
                one.model_copy(update={"sealed": sealed})
                for one, sealed in zip(kept, fresh, strict=True)
            ]
            for record in records:
                self._write(record)
            return len(records)

    def _open(self, one: SecretSet) -> Secret:
        try:
            *said, value = json.loads(self._keys.decrypt(one.sealed.encode()))
        except (InvalidToken, ValueError) as error:
            raise VaultError(
                f"the secret `{one.name}` of {one.application} can't be decrypted",
                why="it was encrypted with a key that is not in the key file, or was changed since",
                fix="give the key file the key back that it had, below the new one; or set the "
                "secret again",
            ) from error
        if said != [one.application, one.name, one.allow_pull_request]:
            raise VaultError(
                f"the secret `{one.name}` of {one.application} was moved",
                why="it was encrypted for another application, name or use",
                fix="see who writes to the shared storage; set the secret again",
            )
        return Secret(value)


def read_keys(path: Path) -> MultiFernet:
    """The keys of a file, one a line: the first encrypts, all decrypt. Raises ConfigError."""
    try:
        lines = [line.strip() for line in path.read_text().splitlines()]
        return MultiFernet([Fernet(line) for line in lines if line])
    except (OSError, ValueError) as error:
        # No cause: it might repeat what stands there.
        why = (
            str(error) if isinstance(error, OSError) else "a line of it is no key, or there is none"
        )
        raise ConfigError(
            "the key of the pipelines' secrets can't be used",
            where=str(path),
            why=why,
            fix="it holds a key on each line, of 32 random bytes as URL-safe base64",
        ) from None


def new_key() -> Secret:
    """A key for the key file."""
    return Secret(Fernet.generate_key().decode())
