"""What `down` says is still there."""

import json
from pathlib import Path

import pytest

from beeyard.cli.cluster import _show_kept
from beeyard.cli.options import Options
from beeyard.workflows import Kept

KEY = Path("/state/id_ed25519")
KEPT = Kept("beeyard-shop", ("shop-final",), (KEY,))


def test_all_of_it_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    _show_kept(Options(), KEPT)
    assert capsys.readouterr().out.splitlines() == [
        "the cluster is gone",
        "  kept: database snapshot shop-final",
        "  kept: state bucket beeyard-shop",
        f"  kept: SSH key {KEY}, which opens backups of its time",
        "  `beeyard down --purge` removes these too",
    ]


def test_a_key_alone_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    _show_kept(Options(), Kept(None, (), (KEY,)))
    assert "purge" in capsys.readouterr().out


def test_where_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    _show_kept(Options(), Kept(None, ()))
    assert capsys.readouterr().out == "the cluster is gone\n"


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    _show_kept(Options(json=True), KEPT)
    assert json.loads(capsys.readouterr().out) == {
        "bucket": "beeyard-shop",
        "snapshots": ["shop-final"],
        "keys": [str(KEY)],
    }
