"""What a request asks for, as far as its first lines say."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs

from beeyard.controller.git.access import Action
from beeyard.controller.git.errors import Refusal
from beeyard.controller.git.exchange import Scope
from beeyard.controller.git.names import is_application

Service = Literal["git-upload-pack", "git-receive-pack"]

# A name needs nothing that is written with %, so the path is compared as it came: no decoding, no
# second meaning.
_ROUTE = re.compile(rb"/([a-z0-9-]+)\.git/(info/refs|git-upload-pack|git-receive-pack)")
_ACTIONS: Mapping[Service, Action] = {"git-upload-pack": "read", "git-receive-pack": "push"}
_GZIP = {b"gzip": True, b"x-gzip": True, b"": False, b"identity": False}


@dataclass(frozen=True)
class Request:
    """A request that makes sense. `advertise`: it asks what there is, and has no body."""

    application: str
    service: Service
    advertise: bool
    headers: Mapping[bytes, bytes]
    address: str

    @property
    def action(self) -> Action:
        return _ACTIONS[self.service]

    @property
    def gzipped(self) -> bool:
        """Whether the body is compressed. Raises Refusal (415) if it is in another way."""
        try:
            return _GZIP[self.headers.get(b"content-encoding", b"").lower()]
        except KeyError:
            raise Refusal(415, "a body is sent as it is, or as gzip\n") from None


def read_request(scope: Scope) -> Request:
    """What an ASGI scope asks for. Raises Refusal."""
    path = scope.get("raw_path") or scope["path"].encode()
    match = _ROUTE.fullmatch(path.removeprefix(scope.get("root_path", "").encode()))
    if match is None or not is_application(match[1].decode()):
        raise Refusal(404, "there is no such repository: they are called /<application>.git\n")
    application, what = match[1].decode(), match[2].decode()
    headers = dict(scope["headers"])
    advertise = what == "info/refs"
    _check_method(scope["method"], "GET" if advertise else "POST")
    service = _service(scope["query_string"].decode("latin-1")) if advertise else _as_service(what)
    if (
        not advertise
        and headers.get(b"content-type") != f"application/x-{service}-request".encode()
    ):
        raise Refusal(415, "this is for Git clients\n")
    client = scope.get("client")
    return Request(application, service, advertise, headers, client[0] if client else "")


def _check_method(method: str, wanted: str) -> None:
    if method != wanted:
        raise Refusal(405, f"{wanted} it is\n", (b"allow", wanted.encode()))


def _service(query: str) -> Service:
    wanted = parse_qs(query).get("service", [""])
    return _as_service(wanted[0] if len(wanted) == 1 else "")


def _as_service(name: str) -> Service:
    for service in _ACTIONS:
        if name == service:
            return service
    raise Refusal(403, "this remote speaks Git's smart HTTP only: use git 1.6.6 or newer\n")
