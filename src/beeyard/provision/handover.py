"""Hand a program its environment through a pipe that has a name, and so write it down nowhere.

ansible-runner keeps the environment that it was given in a file beside its artifacts. It is given
none that matters: it starts `handed.py`, which reads the real one here, and becomes Ansible.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_RECEIVER = Path(__file__).with_name("handed.py")


@contextmanager
def handing(environment: Mapping[str, str], folder: Path) -> Iterator[Sequence[str]]:
    """Give what to put before a program's argv, for one start of it within the block.

    The pipe lies in `folder`, which must be the user's alone.
    """
    pipe = folder / f"environment-{os.getpid()}-{threading.get_ident()}"
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe, 0o600)
    data = json.dumps(dict(environment)).encode()
    writer = threading.Thread(target=_write, args=(pipe, data), daemon=True)
    writer.start()
    try:
        # -I: neither the user's settings nor the folder of the script have a say.
        yield [sys.executable, "-I", "-S", str(_RECEIVER), str(os.getpid()), str(pipe)]
    finally:
        _release(pipe, writer)
        pipe.unlink()


def _write(pipe: Path, data: bytes) -> None:
    # A reader that leaves early says why itself.
    with suppress(BrokenPipeError):
        pipe.write_bytes(data)


def _release(pipe: Path, writer: threading.Thread) -> None:
    """Let the writer end, should nobody have come to read."""
    handle = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while writer.is_alive():
            # Whatever it writes now has no reader but us, and is dropped.
            with suppress(BlockingIOError):
                os.read(handle, 65536)
            writer.join(0.01)
    finally:
        os.close(handle)
