"""What a check found."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from beeyard.config.document import shown
from beeyard.errors import BeeyardError, ConfigError

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing that will fail (error) or may hurt (warning).

    `where` is `file:line:column`; `what` starts with the path in that file; `fix`: what would be
    right.
    """

    level: Level
    where: str
    what: str
    fix: str
    why: str | None = None

    def as_error(self) -> BeeyardError:
        """The finding for the renderer of errors."""
        return BeeyardError(self.what, where=self.where, why=self.why, fix=self.fix)

    def as_dict(self) -> dict[str, object]:
        """The finding for `--json`."""
        return {
            "level": self.level,
            "where": self.where,
            "what": self.what,
            "why": self.why,
            "fix": self.fix,
        }


def require(findings: Iterable[Finding], file: Path) -> None:
    """Raises ConfigError with every finding of level error, where there is any. `file`:
    beeyard.yml.
    """
    errors = [finding.as_error() for finding in findings if finding.level == "error"]
    if errors:
        count = "a mistake" if len(errors) == 1 else f"{len(errors)} mistakes"
        raise ConfigError(
            f"{shown(file)} and the files that it names have {count}.",
            fix="Correct them; `beeyard check` shows these and the warnings.",
            mistakes=errors,
        )
