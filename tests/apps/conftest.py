"""What the tests of applications share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apps.sites import Site, sites


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """`make_site(issuer, expires)`: a TLS server on this machine."""
    with sites(tmp_path) as make:
        yield make
