"""The way of the data: compressed by zstd, encrypted by age, in parts to S3; and back.

Nothing of it is written to the node's disk, and of it one part is in memory.
"""

import hashlib
import os
import subprocess
import tarfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import IO, Any

import kinds
import unfinished
import uploads
from words import Damaged, Failed, say

_CHUNK = 1024 * 1024
_TIMEOUT = 120.0


def take(
    kind: str, settings: Mapping[str, Any], readers: Sequence[str], parts: uploads.Parts
) -> dict[str, Any]:
    """Take a backup and put it to `parts`; gives what is to be known of it."""
    module = kinds.module(kind)
    started, taken_at = time.monotonic(), datetime.now(UTC)
    public, key = _identity(readers)
    with _sealing(public, parts) as sealing:
        facts = module.write(sealing, settings)
    return {
        "etags": sealing.etags,
        "taken_at": taken_at.isoformat(),
        "seconds": round(time.monotonic() - started, 3),
        "size": sealing.size,
        "plain": sealing.plain,
        "sha256": sealing.digest,
        "key": key,
        "facts": facts,
        "versions": {
            "age": _said("age", "--version"),
            **module.versions(settings),
            **unfinished.versions(kind),
        },
    }


@contextmanager
def opened(url: str, identity: str, sha256: str) -> Iterator[IO[bytes]]:
    """The plain data of the object at `url`. What was read of one that is not whole does not count:
    leaving raises Failed then, whatever else went wrong."""
    answer = _get(url)
    reader, writer = os.pipe()
    # By a pipe: an argument could be read by every user of the node, a file would stay.
    os.write(writer, f"{identity}\n".encode())
    os.close(writer)
    argv = ["age", "--decrypt", "--identity", f"/dev/fd/{reader}"]
    age = _popen(argv, stdin=subprocess.PIPE, pass_fds=(reader,))
    os.close(reader)
    zstd = _popen(["zstd", "--quiet", "--decompress", "--stdout"], stdin=age.stdout)
    pump = _Pump(answer, _pipe(age.stdin))
    _pipe(age.stdout).close()
    plain = _pipe(zstd.stdout)
    wrong: Exception | None = None
    try:
        yield plain
    except Exception as error:
        # Perhaps because the data is not whole, which is known at its end.
        wrong = error
    finally:
        # To the end, so that the digest is that of all of it.
        while plain.read(_CHUNK):
            pass
        digest = pump.join()
        codes = [age.wait(), zstd.wait()]
    if digest != sha256:
        raise Damaged(
            f"the object in S3 is not what was put there: its SHA-256 is {digest}, the manifest "
            f"says {sha256}"
        )
    if any(code < 0 for code in codes):
        raise Failed(f"age or zstd was killed (age ended with {codes[0]}, zstd {codes[1]})")
    if any(codes):
        raise Damaged(f"it could not be decrypted (age ended with {codes[0]}, zstd {codes[1]})")
    if isinstance(wrong, (tarfile.TarError, EOFError, ValueError)):
        raise Damaged(f"what is in the backup can't be read: {wrong}") from wrong
    if wrong is not None:
        raise wrong


