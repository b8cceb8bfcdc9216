"""A runner's way to the controller, which may be away for a while: it moves, or is made anew.

What is said is said again until it is heard; every message can be heard twice without harm.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from beeyard.controller.assignment import Poll, Work
from beeyard.errors import PipelineError

#: Seconds for which the controller may be away before what is said to it is given up.
AWAY = 600.0
_TIMEOUT = httpx.Timeout(10.0, read=60.0)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0


class Over(PipelineError):
    """The controller does not know this attempt any more: nobody waits for what it says."""


@dataclass(frozen=True)
class Link:
    """Talks to the controller. Safe for use by several threads."""

    client: httpx.Client
    away: float = AWAY
    pause: Callable[[float], None] = field(default=time.sleep)

    def work(self, poll: Poll) -> Work:
        """Ask for work; waits as long as `poll` says. Raises PipelineError where there is no
        answer: the caller asks again."""
        timeout = httpx.Timeout(10.0, read=poll.wait + 15.0)
        try:
            answer = self.client.post("/runner/poll", json=poll.model_dump(), timeout=timeout)
        except httpx.HTTPError as error:
            raise PipelineError("the controller does not answer", why=str(error)) from error
        if answer.status_code != httpx.codes.OK:
            raise PipelineError("the controller has no work for us", why=_words(answer))
        return Work.model_validate(answer.json())

    def step(self, attempt: str, change: Mapping[str, Any]) -> None:
        """Tell of a step. Raises Over, PipelineError."""
        self._say("POST", f"/runner/attempts/{attempt}/steps", json=dict(change))

    def log(self, attempt: str, step: str, offset: int, data: bytes) -> int:
        """Send a piece of a log; give where the next one begins. Raises Over, PipelineError."""
        answer = self._say(
            "POST",
            f"/runner/attempts/{attempt}/log",
            params={"step": step, "offset": offset},
            content=data,
        )
        return int(answer.json()["size"])

    def end(self, attempt: str, status: str, reason: str) -> None:
        """Tell of an attempt's end. Raises Over, PipelineError."""
        path = f"/runner/attempts/{attempt}/end"
        self._say("POST", path, json={"status": status, "reason": reason})

    def begin_deploy(self, attempt: str, step: str, settings: Mapping[str, Any]) -> None:
        """Have something deployed, once, however often it is asked for. Its lines go into the
        step's log by themselves. Raises Over, PipelineError."""
        path = f"/runner/attempts/{attempt}/deploy"
        self._say("POST", path, json={"step": step, "settings": dict(settings)})

    def deployed(self, attempt: str, step: str) -> Mapping[str, Any]:
        """What became of it, when it has ended. Raises Over, PipelineError."""
        path = f"/runner/attempts/{attempt}/deploy"
        while True:
            answer = self._say("GET", path, params={"step": step})
            said: Mapping[str, Any] = answer.json()
            if said["ended"]:
                return said

    def _say(self, method: str, path: str, **what: Any) -> httpx.Response:
        """One message, again and again until it is heard or refused."""
        end = time.monotonic() + self.away
        wait = _FIRST_PAUSE
        while True:
            try:
                answer = self.client.request(method, path, timeout=_TIMEOUT, **what)
            except httpx.TransportError as error:
                problem = str(error) or type(error).__name__
            else:
                if answer.is_success:
                    return answer
                if answer.status_code == httpx.codes.GONE:
                    raise Over("the attempt is over", why=_words(answer))
                # Traefik answers 404 while no copy of the controller runs.
                if answer.status_code < 500 and answer.status_code not in {404, 429}:
                    raise PipelineError("the controller refused", where=path, why=_words(answer))
                problem = _words(answer)
            if time.monotonic() + wait > end:
                raise PipelineError("the controller does not answer", where=path, why=problem)
            self.pause(wait)
            wait = min(2 * wait, _LONGEST_PAUSE)


def _words(answer: httpx.Response) -> str:
    try:
        said = answer.json()
        return str(said.get("what") or said)
    except ValueError:
        return f"{answer.status_code} {answer.text[:200]}".strip()
