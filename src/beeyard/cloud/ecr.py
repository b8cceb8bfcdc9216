"""Amazon ECR signs us in: by AWS's API, for hours at a time."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from beeyard.cloud.api import Aws, in_words
from beeyard.secret import Secret


@dataclass(frozen=True)
class EcrSignIn:
    """User and password for every registry that our credentials may use, and the seconds for which
    they are good."""

    username: str
    password: Secret
    lasts: float


def ecr_sign_in(aws: Aws) -> EcrSignIn:
    """Have a sign-in made, in the region of `aws`. Raises CloudError with what to do.

    How long it is good is told by AWS's clock alone: its end less the time of its answer.
    Source: Amazon ECR API reference, "GetAuthorizationToken".
    """
    client = aws.client("ecr")
    with in_words():
        answer = client.get_authorization_token()
    (made,) = answer["authorizationData"]
    username, _, password = base64.b64decode(made["authorizationToken"]).decode().partition(":")
    return EcrSignIn(username, Secret(password), _seconds(made["expiresAt"], answer))


def _seconds(end: datetime, answer: Mapping[str, Any]) -> float:
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return (end - parsedate_to_datetime(headers["date"])).total_seconds()
