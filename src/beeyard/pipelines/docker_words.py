"""What the Docker SDK raises, as one of the two errors of an engine."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from docker.errors import APIError, DockerException
from urllib3.exceptions import HTTPError

from beeyard.pipelines.engine import EngineGone, StepError

#: Seconds in which the engine takes a connection; and answers what takes no time of itself.
CONNECT, ANSWER = 20.0, 120.0


@contextmanager
def in_words(what: str, where: str | None = None) -> Iterator[None]:
    """A refusal within becomes StepError(`what`), silence EngineGone."""
    try:
        yield
    except requests.HTTPError as error:
        raise StepError(what, where=where, why=explanation(error)) from error
    except (requests.RequestException, HTTPError, DockerException) as error:
        raise EngineGone(
            "the Docker engine does not answer",
            where=where,
            why=f"{what}: {error}",
            fix="see that it runs (`docker info`), then run it again",
        ) from error


def explanation(error: requests.HTTPError) -> str:
    """The engine's own words for a refusal."""
    if isinstance(error, APIError):
        return str(error.explanation or error)
    try:
        return str(error.response.json()["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return str(error)


def is_absent(error: requests.HTTPError) -> bool:
    """Whether it is refused because the thing is not there, or is just going or gone."""
    return error.response is not None and error.response.status_code in {304, 404, 409}
