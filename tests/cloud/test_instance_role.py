"""The rights that AWS lends an instance: asked of moto's metadata service, as on the node."""

import json
from dataclasses import replace

import pytest

from beeyard.cloud import AWS
from beeyard.cloud.api import Aws
from beeyard.cloud.ecr import ecr_sign_in
from beeyard.cloud.instance_role import METADATA, role_credentials
from beeyard.errors import CloudError, render
from beeyard.process import LocalRunner
from beeyard.testing import FakeRunner
from cloud.answers import answering
from cloud.example import REGION
from cloud.moto import Moto


def test_what_is_lent_signs_what_is_asked(moto: Moto) -> None:
    lent = role_credentials(LocalRunner(), f"{moto.endpoint}/latest")
    assert lent == {
        "AWS_ACCESS_KEY_ID": "test-key",
        "AWS_SECRET_ACCESS_KEY": "test-secret-key",
        "AWS_SESSION_TOKEN": "test-session-token",
    }
    with answering(400, json.dumps({"__type": "ExpiredTokenException", "message": "x"})) as api:
        aws = Aws(replace(AWS, endpoint=api.endpoint, environment=lent), REGION)
        with pytest.raises(CloudError):
            ecr_sign_in(aws)
    assert api.asked[0]["X-Amz-Security-Token"] == "test-session-token"
    assert "Credential=test-key/" in str(api.asked[0]["Authorization"])


def test_no_command_line_shows_the_word_that_opens_it() -> None:
    with FakeRunner() as node:
        node.expect("curl", ..., stdout="open-sesame")
        node.expect("curl", ..., stdout="role\n")
        node.expect("curl", ..., code=22, stderr="404")
        with pytest.raises(CloudError):
            role_credentials(node)
    assert "open-sesame" not in str([call.argv for call in node.calls])
    assert node.calls[2].input == b'header = "X-aws-ec2-metadata-token: open-sesame"\n'
    assert node.calls[2].argv[-1] == f"{METADATA}/meta-data/iam/security-credentials/role"


def test_a_manager_without_rights() -> None:
    with answering(404, "") as api, pytest.raises(CloudError) as caught:
        role_credentials(LocalRunner(), f"{api.endpoint}/latest")
    assert render(caught.value).startswith(
        "error: the manager has no rights in AWS\n"
        f"  where: {api.endpoint}/latest/api/token\n"
        "  why:   curl: (22) The requested URL returned error: 501"
    )
    assert "beeyard up" in str(caught.value.fix)
