"""A request to the AWS API, as what it is: an operation of a service, by somebody, on something."""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from botocore.exceptions import UnknownServiceError

# Source: AWS IAM user guide, "Elements of an AWS API request signature".
_SIGNED = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
#: Content type of the query protocol.
FORM = "application/x-www-form-urlencoded"
#: Names of services where the API's model is not called as its signatures are.
_MODELS = {"elasticfilesystem": "efs"}


@dataclass(frozen=True)
class ApiCall:
    """One call. `service` as in signatures and in IAM; `parameters` as the API's model has them."""

    key: str
    token: str
    region: str
    service: str
    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def words(self) -> Iterator[str]:
        """Every text in the parameters."""
        yield from _words(self.parameters)


#: What a request is called that no model of the API knows.
UNKNOWN = "UnknownOperation"


def key_of(environ: Mapping[str, Any]) -> str | None:
    """The access key that a WSGI request is signed with; None where it is not."""
    signed = _SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
    return unquote(signed.group(1)) if signed else None


def read_call(environ: dict[str, Any]) -> ApiCall | None:
    """The call of a WSGI request, whose body is left to be read; None for what is not signed."""
    signed = _SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
    if signed is None:
        return None
    key, region, service = signed.groups()
    token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "")
    operation, parameters = _operation(environ, service)
    return ApiCall(unquote(key), token, region, service, operation, parameters)


def call_of(environ: dict[str, Any]) -> tuple[str, str]:
    """A request's service and action by its form alone, signed or not; of a REST API, the HTTP
    method. The body can be read again after it.

    Source: AWS General Reference, "Signing AWS API requests" (the credential's scope), and the
    AWS query and JSON protocols.
    """
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    scope = authorization.partition("Credential=")[2].partition(",")[0].split("/")
    service = scope[3] if len(scope) > 3 else ""
    if target := environ.get("HTTP_X_AMZ_TARGET", ""):
        return service, target.rpartition(".")[2]
    if environ.get("CONTENT_TYPE", "").startswith(FORM):
        return service, parse_qs(read_body(environ).decode(errors="replace")).get("Action", [""])[0]
    return service, environ["REQUEST_METHOD"]


def _operation(environ: dict[str, Any], service: str) -> tuple[str, Mapping[str, Any]]:
    # moto reads its settings when it is first imported: not before the server has made them.
    from moto.core.parse import PROTOCOL_PARSERS  # noqa: PLC0415
    from moto.core.request import determine_request_protocol  # noqa: PLC0415
    from moto.core.routing import get_service_router  # noqa: PLC0415
    from moto.core.utils import get_service_model  # noqa: PLC0415
    from moto.moto_server.werkzeug_app import BackendRequest  # noqa: PLC0415
    from werkzeug.exceptions import NotFound  # noqa: PLC0415

    name = _MODELS.get(service, service)
    # An object's content stays where it is: all that matters of it is in its address.
    is_content = service == "s3" and "delete" not in environ.get("QUERY_STRING", "")
    body = b"" if is_content else read_body(environ)
    request = BackendRequest({**environ, "wsgi.input": io.BytesIO(body)})
    try:
        operation, place = get_service_router(name).match(request)
    except (NotFound, UnknownServiceError):
        return UNKNOWN, {}
    if is_content:
        return str(operation.name), {**place, **request.args.to_dict()}
    model = get_service_model(name)
    protocol = determine_request_protocol(model, request.content_type)
    found = PROTOCOL_PARSERS[protocol](model.operation_model(operation.name)).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": body,
            "url_path": request.path,
            "url_params": place,
        }
    )
    return str(operation.name), {**place, **found}


def read_body(environ: dict[str, Any]) -> bytes:
    """A WSGI request's body, which can be read again after it."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _words(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _words(one)
