"""What the tests of backups share: a store in a real S3 API, keys, and manifests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from beeyard.backup import Store
from beeyard.cloud import state_bucket
from beeyard.cloud.api import Aws
from beeyard.process import Command, LocalRunner
from cloud import moto as moto_server
from cloud.example import REGION, at


@pytest.fixture(scope="session")
def moto_process() -> Iterator[moto_server.Moto]:
    with moto_server.serving() as moto:
        yield moto


@pytest.fixture
def aws(moto_process: moto_server.Moto) -> Aws:
    """The AWS API, as new."""
    moto_process.reset()
    return Aws(at(moto_process.endpoint), REGION)


@pytest.fixture
def store(aws: Aws) -> Store:
    state_bucket.ensure(aws, "state")
    return Store(aws, "state", aws)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SSH keys: `ed25519`, `rsa`, `ecdsa`, and `closed` with the passphrase `open sesame`."""
    folder = tmp_path_factory.mktemp("keys")
    for name, kind, passphrase in (
        ("ed25519", "ed25519", ""),
        ("rsa", "rsa", ""),
        ("closed", "ed25519", "open sesame"),
        ("ecdsa", "ecdsa", ""),
    ):
        argv = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(folder / name)]
        LocalRunner().run(Command(argv))
    return folder
