"""The controller as a process: pushes become runs, runners do them, and it may be killed."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from beeyard.controller.epochs import Held, claim
from beeyard.controller.git.names import NOTHING
from beeyard.secret import Secret
from controller.crowd import PIPELINE, crowd, ended, take
from controller.forges import payloads
from controller.serving import ADMIN, APPLICATIONS, RUNNER, Controller, controller, project


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with controller(tmp_path_factory.mktemp("controller")) as made:
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Controller]:
    """One of this test's own, which it may kill."""
    with controller(tmp_path / "own") as made:
        yield made


def push(
    made: Controller, application: str, folder: Path, text: str = PIPELINE, *, follow: bool = False
) -> str:
    """Push a first commit, mostly without waiting for what becomes of it; what the pusher saw."""
    work = project(folder / application, text)
    options = () if follow else ("-o", "no-follow")
    return work.git("push", *options, made.remote(application), "main").stderr


def said(runner: httpx.Client, attempt: str, step: str, status: str, **more: Any) -> None:
    body = {"step": step, "status": status} | more
    answer = runner.post(f"/runner/attempts/{attempt}/steps", json=body)
    assert answer.status_code == 204, answer.text


def audited(admin: httpx.Client, application: str) -> list[tuple[str, str, str]]:
    """What the audit log says of an application, the oldest first."""
    entries = admin.get("/api/audit", params={"limit": 1000}).json()
    return [
        (entry["what"], entry["on"], entry["outcome"])
        for entry in reversed(entries)
        if entry["on"].split()[0] == application
    ]


def wrote(runner: httpx.Client, attempt: str, step: str, offset: int, data: bytes) -> int:
    path = f"/runner/attempts/{attempt}/log"
    answer = runner.post(path, params={"step": step, "offset": offset}, content=data)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["size"])


def test_a_push_becomes_a_run_that_its_pusher_follows(running: Controller, tmp_path: Path) -> None:
    work = project(tmp_path / "work", PIPELINE)
    with ThreadPoolExecutor(1) as pool, running.runner() as runner:
        pushing = pool.submit(work.git, "push", running.remote("shop0"), "main")
        stage = take(runner)["stage"]
        assert stage["application"] == "shop0"
        assert stage["event"]["commit"] == work.head()
        assert stage["clone_url"].endswith("/shop0.git")
        attempt = stage["attempt"]
        said(runner, attempt, "clone", "running")
        said(runner, attempt, "clone", "success")
        said(runner, attempt, "test", "running")
        wrote(runner, attempt, "test", 0, b"+ echo tested\ntested\n")
        said(runner, attempt, "test", "failure", exit_code=3)
        ended(runner, attempt, "failure")
        seen = pushing.result(timeout=30).stderr
    lines = [line.strip() for line in seen.splitlines()]
    assert any(line.endswith("== default/test") for line in lines), seen
    assert any(line.endswith("tested") for line in lines)
    assert any("✗ test failure, exit code 3" in line for line in lines)
    assert any("failure after" in line for line in lines)
    found = running.run(stage["run"])
    steps = {step["name"]: step["status"] for step in found["stages"][0]["steps"]}
    assert steps == {"clone": "success", "test": "failure", "ship": "skipped"}


def test_a_broken_file_is_said_to_the_pusher_with_its_place(
    running: Controller, tmp_path: Path
) -> None:
    broken = "kind: pipeline\nname: x\nsteps:\n  - nam: test\n"
    seen = push(running, "shop1", tmp_path, broken, follow=True)
    assert "can't begin" in seen
    assert ".drone.yml:4:5" in seen


def test_a_push_without_a_pipeline_is_kept_and_says_so(running: Controller, tmp_path: Path) -> None:
    work = project(tmp_path / "work")
    seen = work.git("push", running.remote("shop2"), "main").stderr
    assert "there is no .drone.yml in commit" in seen


def test_what_no_trigger_wants_makes_no_run(running: Controller, tmp_path: Path) -> None:
    seen = push(running, "shop3", tmp_path, PIPELINE + "trigger: {branch: [release]}\n")
    assert "nothing runs: default: the branch is `main`, not `release`" in seen


