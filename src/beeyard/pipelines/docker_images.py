"""Images of steps: there already, or pulled."""

import json
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests
from docker import auth
from docker.errors import DockerException, ImageNotFound
from docker.utils import parse_repository_tag
from urllib3.exceptions import HTTPError

from beeyard.pipelines.cancel import Cancel
from beeyard.pipelines.docker_words import CONNECT, check, explanation, in_words
from beeyard.pipelines.engine import StepError
from beeyard.pipelines.model import Pull
from beeyard.pipelines.plan import Job, JobStep

# Seconds for which a pull may say nothing: a large layer is unpacked in silence.
_SILENCE = 600.0


class PullFailed(Exception):
    """An image could not be pulled; the text says why."""


def is_wanted(pull: Pull, image: str, *, present: bool) -> bool:
    """Whether an image is to be pulled. Source: docs.drone.io, "Images", "Pulling Images"."""
    if pull == "never":
        return False
    tag = parse_repository_tag(image)[1]
    newest = pull == "default" and tag in {None, "latest"}
    return pull == "always" or newest or not present


class Images:
    """The images of one engine."""

    def __init__(self, api: Any) -> None:
        self._api = api

    def fetch(self, job: Job, step: JobStep, say: Callable[[str], None], cancel: Cancel) -> None:
        """See that a step's image is there. Raises StepError, EngineGone.

        One that is to be as new as can be, and that can't be pulled, is used as it is here, unless
        the step says `pull: always`.
        """
        present = self._is_here(step.image)
        if is_wanted(step.pull, step.image, present=present):
            say(f"pulling {step.image}")
            try:
                self._pull(step.image, self._sign_in(job, step.image), cancel)
            except PullFailed as error:
                if not present or step.pull == "always":
                    raise StepError(
                        f"the image {step.image} can't be pulled", where=step.name, why=str(error)
                    ) from error
                say(f"it can't be pulled, so the one that is here is used: {error}")
        elif not present:
            raise StepError(
                f"the image {step.image} is not here",
                where=step.name,
                why="its step says `pull: never`",
            )

    def _is_here(self, image: str) -> bool:
        with in_words(f"the engine did not say whether it has {image}"):
            try:
                self._api.inspect_image(image)
            except ImageNotFound:
                return False
        return True

    def _sign_in(self, job: Job, image: str) -> dict[str, str]:
        """The header that signs in: as the job says, else as this machine's user is signed in."""
        try:
            host, _ = auth.resolve_repository_name(parse_repository_tag(image)[0])
            if known := job.credentials.get(host):
                given = {"username": known.username, "password": known.password.reveal()}
                encoded: Any = auth.encode_header({**given, "serveraddress": host})
            else:
                encoded = auth.get_config_header(self._api, host)
        except DockerException as error:
            raise PullFailed(str(error)) from error
        if not encoded:
            return {}
        return {"X-Registry-Auth": encoded if isinstance(encoded, str) else encoded.decode()}

    def _pull(self, image: str, headers: dict[str, str], cancel: Cancel) -> None:
        """Pull in another thread, which is left alone when nobody wants the image any more."""
        said: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

        def pull() -> None:
            try:
                self._follow(image, headers, cancel)
            except Exception as error:  # noqa: BLE001 (raised again by who waits)
                said.put(error)
            else:
                said.put(None)

        threading.Thread(target=pull, name=f"pull of {image}", daemon=True).start()
        with cancel.calling(lambda: said.put(None)):
            error = said.get()
        if error is not None:
            raise error

    def _follow(self, image: str, headers: dict[str, str], cancel: Cancel) -> None:
        """Source: Docker Engine API, "Create an image"."""
        repository, tag = parse_repository_tag(image)
        api = self._api
        with in_words(f"{image} was not pulled"):
            try:
                with api.post(
                    f"{api.base_url}/v{api.api_version}/images/create",
                    params={"fromImage": repository, "tag": tag or "latest"},
                    headers=headers,
                    stream=True,
                    timeout=(CONNECT, _SILENCE),
                ) as answer:
                    check(answer)
                    _read(answer, cancel)
            except requests.HTTPError as error:
                raise PullFailed(explanation(error)) from error


def _read(answer: requests.Response, cancel: Cancel) -> None:
    try:
        for line in answer.iter_lines():
            if cancel.is_set():
                return
            with suppress(ValueError):
                if said := json.loads(line).get("error"):
                    raise PullFailed(str(said))
    except (requests.RequestException, HTTPError) as error:
        raise PullFailed(f"the engine said nothing more: {error}") from error
