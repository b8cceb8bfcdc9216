"""`python -m beeyard.controller`: the controller, as a service of the cluster runs it."""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn

from beeyard.controller.accounts import bootstrap_token
from beeyard.controller.epochs import LeaseLost, claim
from beeyard.controller.inside import Inside
from beeyard.controller.service import Given, Service
from beeyard.errors import BeeyardError, render
from beeyard.secret import Secret

_SECRETS = Path("/run/secrets")
#: Seconds for which requests that are under way may go on after the order to end.
_GRACE = 15

_log = logging.getLogger("beeyard.controller")


def main() -> int:
    """Wait for the lease, then serve until told to end. Gives the exit code."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        serve(given(Path(os.environ.get("BEEYARD_DATA", "/data")), _SECRETS), 8080)
    except BeeyardError as error:
        sys.stderr.write(render(error) + "\n")
        return error.exit_code
    return 0


def given(data: Path, secrets: Path) -> Given:
    """What the stack gives its controller: `data` on the shared files, and secrets. Raises
    ConfigError."""
    registry = secrets / "registry_password"
    return Given(
        inside=Inside.read(secrets / "cluster", secrets / "ssh_key", Path("/tmp/beeyard")),  # noqa: S108
        data=data,
        admin_token=bootstrap_token(secrets / "admin_token"),
        runner_token=bootstrap_token(secrets / "runner_token"),
        vault_key=secrets / "vault_key",
        registry=Secret(registry.read_text().strip()) if registry.is_file() else None,
    )


def serve(what: Given, port: int, host: str = "0.0.0.0") -> None:  # noqa: S104
    """Become the active copy, and answer requests until SIGTERM. Raises BeeyardError."""
    lease = claim(
        what.data / "epochs", f"{socket.gethostname()}, process {os.getpid()}", say=_log.info
    )
    _log.info("active, in epoch %s", lease.epoch)
    lease.keep(_leave)
    try:
        asyncio.run(_serve(Service(what, lease), host, port))
    finally:
        lease.release()


async def _serve(service: Service, host: str, port: int) -> None:
    settings = uvicorn.Config(
        service.app,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        # Only Traefik reaches it, and says who the client is.
        proxy_headers=True,
        forwarded_allow_ips="*",
        timeout_keep_alive=75,
    )
    async with service.running():
        await _Server(settings, service.remote.leave).serve()


class _Server(uvicorn.Server):
    """Lets go of those who follow a run as soon as it is told to end: they would hold it up."""

    def __init__(self, settings: uvicorn.Config, leave: Callable[[], None]) -> None:
        super().__init__(settings)
        self._leave = leave
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._leave)
        super().handle_exit(sig, frame)


def _leave(lost: LeaseLost) -> None:
    """Another copy is active: nothing more may be done, not even an orderly end."""
    _log.error("%s: %s", lost.what, lost.why)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
