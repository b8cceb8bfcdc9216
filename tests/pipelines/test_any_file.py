"""Any text is a good file or is refused in words, each mistake at its place, in bounded time.

`pipelines.fuzz` tries the same for as long as one wants.
"""

from collections.abc import Mapping

import pytest
from hypothesis import given

from pipelines.checks import check
from pipelines.mutations import FILES, VALUES
from pipelines.properties import bounded
from pipelines.samples import SAMPLES


@pytest.mark.parametrize("text", SAMPLES)
def test_samples_are_good(text: str) -> None:
    good, _ = check(text, {"DRONE_TAG": "v1.2.3", "DRONE_BRANCH": "a/b", "DRONE_REPO_NAME": "app"})
    assert good


@bounded
@given(FILES, VALUES)
def test_any_text(text: str, values: Mapping[str, str]) -> None:
    check(text, values)
