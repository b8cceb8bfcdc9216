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


def check(answer: requests.Response) -> None:
    """Raise requests.HTTPError for a refusal, with the engine's words read."""
    if not answer.ok:
        _ = answer.content
    answer.raise_for_status()


def check_unless_absent(answer: requests.Response) -> None:
    """The same, unless the thing is not there, or is just going or gone."""
    if answer.status_code not in {404, 409}:
        check(answer)


def explanation(error: requests.HTTPError) -> str:
    """The engine's own words for a refusal."""
    if isinstance(error, APIError):
        return str(error.explanation or error)
    try:
        return str(error.response.json()["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return str(error)
