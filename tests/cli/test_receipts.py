"""Releases and what became of them, as text and as data."""

import io
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from rich.console import Console

from apps.example import NOW, release
from beeyard.apps import Entry, Origin, Plan, Receipt, Traffic, Verdict
from beeyard.apps.plan import Change
from beeyard.cli.receipts import as_json, show_outcome, show_receipt, show_releases
from beeyard.workflows.deploy import Outcome

DIGEST = "0123456789abcdef" * 4
COMMIT = "89abcdef01234567" + "0" * 24
RECEIPT = Receipt(
    {"images": 1.234, "wave 1": 12.0},
    {"web": "update"},
    Traffic(100, 0, 0.0104, 0.0206, 0.05),
    Traffic(400, 2, 0.012, None, 1.5, ("it answers 502 [oops]",)),
    {"db": 2.04},
)
RELEASES = [
    Entry(
        release(
            "services: {web: {image: a}, worker: {image: a}, db: {image: b}}\n",
            images={
                "web": f"registry.example.com:5000/team/web@sha256:{DIGEST}",
                "worker": f"registry.example.com:5000/team/web@sha256:{DIGEST}",
                "db": "mariadb:10.11",
            },
            origin=Origin("me@here", NOW, f"{COMMIT}+"),
        ),
        "verifying",
        Verdict("succeeded", NOW, receipt=RECEIPT),
    ),
    Entry(
        release(number=2, origin=Origin("you@there", NOW + timedelta(seconds=61), COMMIT)),
        "switching",
        Verdict("failed", NOW, "shop_web did not converge: [0 of 2]"),
    ),
    Entry(
        release(number=3, origin=Origin("me@here", NOW, None, "rollback to 1")),
        "preparing",
        Verdict("abandoned", NOW, "cut short"),
    ),
    Entry(
        release(number=4, origin=Origin("me@here", NOW, None, "rollback to 1")), "switching", None
    ),
]
PLAN = Plan("shop", 5, 4, (Change("web", "update", "start-first", 2), Change("db", "keep")), ())


@pytest.fixture(autouse=True)
def _here_is_utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def shown(show: Callable[[Console], None]) -> list[str]:
    """As a pipe, or a terminal without colour and of 80 columns, gets it."""
    file = io.StringIO()
    show(Console(file=file, width=80, soft_wrap=True, highlight=False))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_releases() -> None:
    lines = shown(lambda console: show_releases(console, RELEASES))
    assert lines[0] == ""
    assert [re.split(" {2,}", line) for line in lines[1:]] == [
        ["release", "when", "who", "commit", "image", "verdict", "why"],
        [
            *("1", "2030-01-01 12:00:00", "me@here", "89abcdef0123+"),
            *("mariadb:10.11, web@0123456789ab", "succeeded", "deploy"),
        ],
        [
            *("2", "2030-01-01 12:01:01", "you@there", "89abcdef0123", "a"),
            *("failed", "shop_web did not converge: [0 of 2]"),
        ],
        ["3", "2030-01-01 12:00:00", "me@here", "-", "a", "abandoned", "cut short"],
        [
            *("4", "2030-01-01 12:00:00", "me@here", "-", "a"),
            *("unfinished (switching)", "rollback to 1"),
        ],
    ]
    assert {line.index("2030") for line in lines[2:]} == {lines[1].index("when")}


def test_a_reason_of_several_lines_keeps_to_its_row() -> None:
    entry = replace(RELEASES[1], verdict=Verdict("failed", NOW, "first\nsecond"))
    assert len(shown(lambda console: show_releases(console, [entry]))) == 3


def test_no_release() -> None:
    assert shown(lambda console: show_releases(console, [])) == ["there is no release yet"]


def test_a_receipt() -> None:
    assert shown(lambda console: show_receipt(console, RECEIPT)) == [
        "",
        "phase   took",
        "images  1.2 s",
        "wave 1  12.0 s",
        "",
        "probe   requests  failed  median  p95    slowest",
        "before  100       0       10 ms   21 ms  50 ms",
        "during  400       2       12 ms   -      1500 ms",
        "  it answers 502 [oops]",
        "  db: without a task for 2.0 s",
    ]


def test_a_receipt_without_a_probe() -> None:
    assert shown(lambda console: show_receipt(console, Receipt({"images": 1.0}))) == [
        "",
        "phase   took",
        "images  1.0 s",
    ]


def test_what_a_deploy_did() -> None:
    outcome = Outcome(release(number=5), PLAN, Verdict("succeeded", NOW, receipt=RECEIPT))
    lines = shown(lambda console: show_outcome(console, outcome, as_data=False))
    assert lines[:4] == ["", "shop 5 runs.", "  update web (start-first), 2 replicas", ""]
    assert lines[4:] == shown(lambda console: show_receipt(console, RECEIPT))[1:]


def test_a_deploy_that_had_nothing_to_do() -> None:
    outcome = Outcome(release(number=5), PLAN, None)
    lines = shown(lambda console: show_outcome(console, outcome, as_data=False))
    assert lines == ["shop 5 runs already: nothing has changed."]


def test_a_deploy_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Outcome(release(number=5), PLAN, RELEASES[0].verdict, built=1)
    show_outcome(Console(), outcome, as_data=True)
    said = json.loads(capsys.readouterr().out)
    assert said.pop("receipt") == json.loads(json.dumps(asdict(RECEIPT)))
    assert said == {
        "application": "shop",
        "release": 5,
        "changed": True,
        "built": 1,
        "changes": ["update web (start-first), 2 replicas"],
    }
    show_outcome(Console(), replace(outcome, verdict=None), as_data=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["changed"], said["receipt"]) == (False, None)


def test_a_release_as_data() -> None:
    data = json.loads(json.dumps(as_json(RELEASES[0])))
    receipt = data.pop("receipt")
    assert data == {
        "number": 1,
        "at": "2030-01-01T12:00:00+00:00",
        "author": "me@here",
        "commit": f"{COMMIT}+",
        "cause": "deploy",
        "images": dict(RELEASES[0].release.images),
        "adaptations": [],
        "verdict": "succeeded",
        "reason": "",
    }
    assert receipt["phases"] == {"images": 1.234, "wave 1": 12.0}
    assert receipt["during"]["failed"] == 2
    unfinished = as_json(RELEASES[3])
    assert (unfinished["verdict"], unfinished["receipt"]) == ("switching", None)
