"""Signing in to Amazon ECR: the call against moto's API, its life against an answer of our own."""

import base64
import json
import time
from datetime import UTC, datetime

import pytest

from beeyard.cloud.api import Aws
from beeyard.cloud.ecr import ecr_sign_in
from beeyard.errors import CloudError
from beeyard.secret import Secret
from cloud.answers import answering
from cloud.example import REGION, at

TARGET = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"


def test_user_and_password(aws: Aws) -> None:
    made = ecr_sign_in(aws)
    assert (made.username, made.password) == ("AWS", Secret("123456789012-auth-token"))
    # moto's have all ended in 2015.
    assert made.lasts < 0
    assert "auth-token" not in repr(made)


@pytest.mark.parametrize("ahead", [0, -40 * 86_400])
def test_how_long_it_is_good_is_told_by_one_clock(ahead: int) -> None:
    """Whatever ours says: the answer's own time counts."""
    now = int(time.time()) + ahead
    token = base64.b64encode(b"AWS:a:b").decode()
    data = [{"authorizationToken": token, "expiresAt": now + 43_200, "proxyEndpoint": "https://x"}]
    answer = json.dumps({"authorizationData": data})
    with answering(200, answer, date=datetime.fromtimestamp(now, UTC)) as api:
        made = ecr_sign_in(Aws(at(api.endpoint), REGION))
    assert (made.password.reveal(), made.lasts) == ("a:b", 43_200)
    assert [one["X-Amz-Target"] for one in api.asked] == [TARGET]


def test_without_the_right_to() -> None:
    said = "User: arn:aws:iam::1:user/x is not authorized to perform: ecr:GetAuthorizationToken"
    body = json.dumps({"__type": "AccessDeniedException", "message": said})
    with answering(400, body) as api, pytest.raises(CloudError) as caught:
        ecr_sign_in(Aws(at(api.endpoint), REGION))
    assert caught.value.what == "AWS did not allow ecr:GetAuthorizationToken"
    assert said in str(caught.value.why)
