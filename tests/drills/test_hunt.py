"""The hunt for secrets finds them however they are written. That of a cluster is a drill."""

import base64
import gzip
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest

from drills.canaries import Files
from drills.hunt import Hunt, processes, report

SECRET = 'pa?ss/w"ör+d-93'
HUNT = Hunt({"password": SECRET, "other": "never-written-anywhere"})


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_in_base64_wherever_it_begins(before: str) -> None:
    text = f"{before}{SECRET} and more".encode()
    assert HUNT.names(base64.b64encode(text)) == {"password"}
    assert HUNT.names(base64.urlsafe_b64encode(text)) == {"password"}


@pytest.mark.parametrize("written", [SECRET, quote(SECRET, safe=""), json.dumps({"x": SECRET})])
def test_as_it_is_in_urls_and_in_json(written: str) -> None:
    assert HUNT.names(f"x{written}y".encode()) == {"password"}


def test_not_where_it_is_not() -> None:
    assert HUNT.names(b"pa?ss/w, and base64: " + base64.b64encode(b"pa?ss/w")) == set()


def test_across_pieces() -> None:
    raw = SECRET.encode()
    assert HUNT.names_in([b"x" * 9, raw[:5], raw[5:9], raw[9:], b"y"]) == {"password"}


def test_in_packed_files_and_in_names(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "plan", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tfstate", f"password = {SECRET}")
    (tmp_path / "old.gz").write_bytes(gzip.compress(SECRET.encode()))
    (tmp_path / "clean").write_text("nothing")
    named = tmp_path / "never-written-anywhere"
    named.touch()
    found = {path.name: HUNT.names_in_file(path) for path in tmp_path.iterdir()}
    password = {"password"}
    assert found == {"plan": password, "old.gz": password, "clean": set(), named.name: {"other"}}


def test_in_arguments_and_environments_of_processes() -> None:
    argv = [sys.executable, "-c", "input()", SECRET]
    env = os.environ | {"TOKEN": "never-written-anywhere"}
    with subprocess.Popen(argv, env=env, stdin=subprocess.PIPE) as running:
        found = report((kind, HUNT.names(text)) for kind, _, text in processes())
        running.communicate(b"\n")
    assert found == {"arguments": ["password"], "environment": ["other"]}


def test_one_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="too short to be told from chance: pin"):
        Hunt({"pin": "1234"})


def test_in_a_file_that_is_gone_again(tmp_path: Path) -> None:
    files = Files([tmp_path])
    plan = tmp_path / "deep" / "plan"
    plan.parent.mkdir()
    with zipfile.ZipFile(plan, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tfplan", f"password = {SECRET}")
    whole = plan.read_bytes()
    files.look()
    plan.write_bytes(whole[:-8])  # as it is while it is written
    files.look()
    plan.unlink()
    files.look()
    assert files.names == {"deep/plan"}
    assert report(files.places(HUNT)) == {"file deep/plan, meanwhile": ["password"]}
