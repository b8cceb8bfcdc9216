"""Where `beeyard.yml` is."""

from pathlib import Path

from beeyard.errors import ConfigError

FILE_NAME = "beeyard.yml"


def find(start: Path) -> Path:
    """The nearest `beeyard.yml`: in folder `start`, or in one above it.

    Raises ConfigError where there is none.
    """
    here = start.absolute()
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    near = [name for name in ("beeyard.yaml", "Beeyard.yml") if (here / name).is_file()]
    raise ConfigError(
        f"There is no {FILE_NAME} in {here}, nor in a folder above it.",
        why=f"There is a {near[0]}, which beeyard doesn't look for." if near else None,
        fix=f"Rename it to {FILE_NAME}, or name it with -f {near[0]}."
        if near
        else "Go to your project's folder, name the file with -f FILE, or write one with "
        "`beeyard init`.",
    )
