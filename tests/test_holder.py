"""Whether who held a lock is gone, also once its machine was started again."""

import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from beeyard.holder import Holder

FIRST, SECOND = "11111111-2222-3333-4444-555555555555", "11111111-2222-3333-4444-666666666666"
HOST = "pid:[4026531836]"
CONTAINER = "pid:[4026532999]"


class Machine:
    """One with a disk, as the processes on it see it."""

    def __init__(self, disk: Path, patch: pytest.MonkeyPatch) -> None:
        self._disk, self._patch = disk, patch

    def starts(self, kernel: str, *, where: str = HOST, disk: str = "", name: str = "bee") -> None:
        """Be started: from here on, what is asked is asked there."""
        files = {
            "/proc/sys/kernel/random/boot_id": f"{kernel}\n",
            "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
        }
        read = Path.read_text

        def read_text(path: Path) -> str:
            return files.get(str(path)) or read(path)

        self._patch.setattr(platform, "node", lambda: name)
        self._patch.setattr(Path, "readlink", lambda _: Path(where))
        self._patch.setattr(Path, "read_text", read_text)
        self._patch.setenv("XDG_STATE_HOME", str(self._disk / disk))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with pytest.MonkeyPatch.context() as patch:
        yield Machine(tmp_path, patch)


def test_what_ran_before_a_machine_was_started_again_is_gone(machine: Machine) -> None:
    machine.starts(FIRST)
    held = Holder.me("up")
    assert not held.is_gone()
    machine.starts(SECOND)
    assert held.is_gone()
    assert not Holder.me("up").is_gone()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"disk": "copy"}, id="a copy of the same image, with its name and ID"),
        pytest.param({"name": "wasp"}, id="another name, on a disk that is shared"),
        pytest.param({"where": CONTAINER}, id="a container that has all of it"),
    ],
)
def test_another_machine_does_not_know(machine: Machine, other: dict[str, str]) -> None:
    machine.starts(FIRST)
    held = Holder.me("up")
    machine.starts(SECOND, **other)
    assert not held.is_gone()


def test_containers_do_not_know_of_each_other(machine: Machine) -> None:
    machine.starts(FIRST, where=CONTAINER)
    held = Holder.me("up")
    for kernel, where in ((SECOND, CONTAINER), (SECOND, HOST), (FIRST, HOST), (FIRST, "pid:[9]")):
        machine.starts(kernel, where=where)
        assert not held.is_gone()


def test_one_that_an_older_beeyard_wrote_down_is_known_while_the_machine_runs(
    machine: Machine,
) -> None:
    machine.starts(FIRST)
    held = replace(Holder.me("up"), boot=f"{FIRST} {HOST}")
    assert not held.is_gone()
    assert replace(held, started="1").is_gone()
    machine.starts(SECOND)
    assert not held.is_gone()


def test_what_is_no_start_reads_no_file(machine: Machine, tmp_path: Path) -> None:
    """It comes from a bucket."""
    machine.starts(FIRST)
    held = Holder.me("up")
    (tmp_path / "beeyard/other").write_text("word")
    machine.starts(SECOND)
    assert not replace(held, boot=f"../other {HOST} {held.boot.split()[2]}").is_gone()


def test_a_few_starts_are_remembered(machine: Machine, tmp_path: Path) -> None:
    kernels = [f"{FIRST[:-2]}{number}" for number in range(10, 35)]
    for kernel in kernels:
        machine.starts(kernel)
        Holder.me("up")
    kept = {path.name for path in (tmp_path / "beeyard/starts").iterdir()}
    assert len(kept) == 20
    assert kernels[-1] in kept


def test_a_disk_that_takes_nothing_is_no_hindrance(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "beeyard").write_text("a file where a folder was to be")
    machine.starts(FIRST)
    held = Holder.me("up")
    assert held.boot == f"{FIRST} {HOST}"
    machine.starts(SECOND)
    assert not held.is_gone()
