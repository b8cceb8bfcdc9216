"""An AWS API of one answer, for what moto does not say."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Api:
    """Where it is, and the headers of what it was asked."""

    endpoint: str
    asked: list[Message] = field(default_factory=list)


@contextmanager
def answering(status: int, body: str, date: datetime | None = None) -> Iterator[Api]:
    """Answers each POST with `body`, as AWS's JSON protocol does; `date`: its time of day."""
    api = Api("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            api.asked.append(self.headers)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response_only(status)
            self.send_header("Date", format_datetime(date or datetime.now(UTC), usegmt=True))
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        api.endpoint = f"http://127.0.0.1:{server.server_port}"
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
