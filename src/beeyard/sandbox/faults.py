"""Bad luck to order: answers of the AWS API that AWS gives now and then, and moto never."""

import contextlib
import json
import select
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Literal, get_args

import httpx

from beeyard.errors import Refused, SandboxError
from beeyard.sandbox.api_call import call_of, read_body
from beeyard.sandbox.api_error import error_body

#: Where the API server takes orders and tells of them. Nothing of AWS's API is below this path.
PATH = "/_beeyard/faults"

Answer = Literal["throttle", "fail", "drop", "hang"]
#: Seconds after which the API closes the connection of a call that hangs. boto3 gives up by itself
#: before, after 60 or what it is told; Terraform's provider would wait as long as a resource may
#: take to be made.
SILENCE = 65.0


@dataclass(frozen=True)
class Fault:
    """What the next calls get instead of their answer.

    `service` is as in AWS's signatures (`ec2`, `elasticfilesystem`, `rds`, `s3`), `action` the
    API's name of a call (`RunInstances`); of services whose API is REST (EFS, S3, Route 53), the
    HTTP method. `answer`: `throttle` asks to call again later, as AWS does beyond its rates;
    `fail` is an error with `code` that calling again doesn't mend; `drop` closes the connection
    without a word; `hang` does so too, but only when the caller has given up, or after `SILENCE`.
    `times`: how many calls meet it.
    """

    service: str
    action: str
    answer: Answer
    times: int = 1
    code: str = "InternalFailure"


def order(endpoint: str, faults: Iterable[Fault]) -> None:
    """Make a rehearsal's API misbehave; replaces what was ordered before.

    Raises SandboxError if the API does not answer.
    """
    _ask("PUT", endpoint, json=[asdict(fault) for fault in faults])


def ordered(endpoint: str) -> list[Fault]:
    """What is still to come. Raises SandboxError if the API does not answer."""
    return [Fault(**fault) for fault in _ask("GET", endpoint)]


def _ask(method: str, endpoint: str, **body: Any) -> Any:
    try:
        answer = httpx.request(method, endpoint + PATH, timeout=10, trust_env=False, **body)
        return answer.raise_for_status().json()
    except httpx.HTTPError as error:
        raise SandboxError(
            "the rehearsal's API takes no orders",
            where=endpoint,
            why=str(error),
            fix="see: beeyard sandbox status",
        ) from error


class Faults:
    """WSGI middleware around the API that carries orders out."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._left: list[Fault] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH:
            return self._take_order(environ, start_response)
        fault = self._meets(*call_of(environ)) if self._left else None
        if fault is None:
            answer: Iterable[bytes] = self._application(environ, start_response)
            return answer
        if fault.answer in {"drop", "hang"}:
            read_body(environ)
            _hang_up(environ["werkzeug.socket"], SILENCE if fault.answer == "hang" else 0.0)
            raise ConnectionResetError(f"ordered: {fault}")
        status, code = error_of(fault)
        body, kind = error_body(fault.service, code, "Ordered by beeyard sandbox fault.")
        start_response(f"{status.value} {status.phrase}", [("Content-Type", kind)])
        return [body]

    def _take_order(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "PUT":
            faults = [Fault(**fault) for fault in json.loads(read_body(environ))]
            with self._lock:
                self._left = [fault for fault in faults if fault.times > 0]
        said = json.dumps([asdict(fault) for fault in self._left]).encode()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [said]

    def _meets(self, service: str, action: str) -> Fault | None:
        """The fault that this call meets, which is one time fewer to come then."""
        with self._lock:
            for index, fault in enumerate(self._left):
                if (fault.service, fault.action) == (service, action):
                    rest = Fault(**{**asdict(fault), "times": fault.times - 1})
                    self._left[index : index + 1] = [rest] if rest.times else []
                    return fault
        return None


def _hang_up(connection: socket.socket, silence: float) -> None:
    """Close a connection, all of whose request was read, as soon as its other end has closed it,
    or after so many seconds."""
    select.select([connection], [], [], silence)
    # The other end may have ended it for both.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def error_of(fault: Fault) -> tuple[HTTPStatus, str]:
    """Status and code of the service's answer."""
    if fault.answer == "throttle":
        code, status = _THROTTLED.get(fault.service, _THROTTLED["rds"])
        return status, code
    return HTTPStatus.BAD_REQUEST, fault.code


_THROTTLED = {
    "ec2": ("RequestLimitExceeded", HTTPStatus.SERVICE_UNAVAILABLE),
    "s3": ("SlowDown", HTTPStatus.SERVICE_UNAVAILABLE),
    "rds": ("Throttling", HTTPStatus.BAD_REQUEST),
    "elasticfilesystem": ("ThrottlingException", HTTPStatus.TOO_MANY_REQUESTS),
}


def fault_of(text: str) -> Fault:
    """Read `SERVICE:ACTION=ANSWER[:CODE][*TIMES]`. Raises Refused if it is no such thing."""
    call, _, rest = text.partition("=")
    service, _, action = call.partition(":")
    rest, _, times = rest.partition("*")
    answer, _, code = rest.partition(":")
    known: dict[str, Answer] = {one: one for one in get_args(Answer)}
    if not (service and action and answer in known and (times or "1").isdigit()):
        raise Refused(
            f"`{text}` is no fault",
            why="it is SERVICE:ACTION=ANSWER[:CODE][*TIMES], with throttle, fail, drop or hang",
            fix="such as ec2:RunInstances=fail:InsufficientInstanceCapacity",
        )
    return Fault(service, action, known[answer], int(times or 1), code or "InternalFailure")
