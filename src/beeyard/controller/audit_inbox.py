"""Entries for the audit log from commands that ran elsewhere: files in `audit/inbox`.

Such a command writes a file under another name and renames it. The copy of the controller that
holds the lease puts what it says into the chain, with the file's name, and then removes the file.
If it is killed in between, whoever comes next finds the name in the chain already.
"""

import hashlib
import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from beeyard.audit.chain import entries
from beeyard.audit.entry import Entry, Who
from beeyard.audit.inbox import body, name
from beeyard.controller import files
from beeyard.controller.audit import Audit

#: The largest file that is taken (bytes), and how many at once.
LARGEST, AT_ONCE = 64 * 1024, 100
_OUTCOMES = ("done", "refused", "failed")
_NO_ENTRY = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


def drop(folder: Path, entry: Entry) -> str:
    """Leave an entry in the inbox below `folder` (`/data/audit`); give its file's name.

    A command that reaches the folder through a shell does the same: write to a name that begins
    with a dot, then rename.
    """
    inbox = _inbox(folder)
    given = name(entry.at)
    files.replace(inbox / given, body(entry))
    return given


@dataclass
class Inbox:
    """Takes entries into the chain, each once. One at a time uses it."""

    folder: Path
    audit: Audit
    #: Names that are in the chain, and whose files may still be there. None: not looked for yet.
    _taken: set[str] | None = field(default=None, init=False)

    def take(self) -> int:
        """Put what waits into the chain; give how many entries that were.

        What is no entry becomes one that says so, and its file goes to `refused`. Raises what
        `Audit.append` raises, and OSError.
        """
        inbox = _inbox(self.folder)
        waiting = sorted(path.name for path in inbox.glob("[!.]*.json"))
        if not waiting:
            return 0
        if self._taken is None:
            self._taken = _in_chain(self.folder, set(waiting))
        fresh = [one for one in waiting if one not in self._taken]
        for start in range(0, len(fresh), AT_ONCE):
            self._take(inbox, fresh[start : start + AT_ONCE], self._taken)
        for one in set(waiting) - set(fresh):
            (inbox / one).unlink(missing_ok=True)
        return len(fresh)

    def _take(self, inbox: Path, names: Sequence[str], taken: set[str]) -> None:
        read = {one: found for one in names if (found := _read(inbox / one))}
        # Each name is in the chain, for good, before its file goes.
        self.audit.append(*(replace(entry, inbox=one) for one, (entry, _) in read.items()))
        taken.update(read)
        for one, (_, is_entry) in read.items():
            if is_entry:
                (inbox / one).unlink(missing_ok=True)
            else:
                refused = self.folder / "refused"
                refused.mkdir(exist_ok=True, mode=0o700)
                (inbox / one).rename(refused / one)
            taken.discard(one)


def _inbox(folder: Path) -> Path:
    inbox = folder / "inbox"
    inbox.mkdir(parents=True, exist_ok=True, mode=0o700)
    return inbox


def _in_chain(folder: Path, names: set[str]) -> set[str]:
    return {said["inbox"] for said in entries(folder) if said.get("inbox") in names}


def _read(path: Path) -> tuple[Entry, bool] | None:
    """What a file says, and whether it was an entry; None if there is no such file."""
    data = b""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ValueError("this is no regular file")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ValueError(f"more than {LARGEST} bytes")
        return _entry(json.loads(data)), True
    except FileNotFoundError:
        return None
    except _NO_ENTRY as error:
        details = {"why": str(error), "sha256": hashlib.sha256(data).hexdigest()}
        who = Who("controller", "", "controller")
        return Entry(who, "audit.inbox", path.name, "refused", details=details), False


def _entry(said: dict[str, Any]) -> Entry:
    """Raises one of `_NO_ENTRY` for what is none."""
    texts = {key: said[key] for key in ("user", "role", "what", "on", "outcome", "request")}
    plain = all(
        value is None or isinstance(value, str | int | bool) for value in said["details"].values()
    )
    if not (plain and all(isinstance(text, str) for text in texts.values())):
        raise ValueError("a value is of a kind that no entry has")
    if said["outcome"] not in _OUTCOMES:
        raise ValueError(f"there is no outcome {said['outcome']}")
    return Entry(
        Who(said["user"], said["role"], "cli"),
        said["what"],
        said["on"],
        said["outcome"],
        said["request"],
        said["details"],
        datetime.fromisoformat(said["at"]).astimezone(UTC),
    )
