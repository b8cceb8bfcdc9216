"""What the playbooks wrote down on the first manager for others to read."""

import json

from beeyard.errors import HostError
from beeyard.process import Command, Runner

SKIPPED = "/etc/beeyard/skipped.json"


def skipped(manager: Runner) -> dict[str, str]:
    """Infrastructure services that do not run, by name, and why. `manager` runs as root there."""
    result = manager.run(Command(["cat", SKIPPED], timeout=30), check=False)
    if result.code != 0:
        if "No such file" in result.stderr:
            return {}
        raise HostError(f"{SKIPPED} can't be read on the first manager", why=result.tail())
    return {str(name): str(why) for name, why in json.loads(result.stdout).items()}
