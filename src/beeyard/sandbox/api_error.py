"""Errors as AWS's services say them, for what stands before moto's API."""

import json
from xml.sax.saxutils import escape

#: Services whose errors are in JSON; those of the others are in XML.
JSON = {"backup", "ecr", "elasticfilesystem"}


def error_body(service: str, code: str, said: str) -> tuple[bytes, str]:
    """An error in the form of the service's protocol, and its content type.

    Without AWS's header x-amzn-errortype beside it: provider 3.39 would read no further, and not
    say why. Sources: EC2's API reference, "Error codes"; S3's, "Error responses"; the Query APIs'
    "Common errors"; of EFS, the REST-JSON protocol.
    """
    if service in JSON:
        told = {"__type": code, "code": code, "message": said}
        return json.dumps(told).encode(), "application/x-amz-json-1.1"
    error = f"<Error><Code>{code}</Code><Message>{escape(said)}</Message></Error>"
    if service == "ec2":
        error = f"<Response><Errors>{error}</Errors><RequestID>sandbox</RequestID></Response>"
    elif service != "s3":
        error = f"<ErrorResponse>{error}<RequestId>sandbox</RequestId></ErrorResponse>"
    return f'<?xml version="1.0"?>{error}'.encode(), "text/xml"
