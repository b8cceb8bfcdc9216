"""Commit statuses: what a forge is told of a run, and the one request that tells it.

Sources: docs.github.com "REST API endpoints for commit statuses"; docs.gitea.com "API" (Repository,
`repoCreateStatus`), whose Forgejo is the same; docs.gitlab.com "Commits API", "Set commit pipeline
status".
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx

from beeyard.controller.forges.payload import is_name
from beeyard.controller.forges.settings import Kind, Settings
from beeyard.controller.records import Status
from beeyard.controller.runs import Run, Stage

#: Seconds for a request as a whole, and for each thing that it waits for.
PATIENCE = 10.0
#: Characters of a description. GitHub's answer to more is 422, "description is too long (maximum is
#: 140 characters)" (zalando/zappr#378); GitLab keeps 255; Gitea names no limit.
LONGEST: Mapping[Kind, int] = {"github": 140, "gitea": 255, "gitlab": 255}
_LONGEST_CONTEXT = 255
_LONGEST_WAIT = 3600.0
_MOST_READ = 16_384

# Neither GitHub nor Gitea has a word for a run that was ended by somebody.
_HUB: Mapping[Status, str] = {
    "pending": "pending",
    "running": "pending",
    "success": "success",
    "failure": "failure",
    "error": "error",
    "killed": "error",
    "skipped": "error",
    "superseded": "error",
}
_STATES: Mapping[Kind, Mapping[Status, str]] = {
    "github": _HUB,
    "gitea": _HUB,
    "gitlab": {
        "pending": "pending",
        "running": "running",
        "success": "success",
        "failure": "failed",
        "error": "failed",
        "killed": "canceled",
        "skipped": "canceled",
        "superseded": "canceled",
    },
}
# GitLab's answer where it is told what it has already (runatlantis/atlantis#2685), such as "Cannot
# transition status via :run from :running".
_KNEW_IT = re.compile(
    r"via :(run from :running|enqueue from :(pending|running)|success from :success"
    r"|drop from :failed|cancel from :canceled)\b"
)
_WORDS: Mapping[Status, str] = {
    "pending": "waits for a runner",
    "running": "runs",
    "success": "passed",
    "failure": "failed",
    "error": "could not be run to its end",
    "killed": "was stopped",
    "skipped": "did not run",
    "superseded": "a newer push took its place",
}


@dataclass(frozen=True)
class Report:
    """What is to be said of one pipeline at one commit.

    pipeline  its name; empty: the run as a whole
    link      where the run can be seen
    branch    what was pushed, where it was a branch or tag
    """

    application: str
    repository: str
    commit: str
    pipeline: str
    status: Status
    description: str = ""
    link: str = ""
    branch: str = ""

    @property
    def context(self) -> str:
        """The name that the forge shows."""
        return f"beeyard/{self.pipeline}"[:_LONGEST_CONTEXT] if self.pipeline else "beeyard"


def reports(run: Run, settings: Settings, link: str) -> tuple[Report, ...]:
    """What a forge should know of a run as it stands, one for each pipeline that this event has.

    None where the run's event is not of the forge's repository. `link` is where the run is seen.
    Of a pipeline that was skipped, nothing is said before the run's end shows what that means.
    """
    found = run.event.get("repository") or {}
    slug = f"{found.get('namespace')}/{found.get('name')}"
    if slug.lower() != settings.repository.lower():
        return ()

    def report(pipeline: str, status: Status, why: str) -> Report:
        ref = str(run.event.get("ref", ""))
        branch = re.sub(r"^refs/(heads|tags)/", "", ref)
        return Report(
            application=run.application,
            repository=slug,
            commit=str(run.event.get("commit", "")),
            pipeline=pipeline,
            status=status,
            description=why or _WORDS[status],
            link=link,
            branch=branch if branch != ref and is_name(branch) else "",
        )

    if run.problem:
        return (report("", "error", run.problem),)
    return tuple(
        report(stage.name, _status(run, stage), stage.reason)
        for stage in run.stages.values()
        if not stage.plan.skipped and (run.ended or stage.status != "skipped")
    )


def _status(run: Run, stage: Stage) -> Status:
    """A pipeline's status, as it is shown. One for the case of a failure that did not happen is
    well; one that did not run because of a failure must not look as if it had passed."""
    if run.superseded_by is not None:
        return "superseded"
    return "success" if stage.status == "skipped" and run.status == "success" else stage.status


@dataclass(frozen=True)
class Answer:
    """What a forge made of a report.

    taken    it knows it now, or knew it
    again    seconds after which it may be sent again; None: that would change nothing
    alone    whether only this report was not taken, not whatever comes from us
    problem  why it was not taken, in words
    """

    taken: bool = False
    again: float | None = None
    alone: bool = True
    problem: str = ""


async def send(
    client: httpx.AsyncClient, settings: Settings, report: Report, now: datetime
) -> Answer:
    """Tell the forge, once. Never raises for what the other side does, and never shows the token.

    `again` of 0 leaves it to the caller when. `now` is the time of day, for answers that name one.
    """
    url, headers, body = request(settings, report)
    try:
        async with (
            asyncio.timeout(2 * PATIENCE),
            client.stream("POST", url, headers=headers, json=body) as response,
        ):
            said = await _beginning(response)
    except (TimeoutError, httpx.TimeoutException):
        return Answer(again=0.0, problem=f"no answer within {PATIENCE:g} s")
    except httpx.TransportError as error:
        return Answer(again=0.0, problem=_hidden(settings, str(error) or type(error).__name__))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return Answer(problem=_hidden(settings, str(error) or type(error).__name__))
    return _answer(settings, response, said, now)


def request(settings: Settings, report: Report) -> tuple[str, dict[str, str], dict[str, Any]]:
    """URL, headers and JSON of the request for a report. The headers hold the token."""
    token = settings.token.reveal() if settings.token else ""
    longest = LONGEST[settings.kind]
    body: dict[str, Any] = {
        "state": _STATES[settings.kind][report.status],
        "target_url": report.link,
        "description": _cut(report.description, longest),
    }
    commit = quote(report.commit, safe="")
    if settings.kind == "gitlab":
        body |= {"name": report.context} | ({"ref": report.branch} if report.branch else {})
        project = quote(report.repository, safe="")
        url = f"{settings.api}/projects/{project}/statuses/{commit}"
        return url, {"PRIVATE-TOKEN": token}, body
    body["context"] = report.context
    url = f"{settings.api}/repos/{quote(report.repository)}/statuses/{commit}"
    if settings.kind == "gitea":
        return url, {"Authorization": f"token {token}"}, body
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    return url, headers | {"X-GitHub-Api-Version": "2022-11-28"}, body


def _cut(text: str, longest: int) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"


def _answer(settings: Settings, response: httpx.Response, said: str, now: datetime) -> Answer:
    status = response.status_code
    if response.is_success:
        return Answer(taken=True)
    if settings.kind == "gitlab" and status == 400 and _KNEW_IT.search(said):
        return Answer(taken=True)
    words = _hidden(settings, f"it answers {status}: {_cut(said, 200)}")
    wait = _wait(response, now)
    if status == 429 or (status == 403 and wait is not None):
        return Answer(again=wait or 0.0, alone=False, problem=words)
    if status in (408, 409, 425) or response.is_server_error:
        return Answer(again=wait or 0.0, alone=wait is None, problem=words)
    return Answer(problem=words)


def _wait(response: httpx.Response, now: datetime) -> float | None:
    """Seconds for which the forge wants to be left alone; None if it does not say.

    Sources: RFC 9110, 10.2.3; docs.github.com "Rate limits for the REST API" (`x-ratelimit-…`, and
    that 403 may be one).
    """
    after = response.headers.get("retry-after", "").strip()
    if after:
        return _bounded(_seconds(after, now))
    if response.headers.get("x-ratelimit-remaining") == "0":
        reset = response.headers.get("x-ratelimit-reset", "")
        number = _number(reset)
        return _bounded(None if number is None else number - now.timestamp())
    return None


def _seconds(after: str, now: datetime) -> float | None:
    number = _number(after)
    if number is not None:
        return number
    try:
        moment = parsedate_to_datetime(after)
        return (moment.astimezone(now.tzinfo) - now).total_seconds()
    except (ValueError, OverflowError):
        return None


def _number(text: str) -> float | None:
    plain = text.isascii() and text.isdecimal() and len(text) <= 12
    return float(text) if plain else None


def _bounded(seconds: float | None) -> float | None:
    return None if seconds is None else min(max(seconds, 0.0), _LONGEST_WAIT)


async def _beginning(response: httpx.Response) -> str:
    """What an answer that is none of success says, as far as it is worth reading."""
    if response.is_success:
        return ""
    found = bytearray()
    async for piece in response.aiter_bytes(_MOST_READ):
        found += piece
        if len(found) >= _MOST_READ:
            break
    return bytes(found[:_MOST_READ]).decode(errors="replace")


def _hidden(settings: Settings, words: str) -> str:
    token = settings.token.reveal() if settings.token else ""
    return words.replace(token, "***") if token else words
