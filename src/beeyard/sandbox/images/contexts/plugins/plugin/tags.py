"""Which tags an image gets. Source: docs.drone.io, "Docker" (plugins), "Autotag"."""

import re
from collections.abc import Mapping, Sequence

from .settings import Refusal

# Source: semver.org 2.0.0. A tag of Docker's can't hold the `+` of build metadata.
_VERSION = re.compile(
    r"v?(?P<major>0|[1-9]\d*)\.(?P<minor>0|[1-9]\d*)\.(?P<patch>0|[1-9]\d*)"
    r"(?P<before>-[0-9A-Za-z.-]+)?"
)
# Source: distribution, "reference" (`tag`).
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def automatic(environment: Mapping[str, str], suffix: str) -> list[str]:
    """The tags of what the pipeline runs for; none where nothing is to be built.

    A tag that is a version gives itself, `major` and `major.minor`; one of a version before a
    release gives itself alone. A push to the default branch gives `latest`, or the suffix.
    """
    event = environment.get("DRONE_BUILD_EVENT", "")
    if event == "tag":
        tags = _of_version(environment.get("DRONE_TAG", ""))
        return [f"{tag}-{suffix}" if suffix else tag for tag in tags]
    branch = environment.get("DRONE_COMMIT_BRANCH") or environment.get("DRONE_BRANCH", "")
    if event == "push" and branch and branch == environment.get("DRONE_REPO_BRANCH"):
        return [suffix or "latest"]
    return []


def checked(tags: Sequence[str]) -> list[str]:
    """The same, each once. Raises Refusal for one that Docker would not take."""
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise Refusal(f"`{tag}` can't be an image's tag: letters, digits, _ . and - can")
    return list(dict.fromkeys(tags))


def _of_version(name: str) -> list[str]:
    found = _VERSION.fullmatch(name)
    if not found:
        raise Refusal(f"auto_tag: the tag `{name}` is no version such as 1.2.3 or v1.2.3-rc.1")
    if found["before"]:
        return [name.removeprefix("v")]
    major, minor, patch = found["major"], found["minor"], found["patch"]
    return [major, f"{major}.{minor}", f"{major}.{minor}.{patch}"]
