"""How long addresses are waited for, and Traefik made to ask again for certificates."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from beeyard.apps import NO_CERTIFICATE, AppUrl, ProbeResult
from beeyard.errors import SwarmError, UnverifiedError
from beeyard.swarm import Manager
from beeyard.swarm.logs import Entry
from beeyard.testing import FakeClock
from beeyard.workflows import Cluster, certificates, verify
from cloud.example import outputs
from swarm.swarms import service, swarm

MakeCluster = Callable[..., Cluster]
NOBODY = cast(Manager, None)
URL = "https://shop.example.com/"
ANSWER = ProbeResult(URL, "198.51.100.1", 200, 0.1, None, None)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """What was done, in its order: who was waited for, and for how long; `again`."""
    done: list[tuple[str, float]] = []
    monkeypatch.setattr(verify, "ask_again", lambda *_: done.append(("again", 0.0)))
    monkeypatch.setattr(
        verify, "why_none", lambda _, names: {name: f"{name} is refused" for name in names}
    )
    return done


def waited(
    monkeypatch: pytest.MonkeyPatch,
    cluster: Cluster,
    asked: list[tuple[str, float]],
    *problems: str,
) -> list[ProbeResult]:
    """Wait for one address that has these problems, one after the other, before it answers."""
    left = list(problems)

    def await_answer(url: str, *_: object, deadline: float, **__: object) -> list[ProbeResult]:
        asked.append((url, deadline))
        if left:
            raise UnverifiedError("no answer", why=left.pop(0))
        return [ANSWER]

    shop = AppUrl("shop.example.com", "/", 443, "web", "shop")
    monkeypatch.setattr(verify, "await_answer", await_answer)
    monkeypatch.setattr(verify, "urls", lambda *_: [shop])
    with cluster.progress.phase("addresses") as phase:
        return verify.await_urls(cluster, outputs(), {}, NOBODY, phase)


LACKS = f"{NO_CERTIFICATE} for shop.example.com yet"


def test_what_answers_is_not_asked_for_twice(
    monkeypatch: pytest.MonkeyPatch, make_cluster: MakeCluster, asked: list[tuple[str, float]]
) -> None:
    assert waited(monkeypatch, make_cluster(), asked) == [ANSWER]
    assert asked == [(URL, 30.0)]


def test_a_certificate_that_is_late_is_asked_for_once_more(
    monkeypatch: pytest.MonkeyPatch, make_cluster: MakeCluster, asked: list[tuple[str, float]]
) -> None:
    assert waited(monkeypatch, make_cluster(), asked, LACKS) == [ANSWER]
    assert asked == [(URL, 30.0), ("again", 0.0), (URL, 90.0)]


def test_another_reason_is_waited_for_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, make_cluster: MakeCluster, asked: list[tuple[str, float]]
) -> None:
    assert waited(monkeypatch, make_cluster(), asked, "status 502") == [ANSWER]
    assert asked == [(URL, 30.0), (URL, 90.0)]


def test_in_the_end_it_is_said(
    monkeypatch: pytest.MonkeyPatch, make_cluster: MakeCluster, asked: list[tuple[str, float]]
) -> None:
    with pytest.raises(UnverifiedError, match="1 of 1 addresses do not answer") as caught:
        waited(monkeypatch, make_cluster(), asked, LACKS, LACKS)
    assert f"{LACKS}: shop.example.com is refused" in str(caught.value.why)


class Labels:
    """The services of a Swarm, whose specifications are changed."""

    def __init__(self, **services: dict[str, str]) -> None:
        self.specs: dict[str, dict[str, Any]] = {
            name: {"Name": name, "Labels": labels} for name, labels in services.items()
        }
        self.seen: list[dict[str, str]] = []

    def snapshot(self) -> Any:
        return swarm(
            *(replace(service(name), labels=spec["Labels"]) for name, spec in self.specs.items())
        )

    def change(self, _: object, name: str, change: Callable[[Any], Any]) -> None:
        self.specs[name] = change(self.specs[name])
        self.seen.append(self.specs[name]["Labels"])


def test_a_label_comes_and_goes_and_no_other_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, clock = Labels(db={"a": "b"}, web={"traefik.enable": "true"}), FakeClock()
    monkeypatch.setattr(certificates, "change_service", labels.change)
    assert certificates.ask_again(cast(Manager, labels), clock)
    first, last = labels.seen
    assert {name for name in first if name.startswith("traefik.http.middlewares.")}
    assert last == {"traefik.enable": "true"}
    assert labels.specs["db"]["Labels"] == {"a": "b"}
    assert sum(clock.slept) >= 2


def test_where_nothing_is_served_there_is_no_way(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = Labels(db={"a": "b"}, hidden={"traefik.enable": "false"})
    monkeypatch.setattr(certificates, "change_service", labels.change)
    assert not certificates.ask_again(cast(Manager, labels), FakeClock())
    assert labels.seen == []


#: As Traefik 3 writes it; the colours are its own.
REFUSED = (
    "\x1b[90m2030-01-01T00:00:31Z\x1b[0m \x1b[31mERR\x1b[0m "
    "\x1b[1mUnable to obtain ACME certificate for domains\x1b[0m "
    "\x1b[36merror=\x1b[0m\x1b[31m\x1b[1m"
    '"unable to generate a certificate for the domains [NAME]: WORDS"\x1b[0m\x1b[0m '
    '\x1b[36mACME CA=\x1b[0mhttps://ca.test/directory \x1b[36mdomains=\x1b[0m["NAME"] '
    "\x1b[36mrouterName=\x1b[0mshop@swarm"
)


def refused(name: str, words: str, second: int) -> Entry:
    text = REFUSED.replace("NAME", name).replace("WORDS", words)
    return Entry("t", "n", "stdout", f"2030-01-01T00:00:{second:02d}Z", text)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """What Traefik wrote."""
    lines: list[Entry] = []
    monkeypatch.setattr(certificates, "service_log", lambda *_: iter(lines))
    return lines


def traefik() -> Manager:
    return cast(Manager, SimpleNamespace(client=None, snapshot=Labels(traefik_traefik={}).snapshot))


def test_what_traefik_heard_last_of_a_name(written: list[Entry]) -> None:
    written += [
        refused("other.example.com", "acme: error: 403", 9),
        refused("shop.example.com", 'error: Post \\"https://ca.test/new\\": timeout', 8),
        refused("shop.example.com", "acme: error: 400", 2),
        refused("two.example.com", "problem:\\n[two.example.com] acme: error: 403", 3),
    ]
    names = ("shop.example.com", "two.example.com", "op.example.com")
    assert certificates.why_none(traefik(), names) == {
        "shop.example.com": 'error: Post "https://ca.test/new": timeout',
        "two.example.com": "problem:; [two.example.com] acme: error: 403",
        "op.example.com": "its log does not say why",
    }


def test_a_log_that_cannot_be_had_hides_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise SwarmError("the service's log could not be read", why="no answer")

    monkeypatch.setattr(certificates, "service_log", gone)
    heard = certificates.why_none(traefik(), ["a.example.com"])
    assert heard == {"a.example.com": "its log can't be had: no answer"}
