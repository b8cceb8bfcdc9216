"""An AWS API of a few words on this machine: enough to sign in, or to be refused."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from beeyard.cloud import cluster_lock

IDENTITY = """\
<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>arn:aws:iam::123456789012:user/operator</Arn>
    <UserId>AIDA</UserId><Account>123456789012</Account>
  </GetCallerIdentityResult>
</GetCallerIdentityResponse>"""


class Api(ThreadingHTTPServer):
    """Answers STS, and S3 as if there were no bucket yet.

    `refuse` is the error code that STS answers with, `refuse_bucket` that of whoever makes a
    bucket; `held` keeps STS from answering until it is set; `asked` is set once STS was called.
    """

    daemon_threads = True

    def __init__(self, refuse: str | None, refuse_bucket: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refuse = refuse
        self.refuse_bucket = refuse_bucket
        self.held = threading.Event()
        self.held.set()
        self.asked = threading.Event()

    @property
    def environment(self) -> dict[str, str]:
        """What makes the AWS SDK call this API, with credentials of no account."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_address[1]}",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "none",
        }


@contextmanager
def api(refuse: str | None = None, refuse_bucket: str | None = None) -> Iterator[Api]:
    """The API, until the end of the block."""
    server = Api(refuse, refuse_bucket)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.held.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_POST(self) -> None:
        """STS."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.set()
        self.server.held.wait()
        code = self.server.refuse
        if code is None:
            self._answer(200, IDENTITY)
        else:
            error = f"<Code>{code}</Code><Message>The security token is refused</Message>"
            self._answer(403, f"<ErrorResponse><Error>{error}</Error></ErrorResponse>")

    def do_HEAD(self) -> None:
        """Is there that bucket? No."""
        self._answer(404, "")

    def do_PUT(self) -> None:
        """The bucket and its settings, and what is put into it."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        code = self.server.refuse_bucket
        if code is None:
            self._answer(200, "", ETag='"etag"')
        else:
            self._answer(403, f"<Error><Code>{code}</Code><Message>No</Message></Error>")

    def do_GET(self) -> None:
        """What is in it: nothing."""
        if self.path.endswith(cluster_lock.KEY):
            self._answer(404, "<Error><Code>NoSuchKey</Code><Message>No</Message></Error>")
        else:
            self._answer(200, "<ListBucketResult></ListBucketResult>")

    def _answer(self, status: int, text: str, **headers: str) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Not on standard error, which the tests read."""
