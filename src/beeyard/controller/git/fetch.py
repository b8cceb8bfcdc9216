"""Clones and fetches: `git upload-pack`, streamed.

Source: gitprotocol-http(5). `git upload-pack` and `git receive-pack` are used directly, not by way
of `git http-backend`: what that adds (paths, gzip, access) is ours anyway, and a push has to be
read on its way.
"""

import re
from typing import NoReturn

from beeyard.controller.git.environment import git
from beeyard.controller.git.errors import ClientGone, ProtocolError, Refusal
from beeyard.controller.git.exchange import Answer, Body
from beeyard.controller.git.pktline import FLUSH, packet
from beeyard.controller.git.repositories import Repository
from beeyard.controller.git.run import failed
from beeyard.controller.git.tasks import until
from beeyard.process import Command
from beeyard.process_stream import Stream, streaming

_VERSION = re.compile(r"version=([0-9])")


def protocol(header: bytes) -> dict[str, str]:
    """What Git is told of a `Git-Protocol` header: the highest version that it names.

    Source: git(1), GIT_PROTOCOL: keys are separated by colons, and unknown ones are ignored.
    """
    keys = header.decode("latin-1").split(":")
    versions = [match[1] for key in keys if (match := _VERSION.fullmatch(key))]
    return {"GIT_PROTOCOL": f"version={max(versions)}"} if versions else {}


async def advertise(repository: Repository, service: str, header: bytes, answer: Answer) -> None:
    """Answer with what there is to fetch, or to push onto. Raises GitError."""
    version = protocol(header)
    arguments = (service.removeprefix("git-"), "--stateless-rpc", "--http-backend-info-refs")
    command = git(repository.path, *arguments, str(repository.path), more=version)
    # Protocol 2 begins without it, and is one for fetching only.
    first = b"" if _is_2(version, service) else packet(f"# service={service}\n".encode()) + FLUSH
    async with streaming(command, inherit=False) as process:
        process.close_input()
        data = await process.read()
        if not data:
            await process.end()
            raise failed(repository, service, process.said)
        await answer.start(f"application/x-{service}-advertisement")
        await answer.write(first)
        await _copy(process, data, answer)
    await answer.finish()


def _is_2(version: dict[str, str], service: str) -> bool:
    return service == "git-upload-pack" and version.get("GIT_PROTOCOL") == "version=2"


async def fetch(
    repository: Repository, header: bytes, body: Body, answer: Answer, limit: int
) -> None:
    """Answer to what a client wants and has, which may be `limit` bytes.

    Ends Git's process if the client hangs up. Raises ClientGone, Refusal, ProtocolError, GitError.
    """
    async with streaming(_upload_pack(repository, header), inherit=False) as process:
        await until(_feed(process, body, limit), _answer(process, answer))
    await answer.finish()


def _upload_pack(repository: Repository, header: bytes) -> Command:
    path = repository.path
    arguments = ("upload-pack", "--strict", "--stateless-rpc", str(path))
    return git(path, *arguments, more=protocol(header))


async def _feed(process: Stream, body: Body, limit: int) -> NoReturn:
    while data := await body.read():
        if body.size > limit:
            raise Refusal(413, f"a fetch may ask with {limit} bytes at most\n")
        await process.write(data)
    process.close_input()
    await body.until_gone()
    raise ClientGone


async def _answer(process: Stream, answer: Answer) -> None:
    data = await process.read()
    if not data and await process.end() != 0:
        raise ProtocolError("Git did not understand the request")
    await answer.start("application/x-git-upload-pack-result")
    await _copy(process, data, answer)


async def _copy(process: Stream, data: bytes, answer: Answer) -> None:
    while data:
        await answer.write(data)
        if answer.gone:
            raise ClientGone
        data = await process.read()
