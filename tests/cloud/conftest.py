"""What the tests of `cloud` share: a real AWS API, and an environment without the user's AWS."""

from collections.abc import Iterator

import pytest

from beeyard.cloud.api import Aws
from cloud import moto as moto_server
from cloud.example import REGION, at


@pytest.fixture(scope="session")
def moto_process() -> Iterator[moto_server.Moto]:
    with moto_server.serving() as moto:
        yield moto


@pytest.fixture
def moto(moto_process: moto_server.Moto) -> moto_server.Moto:
    """The AWS API, as new."""
    moto_process.reset()
    return moto_process


@pytest.fixture
def aws(moto: moto_server.Moto) -> Aws:
    return Aws(at(moto.endpoint), REGION)


@pytest.fixture(autouse=True)
def _nobody_signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials but those that a test gives, and no search for any on the network."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
