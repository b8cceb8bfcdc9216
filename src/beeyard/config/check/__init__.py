"""`beeyard check`: what goes beyond the shape of beeyard.yml. Pure over files; asks no cluster.

A check is a function from the project, or from the project and one stack, to findings. Add it to
the list.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from beeyard.config.check import (
    certificates,
    files,
    placement,
    quality,
    room,
    routing,
    sqlite,
    wiring,
)
from beeyard.config.check.finding import Finding, Level, require
from beeyard.config.check.project import Project, Stack, given
from beeyard.config.document import Document, at, shown
from beeyard.config.document import Position as _Position
from beeyard.config.model import ClusterSpec
from beeyard.config.sections import Application
from beeyard.errors import ConfigError

__all__ = ["Finding", "Level", "check", "given", "require", "single_writers"]

_PROJECT_CHECKS: tuple[Callable[[Project], Iterator[Finding]], ...] = (
    files.ssh_key,
    files.secret_sources,
    files.registry_login,
    wiring.database_section,
    routing.claimed_twice,
    certificates.root,
    certificates.staging,
    certificates.several_managers,
    quality.open_to_the_world,
)
_STACK_CHECKS: tuple[Callable[[Project, Stack], Iterator[Finding]], ...] = (
    files.builds,
    files.named_files,
    wiring.values_of_variables,
    wiring.external_secrets,
    wiring.external_networks,
    wiring.declared_names,
    routing.reachable,
    routing.labels_in_place,
    routing.readable,
    placement.satisfiable,
    placement.room_for_replicas,
    room.reservations,
    sqlite.several_writers,
    sqlite.two_writers_for_a_while,
    quality.no_image,
    quality.moving_image,
    quality.no_health_check,
    quality.stop_first,
    quality.one_replica,
)


def check(
    spec: ClusterSpec, file: Path, *, environ: Mapping[str, str] | None = None
) -> tuple[Finding, ...]:
    """Everything that the files say against `spec`, errors first, then as it was found.

    file      the beeyard.yml that `spec` was loaded from; what it names is relative to its folder
    environ   the operator's environment variables; None: those that secrets name are not looked at
    """
    document, base = Document.read(file), file.parent
    stacks: list[Stack] = []
    findings: list[Finding] = []
    for name, application in spec.applications.items():
        read = _stack(spec, document, base, name, application)
        if isinstance(read, Stack):
            stacks.append(read)
        else:
            findings.extend(read)
    project = Project(spec, base, document, tuple(stacks), environ)
    for look in _PROJECT_CHECKS:
        findings.extend(look(project))
    for stack in stacks:
        for look_into in _STACK_CHECKS:
            findings.extend(look_into(project, stack))
    return tuple(sorted(findings, key=lambda finding: finding.level))


def single_writers(spec: ClusterSpec, base: Path, name: str) -> frozenset[str]:
    """The services of the application `name` of which two tasks must never run at once: they keep
    their data in SQLite. `base` is the folder of beeyard.yml. Raises ConfigError."""
    application = spec.applications[name]
    document = Document.read(application.stack_file(base))
    stack = Stack(name, application, application.folder(base), document, given(spec, name))
    return frozenset(one.name for one in stack.services if sqlite.uses_sqlite(stack, one))


def _stack(
    spec: ClusterSpec, document: Document, base: Path, name: str, application: Application
) -> Stack | list[Finding]:
    """The application's stack file, or why it can't be used."""
    folder, file = application.folder(base), application.stack_file(base)
    loc = ("applications", name)
    if not folder.is_dir():
        return [
            _about(
                document,
                (*loc, "path"),
                f"there is no folder {shown(folder)}",
                "Correct the path; it is relative to beeyard.yml.",
            )
        ]
    if not file.is_file():
        return [
            _about(
                document,
                (*loc, "stack"),
                f"there is no file {shown(file)}",
                "Write the stack file, or name another with `stack`.",
            )
        ]
    try:
        read = Document.read(file)
    except ConfigError as error:
        return [_broken(file, mistake) for mistake in error.mistakes or (error,)]
    twice = [_broken(file, mistake) for _, mistake in read.duplicates]
    services = read.data.get("services") if isinstance(read.data, dict) else None
    if not isinstance(services, dict) or not services:
        where = read.where(("services",))
        fix = "Write a Compose file: `services:`, and below it each service by name."
        return [*twice, Finding("error", where, "services: there are none", fix)]
    return twice or Stack(name, application, folder, read, given(spec, name))


def _about(document: Document, loc: tuple[str, ...], what: str, fix: str) -> Finding:
    return Finding("error", document.where(loc), f"{'.'.join(loc)}: {what}", fix)


def _broken(file: Path, error: Exception) -> Finding:
    where = getattr(error, "where", None) or at(file, _Position(1, 1))
    return Finding(
        "error",
        where,
        str(error),
        getattr(error, "fix", None) or "Correct the file.",
        getattr(error, "why", None),
    )
