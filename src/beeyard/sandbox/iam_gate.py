"""IAM before the AWS API: nobody but the account's own root does what no policy allows.

moto's own check knows neither resources nor conditions (`moto/iam/access_control.py`), so this one
stands before it. Who somebody is, and which policies they have, is in moto's memory (`iam_facts`).
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from beeyard.sandbox.api_call import ApiCall, call_of, key_of, read_call
from beeyard.sandbox.api_error import JSON, error_body
from beeyard.sandbox.environment import ROOT
from beeyard.sandbox.iam import Asked, allows
from beeyard.sandbox.iam_asked import asked_of
from beeyard.sandbox.iam_facts import known, principal

#: What AWS lets everybody do. Source: AWS STS API reference, "GetCallerIdentity".
_FREE = {"sts:GetCallerIdentity"}
#: moto's own page, by which `readiness` knows that the API answers. What is below it changes moto.
_MOTO_PAGE = "/moto-api/"
#: What a presigned URL has, by either of S3's signatures: boto3 takes the older one (version 2) in
#: S3's older regions. Source: Amazon S3 API reference, "Authenticating Requests: Using Query
#: Parameters"; user guide, "Signing and authenticating REST requests (AWS signature version 2)".
_PRESIGNED = ({"X-Amz-Credential", "X-Amz-Signature"}, {"AWSAccessKeyId", "Signature"})

log = logging.getLogger("beeyard.sandbox")
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Gate:
    """WSGI middleware: lets through what IAM allows."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if key_of(environ) == ROOT:
            return self._application(environ, start_response)
        answer = partial(_answer, environ["REQUEST_METHOD"], start_response)
        call = read_call(environ)
        if call is None and _needs_no_signature(environ):
            return self._application(environ, start_response)
        if call is None:
            service, action = call_of(environ)
            log.info("nobody may %s: the request is not signed", action)
            return answer(service, HTTPStatus.FORBIDDEN, _refused(service), _UNSIGNED)
        found = principal(call)
        if found is None:
            return answer(call.service, *_UNKNOWN.get(call.service, _UNKNOWN_KEY))
        who, policies = found
        asked = first_refused(call, policies)
        if asked is None:
            return self._application(environ, start_response)
        log.info("%s may not %s on %s", who, asked.action, asked.resource)
        return self.refuse(environ["REQUEST_METHOD"], start_response, call, who, asked)

    @staticmethod
    def refuse(
        method: str, start_response: Any, call: ApiCall, who: str, asked: Asked
    ) -> Iterable[bytes]:
        """What AWS answers to whoever lacks a right."""
        return _answer(method, start_response, call.service, *_refusal(call, who, asked))


def first_refused(call: ApiCall, policies: Sequence[Mapping[str, Any]]) -> Asked | None:
    """What of all that a call takes these policies do not allow."""
    asks = (one for one in asked_of(call, known(call)) if one.action not in _FREE)
    return next((one for one in asks if not allows(policies, one)), None)


def _needs_no_signature(environ: Mapping[str, Any]) -> bool:
    """What is let through with no name to it: presigned URLs, whose signature is their query, and
    moto's page."""
    if environ["PATH_INFO"] == _MOTO_PAGE:
        return True
    query = parse_qs(environ.get("QUERY_STRING", "")).keys()
    return "HTTP_AUTHORIZATION" not in environ and any(each <= query for each in _PRESIGNED)


def _refusal(call: ApiCall, who: str, asked: Asked) -> tuple[HTTPStatus, str, str]:
    """As AWS says it: status, code, and message.

    Source: AWS IAM user guide, "Troubleshoot access denied error messages".
    """
    said = (
        f"User: {who} is not authorized to perform: {asked.action} on resource: {asked.resource} "
        f"because no identity-based policy allows the {asked.action} action"
    )
    if call.service == "ec2":
        said = f"You are not authorized to perform this operation. {said}"
    return HTTPStatus.FORBIDDEN, _refused(call.service), said


def _refused(service: str) -> str:
    """What a refusal is called by the service."""
    if service == "ec2":
        return "UnauthorizedOperation"
    return "AccessDeniedException" if service in JSON else "AccessDenied"


_UNSIGNED = "The request has no signature of AWS's version 4, or none that can be read."
_UNKNOWN_KEY = (
    HTTPStatus.FORBIDDEN,
    "InvalidClientTokenId",
    "The security token included in the request is invalid.",
)
_UNKNOWN = {
    "ec2": (
        HTTPStatus.UNAUTHORIZED,
        "AuthFailure",
        "AWS was not able to validate the provided access credentials",
    ),
    "s3": (
        HTTPStatus.FORBIDDEN,
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    "elasticfilesystem": (
        HTTPStatus.FORBIDDEN,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    ),
}


def _answer(
    method: str, start_response: Any, service: str, status: HTTPStatus, code: str, said: str
) -> Iterable[bytes]:
    """The refusal in the form of the service's protocol; nothing but a status to HEAD."""
    body, kind = error_body(service, code, said)
    headers = [("Content-Type", kind)]
    if method == "HEAD":
        body = b""
    headers.append(("Content-Length", str(len(body))))
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]
