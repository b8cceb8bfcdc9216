"""`build_images`: the images that a sandbox is made from, with progress in words."""

from collections.abc import Callable

from beeyard.process import LocalRunner
from beeyard.sandbox import engine
from beeyard.sandbox.images import Images, State, build_all

#: Seconds that the engine may take over one call: pushing and committing hundreds of megabytes.
_TIMEOUT = 600


def build_images(say: Callable[[str], None]) -> Images:
    """See to it that all images are there. Raises ToolError without Docker, SandboxError if a
    build fails, with its last lines."""

    def progress(name: str, state: State, seconds: float, line: str) -> None:
        if state == "building":
            say(f"{name}: {line or 'building'}")
        elif state != "cached":
            say(f"{name}: {state} in {seconds:.0f} s {line}".rstrip())

    client = engine.connect()
    client.api.timeout = _TIMEOUT
    return build_all(client, LocalRunner(), progress)