def test_roles_and_doors(running: Controller, tmp_path: Path) -> None:
    with running.api() as admin:
        for name, role in (("eve", "viewer"), ("oscar", "operator")):
            assert admin.put(f"/api/users/{name}", json={"role": role}).status_code == 200
        tokens = {}
        for name, role in (("eve", "viewer"), ("oscar", "operator")):
            made = admin.post("/api/tokens", json={"name": "t", "role": role, "user": name})
            assert made.status_code == 201, made.text
            tokens[name] = made.json()["token"]
    with running.api(tokens["eve"]) as viewer:
        assert viewer.get("/api/runs").status_code == 200
        assert viewer.post("/api/runs", json={"application": "shop0"}).status_code == 403
        assert viewer.get("/api/users").status_code == 403
        assert viewer.get("/api/applications/shop0/secrets").status_code == 200
    with running.api(tokens["oscar"]) as operator:
        assert operator.get("/api/me").json()["role"] == "operator"
        put = operator.put("/api/applications/shop0/secrets/KEY", json={"value": "v1"})
        assert put.status_code == 204
        assert operator.put("/api/users/oscar", json={"role": "admin"}).status_code == 403
    work = project(tmp_path / "work", PIPELINE)
    refused = work.git("push", running.remote("shop4", tokens["eve"]), "main", check=False)
    assert refused.code != 0
    assert "403" in refused.stderr
    with running.api(tokens["eve"]) as viewer:
        made = viewer.post("/api/tokens", json={"name": "more", "role": "operator"})
        assert made.status_code == 403
    with running.api() as admin:
        own = {"name": "one", "role": "admin", "user": "root", "application": "shop0"}
        assert admin.put("/api/users/root", json={"role": "admin"}).status_code == 200
        narrow = admin.post("/api/tokens", json=own).json()["token"]
    with running.api(narrow) as of_one:
        assert of_one.get("/api/users").status_code == 403
        assert of_one.get("/api/audit").status_code == 403
        assert of_one.put("/api/users/eve", json={"role": "admin"}).status_code == 403
        assert of_one.get("/api/applications/shop1/secrets").status_code == 403
        assert of_one.get("/api/applications/shop0/secrets").status_code == 200
    with running.api("by_wrong") as nobody:
        assert nobody.get("/api/runs").status_code == 401
        assert nobody.post("/runner/poll", json={"runner": "x", "free": 1}).status_code == 401
    with running.api(RUNNER) as runner:
        assert runner.get("/api/runs").status_code == 401
    with running.api() as admin:
        entries = admin.get("/api/audit").json()
        whats = [entry["what"] for entry in entries]
        assert {"user.set", "token.made", "pipeline.secret.set"} <= set(whats)
        assert "v1" not in str(entries)


def test_secrets_reach_the_stage_that_names_them_and_no_other(
    running: Controller, tmp_path: Path
) -> None:
    asking = PIPELINE.replace("commands: [echo tested]", "environment: {KEY: {from_secret: key}}")
    seen = push(running, "shop5", tmp_path, asking, follow=True)
    assert "asks for the secret key: there is no such secret" in seen
    with running.api() as admin:
        for name, value in (("KEY", "one"), ("other", "two")):
            path = f"/api/applications/shop5/secrets/{name}"
            assert admin.put(path, json={"value": value}).status_code == 204
        begun = admin.post("/api/runs", json={"application": "shop5"})
        assert begun.status_code == 201, begun.text
        assert audited(admin, "shop5")[-1] == ("run.begin", "shop5", "done")
    with running.runner() as runner:
        stage = take(runner)["stage"]
        assert stage["secrets"] == {"key": "one"}
        ended(runner, stage["attempt"])


