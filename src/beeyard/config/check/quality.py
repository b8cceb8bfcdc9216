"""What would work, but loses requests or surprises later. Warnings only."""

import re
from collections.abc import Iterator
from pathlib import Path

from beeyard.config.check.finding import Finding
from beeyard.config.check.project import Project, Service, Stack, section
from beeyard.config.check.sqlite import uses_sqlite

_MOVING = {
    "latest",
    "stable",
    "edge",
    "main",
    "master",
    "dev",
    "develop",
    "nightly",
    "rolling",
    "testing",
    "unstable",
}


def moving_image(_project: Project, stack: Stack) -> Iterator[Finding]:
    """An image whose tag is missing, or means another image tomorrow."""
    for service in stack.services:
        image = service.data.get("image")
        if not isinstance(image, str) or not image or "@" in image or "build" in service.data:
            continue
        # A tag that a variable leaves empty is said of the variable.
        if image.endswith(":"):
            continue
        tag = image.rsplit("/", 1)[-1].partition(":")[2]
        if not tag or _moves(tag):
            yield stack.finding(
                "warning",
                (*service.loc, "image"),
                f"`{image}` has the moving tag `{tag}`"
                if tag
                else f"`{image}` has no tag, which means latest",
                "Name a version, or a digest (`@sha256:…`).",
                "What runs would depend on the day of the pull, and a rollback would not "
                "bring it back.",
            )


def _moves(tag: str) -> bool:
    """Whether a word in it says so, or it holds no digit, as every version and date does."""
    return not re.search(r"\d", tag) or not _MOVING.isdisjoint(re.split(r"[-_.]", tag))


def no_image(_project: Project, stack: Stack) -> Iterator[Finding]:
    """Docker refuses a service without an image."""
    for service in stack.services:
        if not service.data.get("image") and "build" not in service.data:
            yield stack.finding(
                "error",
                service.loc,
                "it has neither `image` nor `build`",
                "Name the image that runs.",
            )


def no_health_check(_project: Project, stack: Stack) -> Iterator[Finding]:
    """Without a health check, a task counts as running as soon as its process does."""
    for service in stack.services:
        if service.is_job or _is_checked(stack, service):
            continue
        yield stack.finding(
            "warning",
            service.loc,
            "it has no health check",
            "Add `healthcheck` with a `test`, `interval: 5s` and a `start_period`.",
            "A broken version would count as started, and replace the one that works.",
        )


def _is_checked(stack: Stack, service: Service) -> bool:
    check = section(service.data.get("healthcheck"))
    if str(check.get("disable")).lower() == "true" or check.get("test") in ("NONE", ["NONE"]):
        return False
    return bool(check.get("test")) or _dockerfile_checks(stack, service)


def _dockerfile_checks(stack: Stack, service: Service) -> bool:
    build = service.data.get("build")
    if build is None:
        return False
    context = stack.folder / str(
        build if isinstance(build, str) else section(build).get("context", ".")
    )
    dockerfile: Path = context / str(section(build).get("dockerfile", "Dockerfile"))
    if not dockerfile.is_file():
        return False
    found = re.findall(
        r"^\s*HEALTHCHECK\s+(\S+)",
        dockerfile.read_text(encoding="utf-8", errors="replace"),
        re.MULTILINE | re.IGNORECASE,
    )
    # The last one counts.
    return bool(found) and found[-1].upper() != "NONE"


def stop_first(_project: Project, stack: Stack) -> Iterator[Finding]:
    """A web service that is stopped before its successor runs. Single writers have to be."""
    for service in stack.services:
        written = section(service.deploy.get("update_config")).get("order")
        if not service.is_web or written == "start-first" or service.publishes_on_host:
            continue
        if uses_sqlite(stack, service):
            continue
        yield stack.finding(
            "warning",
            (*service.loc, "deploy", "update_config"),
            "an update stops each task before its successor runs"
            if written
            else "it doesn't say in which order an update goes",
            "Add `update_config: {order: start-first}`.",
            "Requests are lost, or the other tasks take the load."
            if written
            else "beeyard starts the new task first; `docker stack deploy` by hand would stop the "
            "old one first.",
        )


def one_replica(_project: Project, stack: Stack) -> Iterator[Finding]:
    """A service of one task is gone while its node is. Single writers have to be."""
    for service in stack.services:
        if service.replicas != 1 or uses_sqlite(stack, service):
            continue
        yield stack.finding(
            "warning",
            (*service.loc, "deploy", "replicas"),
            "it has one replica",
            "Use `replicas: 2` or more, if it can run twice.",
            "When its node fails, it is gone until the Swarm has started it elsewhere.",
        )


def open_to_the_world(project: Project) -> Iterator[Finding]:
    """SSH for everyone."""
    for index, cidr in enumerate(project.spec.ssh.allowed_cidrs):
        if cidr == "0.0.0.0/0":
            yield project.finding(
                "warning",
                ("ssh", "allowed_cidrs", index),
                "anyone may try to sign in to the managers",
                "Name the addresses of your own network.",
            )
