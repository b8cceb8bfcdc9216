"""Globs of conditions: `*` stays within a part between slashes, `**` goes through them, `{a,b}` and
`[a-z]` are alternatives.

Source: docs.drone.io, pipeline/conditions, whose examples have `feature/*` and `refs/heads/**`.

File and branch's name both come from whoever pushes. So patterns are kept so small that matching
one takes no time that matters: with n `**`, it would be the value's length to the power of n, and
braces multiply.
"""

from wcmatch import glob

LONGEST = 256
_MOST_STARS = 2
_MOST_BRACES = 2
_MOST_ALTERNATIVES = 20
_FLAGS = glob.GLOBSTAR | glob.BRACE | glob.DOTGLOB | glob.FORCEUNIX


def refused(pattern: str) -> str | None:
    """Why `pattern` isn't taken, in words, or None if it is."""
    if len(pattern) > LONGEST:
        return f"a pattern of {len(pattern)} characters is too long: {LONGEST} may be"
    if pattern.count("**") > _MOST_STARS:
        return f"a pattern with more than {_MOST_STARS} `**` is not taken"
    if "{" not in pattern:
        return None
    if pattern.count("{") > _MOST_BRACES or pattern.count(",") > _MOST_ALTERNATIVES:
        return (
            f"a pattern with more than {_MOST_BRACES} pairs of braces, or {_MOST_ALTERNATIVES} "
            "alternatives, is not taken"
        )
    return "a range in braces is not taken" if ".." in pattern else None


def matches(pattern: str, value: str) -> bool:
    """Whether `value` is what `pattern` says. A pattern that is refused matches nothing."""
    return not refused(pattern) and glob.globmatch(value, pattern, flags=_FLAGS)
