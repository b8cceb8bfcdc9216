"""Git repositories of this machine, and a server that asks for a password before it gives them."""

import base64
import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from beeyard.process import Command, LocalRunner

USER, PASSWORD = "ci", "p:ss w@rd"
_PERSON = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Tests"), ("EMAIL", "tests@example.com"))
}


class Repository:
    """A repository with a working tree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    def git(self, *arguments: str) -> str:
        environment = {**_PERSON, "GIT_CONFIG_GLOBAL": os.devnull}
        command = Command(["git", *arguments], cwd=self.folder, env=environment)
        return LocalRunner().run(command).stdout.strip()

    def is_name(self, ref: str) -> bool:
        """Whether Git takes it for the full name of a reference."""
        command = Command(["git", "check-ref-format", ref], cwd=self.folder)
        return ref.startswith("refs/") and LocalRunner().run(command, check=False).code == 0

    def commit(self, name: str = "a.txt", text: str = "a\n") -> str:
        """Write a file and commit it; gives the commit."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"{name}: {text.strip()}")
        return self.git("rev-parse", "HEAD")


class _Handler(BaseHTTPRequestHandler):
    """Passes requests on to git-http-backend(1), if they come with the password."""

    root: Path

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers["Content-Length"])))

    def _serve(self, body: bytes) -> None:
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            self._answer(401, ['WWW-Authenticate: Basic realm="tests"'], b"")
            return
        head, _, rest = _backend(self.root, self, body).partition(b"\r\n\r\n")
        self._answer(200, head.decode().splitlines(), rest)

    def _answer(self, status: int, headers: list[str], body: bytes) -> None:
        self.send_response(status)
        for line in (*headers, f"Content-Length: {len(body)}"):
            name, _, value = line.partition(": ")
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextlib.contextmanager
def served(root: Path) -> Iterator[str]:
    """The URL of the repositories in a folder over HTTP, which asks for USER and PASSWORD."""
    handler = type("Handler", (_Handler,), {"root": root})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _backend(root: Path, request: BaseHTTPRequestHandler, body: bytes) -> bytes:
    path, _, query = request.path.partition("?")
    environment = {
        **os.environ,
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": request.command,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "REMOTE_USER": USER,
    }
    done = subprocess.run(
        ["git", "http-backend"], input=body, env=environment, capture_output=True, check=True
    )
    return done.stdout
