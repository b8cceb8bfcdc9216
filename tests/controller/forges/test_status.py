"""What forges are told of a run, and how: to a server that plays the three."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, get_args

import pytest
from starlette.responses import Response, StreamingResponse

from beeyard.controller.forges import status as status_module
from beeyard.controller.forges.settings import Kind
from beeyard.controller.forges.status import (
    Answer,
    reports,
    request,
)
from beeyard.controller.records import RunCreated, StagePlan, Status, StepPlan
from beeyard.controller.runs import Run, Runs
from controller.forges.forge import KINDS, NOW, Apis, Says, report, says
from controller.forges.payloads import TOKEN, B, settings


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", get_args(Status))
def test_each_forge_understands_each_state(apis: Apis, kind: Kind, status: Status) -> None:
    assert apis.send(report(status), kind) == Answer(taken=True)
    body = apis.forge.received[0].body
    assert body["target_url"] == "https://ci.example.com/runs/7"
    assert body["name" if kind == "gitlab" else "context"] == "beeyard/test"
    assert body.get("ref") == ("main" if kind == "gitlab" else None)


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_passed_is_told_as_passed(kind: Kind) -> None:
    states = {
        one: request(settings(kind, token=TOKEN), report(one))[2]["state"]
        for one in get_args(Status)
    }
    assert [one for one, state in states.items() if state == "success"] == ["success"]


@pytest.mark.parametrize("kind", KINDS)
def test_long_descriptions_are_cut_to_what_the_forge_takes(apis: Apis, kind: Kind) -> None:
    assert apis.send(report(description="ab\n " * 2000), kind).taken
    said = apis.forge.received[0].body["description"]
    assert len(said) == (140 if kind == "github" else 255)
    assert said.startswith("ab ab ")
    assert said.endswith("…")


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_token_is_said_without_it(apis: Apis, kind: Kind) -> None:
    wrong = settings(kind).secret
    answer = apis.send(report(), kind, token=wrong)
    assert (answer.taken, answer.again) == (False, None)
    assert "it answers 401" in answer.problem
    assert wrong.reveal() not in answer.problem


def test_a_forge_that_says_the_token_back_does_not_get_it_into_words(apis: Apis) -> None:
    apis.forge.answers = [says(422, {"message": f"no {TOKEN.reveal()} here"})]
    assert apis.send(report()).problem == 'it answers 422: {"message":"no *** here"}'


@pytest.mark.parametrize(
    ("answer", "again", "alone"),
    [
        (says(500), 0.0, True),
        (says(502), 0.0, True),
        (says(503, retry_after="7"), 7.0, False),
        (says(429), 0.0, False),
        (says(429, retry_after="7"), 7.0, False),
        (says(429, retry_after="Fri, 02 Jan 2026 03:04:35 GMT"), 30.0, False),
        (says(429, retry_after="Fri, 02 Jan 2026 03:00:00 GMT"), 0.0, False),
        (says(429, retry_after="soon"), 0.0, False),
        (says(429, retry_after="999999999"), 3600.0, False),
        (says(403, retry_after="60"), 60.0, False),
        (says(403, x_ratelimit_remaining="0", x_ratelimit_reset="1767323105"), 60.0, False),
        (says(403, x_ratelimit_remaining="7", x_ratelimit_reset="1767323105"), None, True),
        (says(409), 0.0, True),
        (says(400), None, True),
        (says(404), None, True),
        (says(301, location="https://example.com/"), None, True),
    ],
)
def test_what_is_worth_another_try(
    apis: Apis, answer: Says, again: float | None, alone: bool
) -> None:
    apis.forge.answers = [answer]
    found = apis.send(report())
    assert (found.taken, found.again, found.alone) == (False, again, alone)
    assert found.problem.startswith("it answers ")
    assert len(apis.forge.received) == 1, "no redirect is followed: the token is the forge's alone"


def test_gitlab_may_know_it_already(apis: Apis) -> None:
    words = "Cannot transition status via :run from :running (Reason(s): Status cannot transition)"
    apis.forge.answers = [says(400, {"message": words})]
    assert apis.send(report("running"), "gitlab").taken
    apis.forge.answers = [says(400, {"message": "Cannot transition status via :run from :skipped"})]
    assert not apis.send(report("running"), "gitlab").taken


def test_nobody_listens(apis: Apis) -> None:
    found = apis.send(report(), api="http://127.0.0.1:1")
    assert (found.taken, found.again) == (False, 0.0)
    assert found.problem


def test_a_forge_that_does_not_answer_is_not_waited_for(
    apis: Apis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_module, "PATIENCE", 0.1)

    async def drips() -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(50):
                yield b"."
                await asyncio.sleep(0.05)

        return StreamingResponse(pieces(), 500)

    apis.forge.answers = [drips]
    assert apis.send(report()) == Answer(again=0.0, problem="no answer within 0.1 s")


def test_an_endless_answer_is_not_read_to_its_end(apis: Apis) -> None:
    ended = []

    async def floods() -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 65536
                    await asyncio.sleep(0)
            finally:
                ended.append(True)

        return StreamingResponse(pieces(), 500)

    apis.forge.answers = [floods]
    problem = apis.send(report()).problem
    assert problem.startswith("it answers 500: xxx")
    assert len(problem) < 300


def test_names_can_not_lead_elsewhere() -> None:
    known = settings("github", token=TOKEN, repository="acme/shop")
    url = request(known, report(commit="../../hooks?x=#"))[0]
    assert url.endswith("/repos/acme/shop/statuses/..%2F..%2Fhooks%3Fx%3D%23")


# A run as the controller has it.

EVENT = {
    "kind": "push",
    "ref": "refs/heads/main",
    "commit": B,
    "repository": {"namespace": "acme", "name": "shop"},
}


def run(
    statuses: Mapping[str, Status], event: Mapping[str, Any] | None = None, problem: str = ""
) -> Run:
    """A run with these pipelines, as far as they are."""
    runs = Runs()
    plans = tuple(StagePlan(name=name, steps=(StepPlan(name="unit"),)) for name in statuses)
    runs.apply(
        RunCreated(
            at=NOW, run=7, application="shop", event=event or EVENT, stages=plans, problem=problem
        )
    )
    found = runs.by_number[7]
    for name, status in statuses.items():
        found.stages[name].status = status
    return found


def told(found: Run) -> dict[str, tuple[Status, str]]:
    every = reports(found, settings("github"), "https://ci.example.com/runs/7")
    assert all(one.commit == B and one.branch == "main" for one in every)
    return {one.context: (one.status, one.description) for one in every}


def test_each_pipeline_is_told_by_its_name() -> None:
    assert told(run({"test": "failure", "ship": "running"})) == {
        "beeyard/test": ("failure", "failed"),
        "beeyard/ship": ("running", "runs"),
    }


def test_a_reason_is_told() -> None:
    found = run({"test": "error"})
    found.stages["test"].reason = "its runner on worker-1 does not answer any more"
    assert told(found)["beeyard/test"][1] == "its runner on worker-1 does not answer any more"


def test_what_did_not_run_because_of_a_failure_is_not_told_as_passed() -> None:
    assert told(run({"test": "failure", "ship": "skipped"}))["beeyard/ship"][0] == "skipped"
    assert told(run({"test": "success", "mourn": "skipped"}))["beeyard/mourn"][0] == "success"
    assert told(run({"test": "running", "ship": "skipped"})).keys() == {"beeyard/test"}


def test_a_pipeline_that_is_not_for_this_event_is_not_told() -> None:
    found = run({"test": "success", "nightly": "skipped"})
    found.stages["nightly"].plan = found.stages["nightly"].plan.model_copy(
        update={"skipped": "not for this event"}
    )
    assert told(found).keys() == {"beeyard/test"}


def test_a_run_that_is_superseded_is_told_so() -> None:
    found = run({"test": "pending"})
    found.superseded_by = 8
    assert told(found) == {"beeyard/test": ("superseded", "a newer push took its place")}


def test_a_broken_file_is_told_as_the_whole() -> None:
    found = run({}, problem=".drone.yml:3:1: no such key")
    assert told(found) == {"beeyard": ("error", ".drone.yml:3:1: no such key")}


def test_a_run_of_the_clusters_own_remote_is_not_the_forges_concern() -> None:
    other = EVENT | {"repository": {"namespace": "my-cluster", "name": "shop"}}
    assert told(run({"test": "success"}, other)) == {}
    assert reports(run({"test": "success"}, {"kind": "cron"}), settings("github"), "") == ()
