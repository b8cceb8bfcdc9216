"""The versions that a tag may be: semantic and calendar ones, as variables.

Sources: docs.drone.io, pipeline/environment/reference/drone-semver, …/drone-semver-error,
…/drone-calver; semver.org, version 2.0.0, and calver.org for what a valid one is.
"""

import re

_NUMBER = r"(?:0|[1-9][0-9]*)"
_LABEL = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_SEMANTIC = re.compile(
    rf"v?(?P<short>(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})\.(?P<patch>{_NUMBER}))"
    rf"(?:-(?P<prerelease>{_LABEL}))?(?:\+(?P<build>{_LABEL}))?"
)
# A year of two or four digits, then a month or a week, then what counts within it.
_CALENDAR = re.compile(
    r"v?(?P<short>(?P<major>20[0-9]{2}|[0-9]{2})\.(?P<minor>0?[1-9]|[1-4][0-9]|5[0-3]|0)"
    rf"(?:\.(?P<micro>[0-9]+))?)(?:[-.](?P<modifier>{_LABEL}))?"
)


def semantic(tag: str) -> dict[str, str]:
    """`DRONE_SEMVER…` for a tag. For one that is no semantic version, what is wrong with it."""
    match = _SEMANTIC.fullmatch(tag)
    if match is None:
        return {"DRONE_SEMVER_ERROR": f"{tag} is no version of the form MAJOR.MINOR.PATCH"}
    names = ("short", "major", "minor", "patch", "prerelease", "build")
    found = {f"DRONE_SEMVER_{name.upper()}": match[name] or "" for name in names}
    return {"DRONE_SEMVER": tag.removeprefix("v")} | found


def calendar(tag: str) -> dict[str, str]:
    """`DRONE_CALVER…` for a tag, nothing for one that is no calendar version."""
    match = _CALENDAR.fullmatch(tag)
    if match is None:
        return {}
    names = ("short", "major", "minor", "micro", "modifier")
    found = {f"DRONE_CALVER_{name.upper()}": match[name] or "" for name in names}
    together = {"DRONE_CALVER_MAJOR_MINOR": f"{match['major']}.{match['minor']}"}
    return {"DRONE_CALVER": tag.removeprefix("v")} | found | together
