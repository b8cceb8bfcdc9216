"""The names of images: which registry, which repository, which digest."""


def registry_of(reference: str) -> str:
    """The registry that a reference names; `docker.io` where it names none.

    Source: distribution/reference, `normalize.go`: the first part is a host if it has a dot or a
    colon, or is `localhost`.
    """
    first, slash, _ = reference.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return first if is_host else "docker.io"


def repository_of(reference: str) -> str:
    """A reference without tag and digest."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def by_digest(image: str) -> str:
    """A reference without its tag where it has a digest: engines pull by one of them only."""
    return f"{repository_of(image)}@{image.partition('@')[2]}" if "@" in image else image
