"""The real command line in a clean world: its own home, no AWS, eighty columns."""

import gc
import os
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from beeyard.cli.main import main
from cli.said import MINIMAL, Cli, Said, WriteFile


@pytest.fixture(autouse=True)
def _clean_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in tuple(os.environ):
        if name.startswith(("AWS_", "BEEYARD_", "XDG_")) or name in {"NO_COLOR", "FORCE_COLOR"}:
            monkeypatch.delenv(name)
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.chdir(work)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Cli:
    """Run `beeyard …` and give what it said."""

    def run(*arguments: str) -> Said:
        capfd.readouterr()
        code = main(arguments)
        captured = capfd.readouterr()
        with warnings.catch_warnings():
            # A command's process would end here, and close what a library left open.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        return Said(code, captured.out, captured.err)

    return run


@pytest.fixture
def file() -> WriteFile:
    """Write beeyard.yml here."""

    def write(text: str = MINIMAL) -> Path:
        path = Path("beeyard.yml")
        path.write_text(text)
        return path

    return write
