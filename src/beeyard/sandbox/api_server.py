"""The AWS API: moto's server in this process, and word of every change."""

import io
import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from beeyard.sandbox.faults import Faults
from beeyard.sandbox.observe import OBSERVER

_READS = ("Describe", "Get", "List", "Head")


class ApiServer:
    """Serves on 127.0.0.1 from a thread. `changed` is called after each request that may change."""

    def __init__(self, amis: Path, changed: Callable[[], None]) -> None:
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
        application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(
            "127.0.0.1",
            0,
            Faults(_Notifier(application, changed)),
            threaded=True,
            request_handler=MotoRequestHandler,
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Take no more requests."""
        self._server.shutdown()
        self._thread.join()


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
    if not environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return True
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    action = parse_qs(body.decode(errors="replace")).get("Action", [""])[0]
    return not action.startswith(_READS)
