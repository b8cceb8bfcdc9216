"""`attach`: the world that a running sandbox is, for commands that do not start one."""

from beeyard.cloud.target import Target
from beeyard.errors import SandboxError
from beeyard.sandbox.start import target
from beeyard.sandbox.state import StateFolder


def attach(name: str) -> Target:
    """The `Target` of a sandbox that runs. Raises SandboxError with what to do where none does."""
    folder = StateFolder.of(name)
    report = folder.report()
    if report is None:
        raise SandboxError(
            f"there is no rehearsal of `{name}` on this machine", fix="beeyard --sandbox up"
        )
    if not report.process.is_alive():
        raise SandboxError(
            f"the rehearsal of `{name}` has lost its cloud",
            why="its supervisor is gone (a reboot?), and with it what the AWS API held",
            fix="`beeyard sandbox down` cleans up; then `beeyard --sandbox up` makes it anew",
        )
    return target(folder)
