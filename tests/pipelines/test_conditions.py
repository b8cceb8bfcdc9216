"""What runs for which event: cases from Drone's pages on triggers, conditions and skipping."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beeyard.pipelines import (
    Event,
    Status,
    Verdict,
    decide,
    parse,
    pipeline_verdict,
    skip_word,
    step_may_run,
    step_verdict,
)
from beeyard.pipelines.globs import matches, refused
from pipelines.events import PUSH, REPOSITORY, cron, promote, pull_request, push, tag
from pipelines.properties import bounded

CONDITIONS = "docs.drone.io/pipeline/conditions"
TRIGGERS = "docs.drone.io/pipeline/triggers"
SKIPPING = "docs.drone.io/pipeline/skipping"
INSTANCE = "drone.instance1.com"

ROLLBACK = replace(promote("staging"), kind="rollback")
OTHER = replace(PUSH, repository=replace(REPOSITORY, namespace="spaceghost"))
DELETED = push("feature/a", action="deleted")

# The conditions, events for which they hold, events for which they don't, the page.
HOLDS: list[tuple[str, list[Event], list[Event], str]] = [
    (
        "branch: [main, feature/*]",
        [push(), push("feature/a"), pull_request(), cron(), promote()],
        [push("develop"), push("feature/a/b"), tag(), pull_request(branch="develop")],
        f"{CONDITIONS}, By Branch: the target of a pull request; none for tags",
    ),
    ("branch: main", [push()], [push("mainly"), tag()], f"{CONDITIONS}, By Branch"),
    (
        "branch: {include: [main, feature/*]}",
        [push(), push("feature/a")],
        [push("develop")],
        f"{CONDITIONS}, By Branch, include",
    ),
    (
        "branch: {exclude: [main, feature/*]}",
        [push("develop"), tag()],
        [push(), push("feature/a"), pull_request()],
        f"{CONDITIONS}, By Branch, exclude",
    ),
    (
        "branch: {include: [release/*], exclude: [release/1.*]}",
        [push("release/2.0")],
        [push("release/1.0"), push()],
        "docs.drone.io/yaml/docker, The Constraint object: whichever matches of exclude skips",
    ),
    (
        "event: [push, pull_request, tag, promote, rollback]",
        [push(), pull_request(), tag(), promote(), ROLLBACK],
        [cron(), replace(PUSH, kind="custom")],
        f"{CONDITIONS}, By Event",
    ),
    (
        "event: [cron, custom]",
        [cron(), replace(PUSH, kind="custom")],
        [push()],
        f"{TRIGGERS}, By Event",
    ),
    (
        "event: {include: [push, pull_request]}",
        [push(), pull_request()],
        [tag()],
        f"{CONDITIONS}, By Event, include",
    ),
    (
        "event: {exclude: [pull_request]}",
        [push(), tag()],
        [pull_request()],
        f"{CONDITIONS}, By Event, exclude",
    ),
    (
        "ref: [refs/heads/feature-*, refs/tags/*]",
        [push("feature-a"), tag()],
        [push(), push("feature-a/b"), pull_request(), tag("a/b")],
        f"{CONDITIONS}, By Reference",
    ),
    (
        "ref: [refs/heads/master, refs/heads/**, refs/pull/*/head]",
        [push(), push("a/b/c"), pull_request()],
        [tag()],
        f"{CONDITIONS}: wildcards",
    ),
    (
        "ref: {exclude: [refs/heads/feature-*, 'refs/pull/**', 'refs/tags/**']}",
        [push()],
        [push("feature-a"), pull_request(), tag(), tag("a/b")],
        f"{CONDITIONS}, By Reference, exclude",
    ),
    ("repo: octocat/hello-world", [push()], [OTHER], f"{CONDITIONS}, By Repository"),
    ("repo: {include: [octocat/*]}", [push()], [OTHER], f"{CONDITIONS}, By Repository"),
    ("repo: {exclude: [octocat/*]}", [OTHER], [push()], f"{CONDITIONS}, By Repository"),
    (f"instance: [{INSTANCE}, b]", [push()], [], f"{CONDITIONS}, By Instance"),
    ("instance: {include: ['*.company.com']}", [], [push()], f"{CONDITIONS}, By Instance"),
    ("target: [production]", [promote()], [ROLLBACK, push()], f"{CONDITIONS}, By Target"),
    ("target: {exclude: [production]}", [ROLLBACK], [promote()], f"{CONDITIONS}, By Target"),
    (
        "event: [cron]\n    cron: [nightly]",
        [cron()],
        [cron("weekly"), push()],
        f"{CONDITIONS}, By Cron",
    ),
    (
        "event: [cron]\n    cron: {exclude: [nightly]}",
        [cron("weekly")],
        [cron(), push()],
        f"{CONDITIONS}, By Cron, exclude",
    ),
    (
        "branch: [main]\n    event: [push]",
        [push()],
        [push("a"), pull_request()],
        f"{CONDITIONS}: all must hold",
    ),
    (
        "event: [pull_request]\n    action: [opened, reopened]",
        [pull_request()],
        [pull_request(action="synchronized"), push()],
        f"{TRIGGERS}, By Action",
    ),
    (
        "event: [pull_request]\n    action: {exclude: [synchronized]}",
        [pull_request()],
        [pull_request(action="synchronized")],
        f"{TRIGGERS}, By Action",
    ),
    (
        "branch: {exclude: [main]}\n    action: [deleted]",
        [DELETED],
        [push(action="deleted"), push("feature/a")],
        f"{TRIGGERS}, By Action",
    ),
    ("branch: []", [push(), tag()], [], "an empty list asks for nothing"),
]


@pytest.mark.parametrize(("conditions", "running", "skipped", "page"), HOLDS)
def test_triggers_and_conditions(
    conditions: str, running: list[Event], skipped: list[Event], page: str
) -> None:
    (pipeline,) = parse(
        f"kind: pipeline\nname: a\nsteps:\n- name: b\n  image: c\n  when:\n    {conditions}\n"
        f"trigger:\n    {conditions}\n"
    )
    for events, expected in ((running, True), (skipped, False)):
        for event in events:
            verdicts = (
                decide([pipeline], event, INSTANCE)["a"],
                pipeline_verdict(pipeline, event, "success", INSTANCE),
                step_verdict(pipeline.steps[0], event, "success", INSTANCE),
                step_may_run(pipeline.steps[0], event, INSTANCE),
            )
            assert {one.runs for one in verdicts} == {expected}, (page, event)
            assert all(bool(one.why) != one.runs for one in verdicts)


# The condition on the status; whether it runs after success, and after failure; the page.
STATUSES = [
    ("", True, False, f"{CONDITIONS}, By Status: the default"),
    ("status: [success]", True, False, f"{CONDITIONS}, By Status: redundant"),
    ("status: [failure]", False, True, f"{CONDITIONS}, By Status: on failure"),
    ("status: failure", False, True, f"{CONDITIONS}, By Status: on failure"),
    ("status: [success, failure]", True, True, f"{CONDITIONS}, By Status: on both"),
    ("status: {exclude: [success]}", False, True, "docs.drone.io/yaml/docker, Constraint"),
    ("event: [push]", True, False, f"{CONDITIONS}, By Status: the default, beside others"),
]


@pytest.mark.parametrize(("condition", "after_success", "after_failure", "page"), STATUSES)
def test_status(condition: str, after_success: bool, after_failure: bool, page: str) -> None:
    (pipeline,) = parse(
        f"kind: pipeline\nname: a\nsteps: [{{name: b, image: c, when: {{{condition}}}}}]\n"
        f"trigger: {{{condition}}}\n"
    )
    expected: dict[Status, bool] = {"success": after_success, "failure": after_failure}
    for status, runs in expected.items():
        assert step_verdict(pipeline.steps[0], PUSH, status).runs is runs, page
        assert pipeline_verdict(pipeline, PUSH, status).runs is runs, page
    assert decide([pipeline], PUSH)["a"] == Verdict(runs=True)


# A message, the event's kind, the word that counts, the page.
MESSAGES = [
    ("update readme [CI SKIP]", push(), "[ci skip]", SKIPPING),
    ("update readme [ci skip]", pull_request(), "[ci skip]", SKIPPING),
    ("a\n\nb [Skip CI] c", push(), "[skip ci]", "shared/design/references.md, 3"),
    ("***NO_CI***", push(), "***no_ci***", "shared/design/references.md, 3"),
    ("update readme [CI SKIP]", tag(), "", f"{SKIPPING}: ignored for tags"),
    ("update readme [CI SKIP]", promote(), "", f"{SKIPPING}: ignored for promotions"),
    ("[CI SKIP]", replace(PUSH, kind="custom"), "", f"{SKIPPING}: ignored for manual ones"),
    ("[CI SKIP]", cron(), "", "a schedule is nobody's commit"),
    ("ci skip", push(), "", SKIPPING),
]


@pytest.mark.parametrize(("message", "event", "word", "page"), MESSAGES)
def test_skipping(message: str, event: Event, word: str, page: str) -> None:
    event = replace(event, message=message)
    assert skip_word(event) == word, page
    (pipeline,) = parse("kind: pipeline\nname: a\nsteps: [{name: b, image: c}]\n")
    verdict = decide([pipeline], event)["a"]
    assert verdict == (Verdict(False, f"the commit says {word}") if word else Verdict(True))  # noqa: FBT003


def test_a_title_skips_as_well() -> None:
    assert skip_word(pull_request(title="a [skip ci]", message="")) == "[skip ci]"


def test_why_not() -> None:
    pipelines = parse(
        "kind: pipeline\nname: a\nsteps: [{name: b, image: c}]\ntrigger: {branch: [x, y]}\n---\n"
        "kind: pipeline\nname: b\nsteps: [{name: b, image: c}]\n"
        "trigger: {branch: {exclude: 'm*'}}\n---\n"
        "kind: pipeline\nname: c\nsteps: [{name: b, image: c}]\n"
        "trigger: {cron: x, status: failure}\n---\n"
        "kind: pipeline\nname: d\nsteps: [{name: b, image: c}]\n"
    )
    assert {name: verdict.why for name, verdict in decide(pipelines, PUSH).items()} == {
        "a": "the branch is `main`, not `x`, `y`",
        "b": "the branch is `main`, which `m*` excludes",
        "c": "the cron is empty, not `x`",
        "d": "",
    }
    nightly = pipeline_verdict(pipelines[2], cron("x"), "success")
    assert nightly == Verdict(runs=False, why="it runs only after a failure")
    failed = pipeline_verdict(pipelines[3], PUSH, "failure")
    assert failed == Verdict(runs=False, why="something failed before")


# A pattern, what it matches, what it doesn't.
GLOBS = [
    ("feature/*", ["feature/a", "feature/.a", "feature/a-b.c"], ["feature", "feature/a/b"]),
    ("refs/heads/**", ["refs/heads/a", "refs/heads/a/b"], ["refs/tags/a"]),
    ("**/b", ["b", "a/b", "a/c/b"], ["a/bb"]),
    ("a/**/b", ["a/b", "a/c/b", "a/c/d/b"], ["a/cb"]),
    ("a**b", ["ab", "axb"], ["a/b"]),
    ("v[0-9].?", ["v1.x"], ["va.x", "v1./", "v1."]),
    ("[!a]", ["b"], ["a", "/"]),
    ("{a,b}*", ["a", "bx"], ["c"]),
    ("!a", ["!a"], ["b"]),
    (r"a\*", ["a*"], ["ab"]),
    ("[", ["["], ["a"]),
    ("*", ["a"], ["a/b", ""]),
]


@pytest.mark.parametrize(("pattern", "matched", "unmatched"), GLOBS)
def test_globs(pattern: str, matched: list[str], unmatched: list[str]) -> None:
    assert [value for value in matched if not matches(pattern, value)] == []
    assert [value for value in unmatched if matches(pattern, value)] == []


HOSTILE = [
    ("**/a/" * 50 + "b", "a/" * 2000),
    ("**/a/**/b", "a/" * 2000),
    ("*a" * 100 + "b", "a" * 4000),
    ("{a,b}" * 40, "a" * 40),
    ("{1..999999999}", "1"),
    ("{" * 200, "{"),
    ("[" * 250, "["),
    ("*?" * 120, "a" * 4000),
    ("?" * 10_000, "a"),
    ("{a,b,c,d,e,f,g,h,i,j}*{a,b,c,d,e,f,g,h,i,j}*x", "a" * 4000),
]


@pytest.mark.parametrize(("pattern", "value"), HOSTILE, ids=[one[0][:20] for one in HOSTILE])
def test_no_glob_takes_long(pattern: str, value: str) -> None:
    began = time.process_time()
    matches(pattern, value)
    assert time.process_time() - began < 2


@bounded
@given(st.text(alphabet="a/*?[]{},!\\-.", max_size=20), st.text(alphabet="a/.", max_size=10))
def test_any_glob_matches_or_does_not(pattern: str, value: str) -> None:
    assert not (matches(pattern, value) and refused(pattern))


@bounded
@given(st.text(alphabet="abc-./1", min_size=1, max_size=20).filter(lambda text: "//" not in text))
def test_a_text_without_wildcards_matches_itself(text: str) -> None:
    assert matches(text, text)
    assert matches("**", text) or ".." in text.split("/") or "." in text.split("/")
