"""The AWS API: moto's server in this process, and word of every change."""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from beeyard.sandbox.api_call import FORM, call_of
from beeyard.sandbox.faults import Faults
from beeyard.sandbox.iam_gate import Gate
from beeyard.sandbox.observe import OBSERVER

_READS = ("Describe", "Get", "List", "Head")


class ApiServer:
    """Serves on 127.0.0.1, and at the Unix socket `door`, from threads. `changed` is called after
    each request that may change."""

    def __init__(self, amis: Path, door: Path, changed: Callable[[], None]) -> None:
        # moto reads these when it is first imported.
        os.environ["MOTO_AMIS_PATH"] = str(amis)
        from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import make_server  # noqa: PLC0415

        from beeyard.sandbox import moto_answers  # noqa: PLC0415

        moto_answers.apply()
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        application = Gate(DomainDispatcherApplication(create_backend_app))
        served = Faults(_Notifier(application, changed))
        self._servers = [
            make_server(place, 0, served, threaded=True, request_handler=MotoRequestHandler)
            for place in ("127.0.0.1", f"unix://{_short(door)}")
        ]
        self._threads = [
            threading.Thread(target=server.serve_forever, daemon=True) for server in self._servers
        ]
        for thread in self._threads:
            thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._servers[0].server_port}"

    def stop(self) -> None:
        """Take no more requests."""
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            thread.join()


def _short(path: Path) -> str:
    """Another path to it, for a socket's may not be longer than 107 characters (unix(7)). Its
    folder stays open for as long as this process lives."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    return f"/proc/self/fd/{folder}/{path.name}"


class _Notifier:
    """WSGI middleware around moto."""

    def __init__(self, application: Callable[..., Any], changed: Callable[[], None]) -> None:
        self._application = application
        self._changed = changed

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        may_change = _may_change(environ)
        answer: Iterable[bytes] = self._application(environ, start_response)
        if may_change:
            self._changed()
        return answer


def _may_change(environ: dict[str, Any]) -> bool:
    """Whether a request can change what the sandbox makes real."""
    if OBSERVER in environ.get("HTTP_USER_AGENT", "") or environ["REQUEST_METHOD"] in {
        "GET",
        "HEAD",
    }:
        return False
    if "/s3/aws4_request" in environ.get("HTTP_AUTHORIZATION", ""):
        return False
    if not environ.get("CONTENT_TYPE", "").startswith(FORM):
        return True
    _, action = call_of(environ)
    return not action.startswith(_READS)