class _Sealing:
    """What a kind writes its data to."""

    def __init__(self, public: str, parts: uploads.Parts) -> None:
        self._zstd = _popen(["zstd", "--quiet", "-3", "--stdout"], stdin=subprocess.PIPE)
        self._age = _popen(["age", "--recipient", public], stdin=self._zstd.stdout)
        _pipe(self._zstd.stdout).close()
        self._input = _pipe(self._zstd.stdin)
        self._parts = parts
        self._hash = hashlib.sha256()
        self._failure: Exception | None = None
        self.plain, self.size = 0, 0
        self.etags: list[str] = []
        self._thread = threading.Thread(target=self._upload)
        self._thread.start()

    def write(self, data: bytes) -> int:
        self.plain += len(data)
        self._input.write(data)
        return len(data)

    def end(self) -> None:
        """All was written."""
        self._input.close()
        self._thread.join()
        self._raise()
        codes = (self._zstd.wait(), self._age.wait())
        if any(codes):
            raise Failed(f"zstd ended with {codes[0]}, age with {codes[1]}")

    def give_up(self) -> None:
        """It won't be whole. What is put already is for whoever began the upload to forget."""
        self._failure = self._failure or Failed("given up")
        self._kill()
        self._thread.join()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def failure(self) -> Exception | None:
        return self._failure

    def _upload(self) -> None:
        output = _pipe(self._age.stdout)
        try:
            for part in uploads.parts_of(output):
                if self._failure is not None:
                    return
                self._hash.update(part)
                self.size += len(part)
                self.etags.append(self._parts.put(len(self.etags) + 1, part))
                say(f"{self.size // 1024} KiB are in S3")
        except Exception as error:
            self._failure = error
            # Whoever writes would wait for ever.
            self._kill()

    def _kill(self) -> None:
        for process in (self._zstd, self._age):
            process.kill()
            process.wait()


@contextmanager
def _sealing(public: str, parts: uploads.Parts) -> Iterator[_Sealing]:
    sealing = _Sealing(public, parts)
    try:
        yield sealing
    except BaseException as error:
        why = sealing.failure()
        sealing.give_up()
        if why is not None and isinstance(error, OSError):
            raise why from error
        raise
    sealing.end()


class _Pump:
    """Hands what comes from S3 to age, and knows its digest. `join` raises Failed where less came
    than S3 had said: what is there may be whole."""

    def __init__(self, source: Any, target: IO[bytes]) -> None:
        self._source, self._target = source, target
        self._hash = hashlib.sha256()
        self._came = 0
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self) -> str:
        self._thread.join()
        if self._failure is not None:
            raise Failed(f"S3 broke off: {self._failure}")
        # Python's client takes the end of a connection for that of the answer.
        said = self._source.headers["Content-Length"]
        if said is not None and self._came != int(said):
            raise Failed(f"S3 broke off after {self._came} bytes of {said}: try again")
        return self._hash.hexdigest()

    def _run(self) -> None:
        open_ = True
        try:
            while chunk := self._source.read(_CHUNK):
                self._hash.update(chunk)
                self._came += len(chunk)
                if open_:
                    open_ = self._hand_on(chunk)
        except Exception as error:
            self._failure = error
        finally:
            with suppress(BrokenPipeError):
                self._target.close()

    def _hand_on(self, chunk: bytes) -> bool:
        try:
            self._target.write(chunk)
        except BrokenPipeError:
            # age has had enough, and says why by its code; the digest is still wanted.
            return False
        return True


def _get(url: str) -> Any:
    try:
        return urllib.request.urlopen(url, timeout=_TIMEOUT)
    except OSError as error:
        raise Failed(f"S3 does not give the backup: {uploads.words(error)}") from error


def _identity(readers: Sequence[str]) -> tuple[str, str]:
    """A new identity: its public half, and the whole of it encrypted to the readers."""
    if not readers:
        raise Failed("nobody is named who could read the backup")
    secret = _said("age-keygen")
    public = next(
        line.partition(": ")[2] for line in secret.splitlines() if line.startswith("# public key")
    )
    (line,) = (line for line in secret.splitlines() if line.startswith("AGE-SECRET-KEY-"))
    to = [word for reader in readers for word in ("--recipient", reader)]
    done = subprocess.run(
        ["age", "--armor", *to], input=line, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failed(f"age can't encrypt to the operators' keys: {done.stderr.strip()}")
    return public, done.stdout


def _said(*argv: str) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Failed(f"{argv[0]} is not installed: run `beeyard up`") from error
    if done.returncode:
        raise Failed(f"{argv[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def _popen(argv: Sequence[str], **more: Any) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(argv, stdout=subprocess.PIPE, **more)
    except FileNotFoundError as error:
        raise Failed(f"{argv[0]} is not installed: run `beeyard up`") from error


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # it was asked for
    return stream
