"""The sandbox's images: made before anything else is measured, and timed if made from nothing."""

import time
from collections.abc import Sequence

import docker

from beeyard import sandbox
from beeyard.errors import Refused
from bench.table import Row
from bench.yard import say

_PATTERN = "beeyard-sandbox/*"


def measure(*, cold: bool) -> Sequence[Row]:
    """See to it that all images are there. A figure is given with `cold` only: without the images,
    and with whatever of the network's caches is warm."""
    if cold:
        _remove()
    say("== images")
    started = time.monotonic()
    sandbox.build_images(say)
    seconds = time.monotonic() - started
    return [Row("images from nothing", seconds, "s", note="downloads included")] if cold else []


def _remove() -> None:
    """Remove every image of the sandbox. Raises Refused while a rehearsal uses them."""
    if names := sandbox.all_names():
        raise Refused(
            "the sandbox's images are in use",
            why=f"there are rehearsals: {', '.join(names)}",
            fix="remove them first (`beeyard sandbox down NAME`), or leave --cold out",
        )
    client = docker.from_env()
    for image in client.images.list(filters={"reference": _PATTERN}):
        for tag in image.tags:
            say(f"removing {tag}")
            client.images.remove(tag, force=True)
