"""What pipelines that are not trusted may call the images that they build.

They are built by the node's own engine, where other pipelines, and the cluster's own services, find
theirs by name: one that is somebody else's would be run with somebody else's rights.
"""

from collections.abc import Iterable, Iterator, Sequence

from beeyard.errors import PipelineError
from beeyard.pipelines.plan import JobStep
from beeyard.secret import Secret

_BUILDS = "plugins/docker"
_HUB = ("docker.io", "index.docker.io")


def require_own_images(
    application: str, registries: Sequence[str], steps: Iterable[JobStep]
) -> None:
    """Raise PipelineError, with all of them, for steps that build images by names of others.

    An application's own are `APPLICATION` and what begins with it and `-`, `_` or `/`: without a
    registry, and in `registries`, the cluster's own and the place that all of them push to (with
    its path). Other registries know by themselves who may push what.
    """
    wrong = [
        f"step {step.name}: `{repo}` is not this application's to build"
        for step in steps
        if step.image.removeprefix("docker.io/").partition(":")[0] == _BUILDS
        for repo in _names(step)
        if not _is_own(repo, application, registries)
    ]
    if wrong:
        raise PipelineError(
            "the pipeline can't be run",
            why="\n".join(wrong),
            fix=f"call it {registries[-1]}/{application}, or {application}-…",
        )


def _names(step: JobStep) -> Iterator[str]:
    found = step.environment.get("PLUGIN_REPO", "")
    repo = found.reveal() if isinstance(found, Secret) else found
    yield from (one.strip() for one in repo.split(",") if one.strip())


def _is_own(repo: str, application: str, registries: Sequence[str]) -> bool:
    host, slash, path = repo.partition("/")
    is_host = bool(slash) and ("." in host or ":" in host or host == "localhost")
    if not is_host or host in _HUB:
        return _is_named(path if is_host else repo, application)
    below = {place.partition("/")[0]: place.partition("/")[2] for place in registries}
    if host not in below:
        return True
    folder = f"{below[host]}/" if below[host] else ""
    return path.startswith(folder) and _is_named(path.removeprefix(folder), application)


def _is_named(name: str, application: str) -> bool:
    rest = name.removeprefix(application)
    return name.startswith(application) and (not rest or rest[0] in "-_/:")
