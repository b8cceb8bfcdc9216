"""The one tree of errors, and the one way in which they are shown.

An error says what happened, where, why, and what to do now. Only the command line prints or exits.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar


class BeeyardError(Exception):
    """What every failure that a user can act on is made of.

    `what` happened in one sentence; `where` (file:line:column, node, service, phase);
    `why` (the cause, or the last lines of a tool's output); `fix`: what to do now.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        why: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.fix = fix

    @property
    def brief(self) -> str:
        """What happened, and why where that is known: for a place with room for little."""
        return f"{self.what}: {self.why}" if self.why else self.what

    def as_dict(self) -> dict[str, object]:
        """The error for `--json`."""
        return {
            "error": type(self).__name__,
            "what": self.what,
            "where": self.where,
            "why": self.why,
            "fix": self.fix,
            "exit_code": self.exit_code,
        }


class ConfigError(BeeyardError):
    """`beeyard.yml`, or a file that it names, is wrong. `mistakes` holds one error each."""

    exit_code = 3

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        why: str | None = None,
        fix: str | None = None,
        mistakes: Sequence[BeeyardError] = (),
    ) -> None:
        super().__init__(what, where=where, why=why, fix=fix)
        self.mistakes = tuple(mistakes)

    def as_dict(self) -> dict[str, object]:
        return super().as_dict() | {"mistakes": [mistake.as_dict() for mistake in self.mistakes]}


class ToolError(BeeyardError):
    """A program that beeyard needs is missing, too old or unusable (Docker, Terraform, ssh)."""

    exit_code = 4


class CloudError(BeeyardError):
    """The cloud's API, its credentials, or Terraform refused."""

    exit_code = 5


class SandboxError(BeeyardError):
    """The rehearsal cloud could not be made, reached or removed."""

    exit_code = 6


class HostError(BeeyardError):
    """A node could not be reached, or Ansible failed on it."""

    exit_code = 7


class SwarmError(BeeyardError):
    """The Swarm refused, or a service did not become what it was asked to be."""

    exit_code = 8


class AppError(BeeyardError):
    """An application could not be built, pushed or rolled out."""

    exit_code = 9


class UnverifiedError(BeeyardError):
    """Everything was applied, yet something does not answer as it should."""

    exit_code = 10


class Refused(BeeyardError):
    """The user said no, or nobody was there to say yes."""

    exit_code = 11


class PipelineError(BeeyardError):
    """A pipeline failed, or could not be run."""

    exit_code = 12


class Interrupted(BeeyardError):
    """Ctrl-C or SIGTERM; what was started has been stopped."""

    exit_code = 130


def render(error: BeeyardError) -> str:
    """The error as plain text, most important line first, without colour."""
    lines = [f"error: {error.what}"]
    for label, text in (("where", error.where), ("why", error.why), ("do", error.fix)):
        if text:
            first, *rest = text.rstrip().splitlines()
            lines.append(f"  {label + ':':<6} {first}")
            lines.extend(f"         {line}" for line in rest)
    if isinstance(error, ConfigError):
        for mistake in error.mistakes:
            lines.append("")
            lines.extend(render_mistake(mistake))
    return "\n".join(lines)


def render_mistake(mistake: BeeyardError) -> list[str]:
    """One mistake of a file as editors and people read them: place first."""
    lines = [f"{mistake.where}: {mistake.what}" if mistake.where else mistake.what]
    lines.extend(f"    {text}" for text in (mistake.why, mistake.fix) if text)
    return lines


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and those that it came of, the last first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
