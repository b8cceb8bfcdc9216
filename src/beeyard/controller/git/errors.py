"""What goes wrong with repositories, and how a request is refused."""

from beeyard.errors import AppError


class GitError(AppError):
    """A repository could not be read or written, or does not hold what was asked for."""


class ProtocolError(Exception):
    """A client sent what is not Git's protocol."""


class ClientGone(Exception):
    """The client hung up, or neither took nor sent anything for too long."""


class Refusal(Exception):
    """A request is answered with this status and these words, which `git` shows after `remote:`."""

    def __init__(self, status: int, words: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.headers = headers