def test_a_run_is_cancelled_and_its_runner_told(running: Controller, tmp_path: Path) -> None:
    push(running, "shop6", tmp_path)
    with running.runner() as runner, running.api() as admin:
        stage = take(runner)["stage"]
        attempt = stage["attempt"]
        said(runner, attempt, "test", "running")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(take, runner, free=0, running=[attempt], wait=20)
            assert admin.post(f"/api/runs/{stage['run']}/cancel").status_code == 200
            assert waiting.result(timeout=10)["stop"] == [attempt]
        ended(runner, attempt, "killed")
        assert running.run(stage["run"])["status"] == "killed"
        again = admin.post(f"/api/runs/{stage['run']}/retry")
        assert again.status_code == 201, again.text
        assert again.json()["retry_of"] == stage["run"]
        ended(runner, take(runner)["stage"]["attempt"])
        assert admin.post(f"/api/runs/{stage['run']}/cancel").status_code == 409
        title = f"shop6 run {stage['run']}"
        assert audited(admin, "shop6") == [
            ("git.push", "shop6 refs/heads/main", "done"),
            ("run.cancel", title, "done"),
            ("run.retry", title, "done"),
            ("run.cancel", title, "refused"),
        ]


def test_a_log_is_followed_while_it_grows(running: Controller, tmp_path: Path) -> None:
    push(running, "shop7", tmp_path)
    with running.runner() as runner, running.api() as viewer:
        stage = take(runner)["stage"]
        attempt, number = stage["attempt"], stage["run"]
        said(runner, attempt, "test", "running")
        params = {"stage": "default", "step": "test", "follow": "true"}
        with viewer.stream("GET", f"/api/runs/{number}/log", params=params) as answer:
            pieces = answer.iter_bytes()
            wrote(runner, attempt, "test", 0, b"first\n")
            assert next(pieces) == b"first\n"
            assert wrote(runner, attempt, "test", 0, b"first\n") == 6
            assert wrote(runner, attempt, "test", 9, b"ahead") == 6
            wrote(runner, attempt, "test", 6, b"second\n")
            assert next(pieces) == b"second\n"
            ended(runner, attempt)
            assert list(pieces) == []


def test_what_is_too_large_is_not_read(running: Controller) -> None:
    with running.api("by_wrong") as nobody:
        body = b"x" * (9 << 20)
        assert nobody.post("/api/session", content=body).status_code == 413
        gone = nobody.post("/runner/attempts/none/end", json={"status": "success"})
        assert gone.status_code == 401
    with running.runner() as runner:
        over = runner.post("/runner/attempts/none/steps", json={"step": "x", "status": "running"})
        assert over.status_code == 410


def test_the_api_describes_itself(running: Controller) -> None:
    with running.api() as api:
        paths = api.get("/api/openapi.json").json()["paths"]
    assert {"/api/runs", "/api/runs/{number}/log", "/api/users/{name}"} <= set(paths)
    assert not any(path.startswith("/runner") for path in paths)


def test_killed_it_goes_on_where_it_was(own: Controller, tmp_path: Path) -> None:
    push(own, "shop0", tmp_path)
    with own.runner() as runner:
        stage = take(runner)["stage"]
        attempt = stage["attempt"]
        said(runner, attempt, "test", "running")
        wrote(runner, attempt, "test", 0, b"half of it, ")
    own.end(signal.SIGKILL)
    own.begin()
    with own.runner() as runner:
        assert take(runner, free=0, running=[attempt], wait=0)["stop"] == []
        assert wrote(runner, attempt, "test", 12, b"and the rest\n") == 25
        said(runner, attempt, "test", "success")
        ended(runner, attempt)
    found = own.run(stage["run"])
    assert found["status"] == "success"
    with own.api() as api:
        params = {"stage": "default", "step": "test"}
        text = api.get(f"/api/runs/{stage['run']}/log", params=params).text
    assert text == "half of it, and the rest\n"


def test_a_push_that_it_was_killed_after_runs_when_it_is_back(
    own: Controller, tmp_path: Path
) -> None:
    """As if it had been killed between Git's work and its own: the ref has moved, unseen."""
    push(own, "shop0", tmp_path)
    own.end(signal.SIGKILL)
    repository = own.folder / "data/repos/shop0.git"
    work = project(tmp_path / "other", PIPELINE)
    work.git("push", "--force", str(repository), "main")
    own.begin()
    with own.api() as api:
        found = [run["event"]["commit"] for run in api.get("/api/runs").json()]
    assert found[0] == work.head()
    assert found[0] != NOTHING


