"""Copies of the controller's storage as real processes, for tests that kill, freeze and race them.

Run as a program it needs nothing but the standard library, so that it also runs on a node. Records
are JSON objects, each the next number of its writer: `apply` sees it if one is lost.
"""

import json
import os
import random
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beeyard.controller import epochs
from beeyard.controller.epochs import Lease, LeaseLost
from beeyard.controller.journal import Journal, replay

Said = Mapping[str, Any]


class Json:
    """Records as they are."""

    def encode(self, record: Said, /) -> bytes:
        return json.dumps(record).encode()

    def decode(self, said: Said, /) -> Said:
        return said


@dataclass
class Counts:
    """How far each writer has come. A gap or a repetition is an AssertionError."""

    by_writer: dict[str, int] = field(default_factory=dict)

    def apply(self, record: Said) -> None:
        writer, number = str(record["writer"]), int(record["n"])
        assert record.get("upto") or number == self.by_writer.get(writer, 0) + 1, record
        self.by_writer[writer] = number

    def records(self) -> Iterator[Said]:
        for writer, number in self.by_writer.items():
            yield {"writer": writer, "n": number, "upto": True}


class Quick:
    """A clock whose seconds pass at once. (`beeyard.testing` has it, too, with all it imports.)"""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def take(folder: Path, name: str) -> Lease:
    """A lease without waiting: whoever holds it is silent for as long as the clock says."""
    return epochs.claim(folder, name, clock=Quick())


def killed(folder: Path, seed: int, rounds: int) -> None:
    """Start a copy, kill it while it writes, and again; tell in JSON what each was sure of."""
    dice = random.Random(seed)
    for number in range(rounds):
        told, tells = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(told)
            _write_until_killed(folder, f"{seed}.{number}", dice, tells)
        os.close(tells)
        sure = _kill(pid, told, dice.uniform(0, 0.012))
        print(json.dumps(sure), flush=True)  # noqa: T201


def _write_until_killed(folder: Path, name: str, dice: random.Random, tells: int) -> None:
    try:
        counts = Counts()
        journal = Journal.open(take(folder, name), Json(), counts.apply)
        if dice.random() < 0.4:
            journal.compact(counts.records())
        os.write(tells, b"begun\n")
        sizes = [dice.choice((10, 10, 300, 5_000, 100_000)) for _ in range(500)]
        threads = [
            threading.Thread(target=_writer, args=(journal, f"{name}.{part}", sizes, tells))
            for part in range(dice.choice((1, 3)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except BaseException as error:  # noqa: BLE001 (it is told, and the process ends)
        os.write(tells, f"failed {error!r}\n".encode())
    os._exit(1)


def _writer(journal: Journal[Said], name: str, sizes: list[int], tells: int) -> None:
    for number, size in enumerate(sizes, 1):
        journal.append([{"writer": name, "n": number, "pad": "x" * size}])
        os.write(tells, f"{name} {number}\n".encode())


def _kill(pid: int, told: int, after: float) -> dict[str, int]:
    said = b""
    while b"\n" not in said:
        said += os.read(told, 65536)
    # The pipe is read on, or the writer would wait for us.
    end = time.monotonic() + after
    while (left := end - time.monotonic()) > 0:
        if select.select([told], [], [], left)[0]:
            said += os.read(told, 65536)
    os.kill(pid, signal.SIGKILL)
    while piece := os.read(told, 65536):
        said += piece
    os.close(told)
    os.waitpid(pid, 0)
    lines = said.decode().splitlines()
    assert lines[0] == "begun", lines
    return {writer: int(number) for writer, number in (line.split() for line in lines[1:])}


def race(folders: list[Path], copies: int, wins: int) -> None:
    """Many copies claim as often as they can; tell in JSON which epochs each won, and what it was
    sure of. They reach the same files by several folders, if those are mounts of one."""
    begin, all_begin = os.pipe()
    told, tells = os.pipe()
    pids = []
    for number in range(copies):
        pid = os.fork()
        if pid == 0:
            os.close(all_begin)
            os.read(begin, 1)
            os.write(
                tells,
                json.dumps(_win(folders[number % len(folders)], f"copy-{number}", wins)).encode()
                + b"\n",
            )
            os._exit(0)
        pids.append(pid)
    os.close(tells)
    os.close(all_begin)
    with open(told) as results:  # noqa: PTH123 (a pipe)
        sys.stdout.write(results.read())
    for pid in pids:
        os.waitpid(pid, 0)


def _win(folder: Path, name: str, wins: int) -> dict[str, Any]:
    won, sure = [], []
    for number in range(wins):
        lease = take(folder, name)
        won.append(lease.epoch)
        try:
            journal: Journal[Said] = Journal.open(lease, Json(), lambda _: None)
            journal.append([{"writer": name, "n": number}])
            sure.append(number)
            journal.close()
        except LeaseLost:
            continue
    return {"name": name, "won": won, "sure": sure}


def obey(folder: Path, name: str) -> None:
    """Hold the lease and append each line of standard input as a record, until it is lost."""
    lease = epochs.claim(folder, name)
    journal: Journal[Said] = Journal.open(lease, Json(), lambda _: None)
    print("holds", lease.epoch, os.getpid(), flush=True)  # noqa: T201
    for number, line in enumerate(sys.stdin, 1):
        try:
            journal.append([{"writer": name, "n": number, "word": line.strip()}])
        except LeaseLost:
            print("lost", flush=True)  # noqa: T201
            return
        print("sure", flush=True)  # noqa: T201


def keep(folder: Path, name: str) -> None:
    """Hold the lease and write nothing, until it is lost; tell why."""
    lease, lost = epochs.claim(folder, name), threading.Event()
    journal: Journal[Said] = Journal.open(lease, Json(), lambda _: None)
    lease.at_each_beat(journal.look)

    def tell(error: LeaseLost) -> None:
        print(error.why, flush=True)  # noqa: T201
        lost.set()

    lease.keep(tell)
    lost.wait()


def follow(folder: Path, name: str) -> None:
    """Take over, append one record, and tell in JSON all that is then read."""
    journal: Journal[Said] = Journal.open(take(folder, name), Json(), lambda _: None)
    journal.append([{"writer": name, "n": 1, "word": f"from {name}"}])
    print(json.dumps(list(replay(folder, Json()))), flush=True)  # noqa: T201


def main(what: str, where: str, *more: str) -> None:
    if what == "killed":
        killed(Path(where), int(more[0]), int(more[1]))
    elif what == "race":
        race([Path(one) for one in where.split(",")], int(more[0]), int(more[1]))
    elif what == "follow":
        follow(Path(where), more[0])
    elif what == "keep":
        keep(Path(where), more[0])
    else:
        obey(Path(where), more[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
