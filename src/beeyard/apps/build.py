"""An application's image: built if its context changed, pushed, and named by its digest."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

import requests
from docker import DockerClient
from docker.errors import APIError, DockerException, ImageNotFound

from beeyard.apps.context import BuildContext
from beeyard.apps.registry import Credentials, fix_for, remote_digest
from beeyard.errors import AppError

Lines = Callable[[str], None]

_KEPT_LINES = 15


@dataclass(frozen=True)
class BuildPlan:
    """What is to be there: `context` built as `repository:tag`."""

    context: BuildContext
    repository: str
    tag: str

    @classmethod
    def of(
        cls, context: BuildContext, registry: str, name: str, tag: str | None = None
    ) -> "BuildPlan":
        """The image of `context` in a registry, tagged with the context's hash (or `tag`)."""
        return cls(context, f"{registry}/{name}", tag or context.digest())

    @property
    def reference(self) -> str:
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True)
class BuiltImage:
    """An image in the registry. `reference` names it by digest; `built`, `pushed`: by us, now."""

    reference: str
    tag: str
    built: bool
    pushed: bool


class Builder(Protocol):
    """Sees to it that an image is on the manager's engine."""

    def build(self, plan: BuildPlan, lines: Lines) -> None:
        """Build it. Raises AppError with the last lines of the build."""
        ...


@dataclass(frozen=True)
class ManagerBuilder:
    """Builds on the manager's own engine: nothing but the context travels."""

    manager: DockerClient

    def build(self, plan: BuildPlan, lines: Lines) -> None:
        _build(self.manager, plan, lines)


@dataclass(frozen=True)
class LocalBuilder:
    """Builds on this machine's engine, for the manager's platform, and sends the image over."""

    local: DockerClient
    manager: DockerClient

    def build(self, plan: BuildPlan, lines: Lines) -> None:
        version = cast(Any, self.manager).version()
        _build(self.local, plan, lines, platform=f"{version['Os']}/{version['Arch']}")
        lines(f"sending {plan.reference} to the manager")
        with app_error(f"{plan.reference} could not be sent to the manager"):
            image = cast(Any, self.local.images.get(plan.reference))
            self.manager.images.load(image.save(named=plan.reference))


def ensure_image(
    plan: BuildPlan,
    *,
    builder: Builder,
    manager: DockerClient,
    credentials: Credentials | None,
    lines: Lines = lambda _: None,
) -> BuiltImage:
    """See to it that the registry has the image of a context, and give its digest.

    An unchanged context is neither built nor pushed again: the registry has its tag. `lines` gets
    what the build says, line by line. Raises AppError with the last lines of what failed.
    """
    digest = remote_digest(manager, plan.reference, credentials)
    if digest is not None:
        return BuiltImage(f"{plan.repository}@{digest}", plan.tag, built=False, pushed=False)
    # A push that was cut short left the image behind: the tag is the hash of its context.
    built = not _has(manager, plan.reference)
    if built:
        builder.build(plan, lines)
    digest = _push(manager, plan, credentials, lines)
    return BuiltImage(f"{plan.repository}@{digest}", plan.tag, built=built, pushed=True)


def build_ahead(
    plan: BuildPlan,
    *,
    builder: Builder,
    manager: DockerClient,
    lines: Lines = lambda _: None,
) -> None:
    """Have the image on the manager's engine, unpushed. `ensure_image` then only pushes it."""
    if not _has(manager, plan.reference):
        builder.build(plan, lines)


def _has(client: DockerClient, reference: str) -> bool:
    try:
        client.images.get(reference)
    except ImageNotFound:
        return False
    return True


def _build(
    client: DockerClient, plan: BuildPlan, lines: Lines, platform: str | None = None
) -> None:
    build = plan.context.build
    what = f"the image of {plan.context.name} could not be built"
    with plan.context.archive() as archive, app_error(what):
        stream = client.api.build(
            fileobj=archive,
            custom_context=True,
            tag=plan.reference,
            dockerfile=build.dockerfile,
            buildargs=dict(build.args),
            target=build.target or "",
            platform=platform,
            rm=True,
            forcerm=True,
            decode=True,
        )
        follow(cast(Iterable[Mapping[str, Any]], stream), what, lines, plan.context.place)


def _push(
    client: DockerClient, plan: BuildPlan, credentials: Credentials | None, lines: Lines
) -> str:
    what = f"{plan.reference} could not be pushed"
    lines(f"pushing {plan.reference}")
    with app_error(what):
        stream = cast(Any, client.api).push(
            plan.repository,
            tag=plan.tag,
            # An empty one keeps the SDK from reading this machine's own sign-ins.
            auth_config=credentials.auth_config() if credentials else {},
            stream=True,
            decode=True,
        )
        said = follow(stream, what, lambda _: None, plan.reference, plan.reference)
    digests = [event["aux"]["Digest"] for event in said if "Digest" in (event.get("aux") or {})]
    if not digests:
        raise AppError(f"{what}: the engine named no digest", where=plan.reference)
    return str(digests[-1])


def follow(
    stream: Iterable[Mapping[str, Any]], what: str, lines: Lines, where: str, image: str = ""
) -> list[Mapping[str, Any]]:
    """Read an engine's stream of events to the end; its error becomes an AppError. `image`: what
    is pushed or pulled, for which a registry may refuse us."""
    events: list[Mapping[str, Any]] = []
    said: list[str] = []
    failed = False
    # To its end also after an error: a stream that is left half read holds its connection.
    for event in stream:
        events.append(event)
        text = str(event.get("stream") or event.get("status") or "").rstrip()
        for line in text.splitlines():
            said.append(line)
            lines(line)
        if "error" in event:
            said.append(str(event["error"]))
            failed = True
    if failed:
        why = "\n".join(said[-_KEPT_LINES - 1 :])
        mend = "mend it, then run the command again"
        fix = fix_for(image, why, mend) if image else mend
        raise AppError(what, where=where, why=why, fix=fix)
    return events


@contextmanager
def app_error(what: str) -> Iterator[None]:
    try:
        yield
    except APIError as error:
        raise AppError(what, why=str(error.explanation or error)) from error
    except (DockerException, requests.RequestException) as error:
        raise AppError(
            what, why=str(error), fix="see whether the Docker engine runs, then try again"
        ) from error