def test_many_pushes_in_a_minute_all_run_or_are_superseded(own: Controller, tmp_path: Path) -> None:
    """50 pushes over 10 applications: none is lost."""
    seen = crowd(own, tmp_path)
    assert len(seen.pushed) == 50
    assert set(seen.runs) == set(seen.pushed)
    statuses = list(seen.runs.values())
    assert set(statuses) <= {"success", "superseded"}
    assert statuses.count("success") == seen.ran >= len(APPLICATIONS)
    # The last push of each application has run.
    assert {seen.runs[last] for last in dict(seen.pushed).items()} == {"success"}
    assert seen.memory < 300_000_000


def test_the_token_of_a_run_clones_its_own_application_only(
    running: Controller, tmp_path: Path
) -> None:
    push(running, "shop8", tmp_path)
    with running.runner() as runner:
        stage = take(runner)["stage"]
        attempt = stage["attempt"]
        work = project(tmp_path / "clone")

        def fetch(application: str, token: str) -> int:
            url = f"http://run:{token}@127.0.0.1:{running.port}/{application}.git"
            return work.git("fetch", "--depth=1", url, stage["event"]["commit"], check=False).code

        assert fetch("shop8", attempt) == 0
        assert fetch("shop0", attempt) != 0
        pushed = work.git(
            "push", f"http://run:{attempt}@127.0.0.1:{running.port}/shop8.git", "main", check=False
        )
        assert pushed.code != 0
        ended(runner, attempt)
        assert fetch("shop8", attempt) != 0


def test_sessions_change_nothing_without_their_csrf_token(running: Controller) -> None:
    with running.api() as admin:
        body = {"role": "operator", "password": "correct horse battery"}
        assert admin.put("/api/users/paula", json=body).status_code == 200
    with httpx.Client(base_url=running.url, timeout=30) as page:
        wrong = page.post("/api/session", json={"user": "paula", "password": "x" * 12})
        assert wrong.status_code == 401
        signed = page.post("/api/session", json={"user": "paula", "password": body["password"]})
        assert signed.status_code == 201, signed.text
        cookie = signed.cookies["beeyard_session"]
        # It is a Secure cookie, and this is no TLS: so it is sent by hand.
        headers = {"Cookie": f"beeyard_session={cookie}"}
        assert page.get("/api/me", headers=headers).json()["user"] == "paula"
        path = "/api/applications/shop9/secrets/key"
        assert page.put(path, json={"value": "v"}, headers=headers).status_code == 401
        good = headers | {"X-CSRF-Token": signed.json()["csrf"]}
        assert page.put(path, json={"value": "v"}, headers=good).status_code == 204


def test_a_webhook_runs_its_commit_once(running: Controller, tmp_path: Path) -> None:
    """The commit is here already, as after a fetch: no forge can be reached."""
    work = project(tmp_path / "forged", PIPELINE)
    work.git("push", "-o", "ci.skip", running.remote("forged"), "main")
    with running.api() as admin:
        secret = {"value": payloads.SECRET.reveal()}
        path = "/api/applications/forged/secrets/webhook_secret"
        assert admin.put(path, json=secret).status_code == 204

    def deliver(delivery: payloads.Delivery) -> httpx.Response:
        return httpx.post(
            f"{running.url}/hooks/forged", content=delivery.body, headers=delivery.headers
        )

    delivery = payloads.push("github", before=payloads.A, after=work.head())
    first = deliver(delivery)
    assert first.status_code == 202, first.text
    assert deliver(delivery).status_code == 409
    other = payloads.push("github", before=payloads.A, after=work.head(), id="another")
    assert deliver(other).status_code in (200, 409)
    forged = payloads.push("github", after=work.head(), secret=Secret("not the one at all"))
    assert deliver(forged).status_code == 401
    with running.api() as admin:
        runs = admin.get("/api/runs", params={"application": "forged"}).json()
        assert [run["number"] for run in runs] == [first.json()["run"]]
        assert runs[0]["event"]["commit"] == work.head()
        assert admin.post(f"/api/runs/{runs[0]['number']}/cancel").status_code == 200
        assert ("run.begin", f"forged run {runs[0]['number']}", "done") in audited(admin, "forged")


def test_of_two_copies_one_serves(own: Controller) -> None:
    with pytest.raises(Held, match="another copy of the controller is active"):
        claim(own.folder / "data/epochs", "another", patience=1.0)
    assert own.answers()
    assert ADMIN not in own.said()
