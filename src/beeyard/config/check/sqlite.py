"""SQLite with more than one replica: each replica would have its own data, or corrupt the others'.

It shows in three ways: a service's environment names SQLite; its image's Dockerfile sets it; or
nothing names a database at all, and the application's own files fall back to SQLite. A stateless
service shows none of them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from beeyard.config.check.finding import Finding
from beeyard.config.check.project import (
    Project,
    Service,
    Stack,
    pairs,
    section,
    sequence,
    texts,
)
from beeyard.config.document import shown

_SQLITE = re.compile(r"\bsqlite3?(\+\w+)?:/{2,4}|\bsqlite:", re.IGNORECASE)
_DATABASE_KEY = re.compile(r"(DATABASE|DB|SQL\w*)_?(URL|URI|DSN|HOST)(_FILE)?$", re.IGNORECASE)
_DATABASE_SECRET = re.compile(r"(database|db|sql\w*)[_.-]?(url|uri|dsn|host)", re.IGNORECASE)
_SOURCES = {
    ".cfg",
    ".conf",
    ".env",
    ".go",
    ".ini",
    ".java",
    ".js",
    ".json",
    ".php",
    ".properties",
    ".py",
    ".rb",
    ".rs",
    ".toml",
    ".ts",
    ".yaml",
    ".yml",
}
_NOT_THE_APPLICATION = {"node_modules", "test", "tests", "vendor", "docs", "__pycache__"}
_MOST_FILES, _LARGEST_FILE = 2000, 256 * 1024


def several_writers(_project: Project, stack: Stack) -> Iterator[Finding]:
    """Refuses SQLite in a service that runs more than once."""
    for service in stack.services:
        if service.is_job or (service.replicas is not None and service.replicas < 2):
            continue
        evidence = _evidence(stack, service)
        if evidence:
            many = f"{service.replicas} replicas" if service.replicas else "a replica on every node"
            yield stack.finding(
                "error",
                (*service.loc, "deploy"),
                f"SQLite with {many}: {evidence}",
                f"Set `replicas: 1`, or give it a server: `database: true` in "
                f"applications.{stack.name} of "
                "beeyard.yml, and the URL as a secret (`database-url`).",
                "SQLite is a file of one process: replicas would not see each other's data.",
            )


def two_writers_for_a_while(_project: Project, stack: Stack) -> Iterator[Finding]:
    """An update that starts the new task first has two of them on one file."""
    for service in stack.services:
        said = section(service.deploy.get("update_config")).get("order")
        if service.replicas != 1 or said != "start-first":
            continue
        evidence = _evidence(stack, service)
        if evidence:
            yield stack.finding(
                "warning",
                (*service.loc, "deploy", "update_config"),
                f"SQLite, and an update starts the new task before the old one stops: {evidence}",
                "Write `update_config: {order: stop-first}`.",
                "For a while two processes would write the file. beeyard stops the old one first, "
                "whatever the file says; `docker stack deploy` would not.",
            )


def uses_sqlite(stack: Stack, service: Service) -> bool:
    """Whether anything says that the service keeps its data in SQLite."""
    return _evidence(stack, service) is not None


def _evidence(stack: Stack, service: Service) -> str | None:
    """What says that the service uses SQLite, or None."""
    for key, value in _environment(stack, service).items():
        if _SQLITE.search(value):
            return f"its environment sets {key} to it"
    for key in ("command", "entrypoint"):
        if any(_SQLITE.search(text) for _, text in texts(service.data.get(key))):
            return f"its {key} names it"
    if _names_a_server(stack, service):
        return None
    for file in _own_files(stack, service):
        line = _line_with_sqlite(file)
        if line:
            return f"nothing names another database, and {shown(file)}:{line} falls back to it"
    return None


def _names_a_server(stack: Stack, service: Service) -> bool:
    """Whether its environment or a secret leads to a database (SQLite is ruled out before)."""
    by_variable = any(
        _DATABASE_KEY.search(key) and value for key, value in _environment(stack, service).items()
    )
    by_secret = any(_DATABASE_SECRET.search(name) for name in service.secrets)
    given = any(
        source.kind == "database-url" and name in service.secrets
        for name, source in stack.application.secrets.items()
    )
    return by_variable or by_secret or given


def _environment(stack: Stack, service: Service) -> dict[str, str]:
    """What the container is given: by the files that `env_file` names, and by the stack file."""
    named = service.data.get("env_file")
    found: dict[str, str] = {}
    for name in [named] if isinstance(named, str) else sequence(named):
        file = stack.folder / str(name)
        if file.is_file():
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            found |= pairs([line for line in lines if not line.startswith("#")])
    return found | service.environment


def _own_files(stack: Stack, service: Service) -> Iterator[Path]:
    """The files that a built service is made of: those of its build context."""
    build = service.data.get("build")
    if build is None:
        return
    context = stack.folder / str(
        build if isinstance(build, str) else section(build).get("context", ".")
    )
    count = 0
    for file in _walk(context):
        if file == stack.document.path or file.name in ("beeyard.yml", "stack.yml"):
            continue
        if file.suffix in _SOURCES or file.name.startswith("Dockerfile"):
            count += 1
            if count > _MOST_FILES:
                return
            yield file


def _walk(folder: Path) -> Iterator[Path]:
    """The files below `folder` in a fixed order, without hidden and foreign folders, and links."""
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink() or entry.name.startswith("."):
            continue
        if entry.is_dir() and entry.name not in _NOT_THE_APPLICATION:
            yield from _walk(entry)
        elif entry.is_file():
            yield entry


def _line_with_sqlite(file: Path) -> int | None:
    if file.stat().st_size > _LARGEST_FILE:
        return None
    for number, line in enumerate(
        file.read_text(encoding="utf-8", errors="replace").splitlines(), 1
    ):
        if _SQLITE.search(line) and not line.lstrip().startswith(("#", "//")):
            return number
    return None
