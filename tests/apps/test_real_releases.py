"""One service on a real Swarm from release to release: what it is given, and how many."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from apps.rollouts import QUICK, SERVES, Team, team, web
from beeyard.errors import AppError, BeeyardError
from beeyard.process import Command
from beeyard.swarm import Manager
from swarm.real_services import watched

pytestmark = [pytest.mark.real, pytest.mark.slow(6)]


@pytest.fixture
def mini(real_swarm: Any, manager: Manager, tmp_path: Any) -> Iterator[Team]:
    with team(real_swarm, manager, tmp_path / "mini", "mini") as made:
        yield made


def test_what_a_release_was_given_it_gets_again(mini: Team, real_swarm: Any) -> None:
    """Configs, secrets, environment files and variables, with defaults and required ones."""
    says = "cat /settings /run/secrets/token; echo; echo $$FILE $$GREETING $$MUST"
    mini.write(
        {
            "web": web(
                real_swarm.tiny,
                f"{says}; {SERVES}",
                replicas=1,
                configs=[{"source": "settings", "target": "/settings"}],
                secrets=["token"],
                env_file="app.env",
                environment={"GREETING": "${GREETING:-hello}", "MUST": "${MUST:?say who}"},
            )
        },
        configs={"settings": {"file": "settings"}},
        secrets={"token": {"file": "token"}},
    )

    def given(settings: str, token: str, file: str) -> None:
        (mini.folder / "settings").write_text(f"{settings} ")
        (mini.folder / "token").write_text(token)
        (mini.folder / "app.env").write_text(f"FILE={file}\n")

    given("plain", "t0", "f1")
    with pytest.raises(BeeyardError) as caught:
        mini.deploy()
    assert "say who" in str(caught.value.why)
    mini.variables["MUST"] = "you"
    mini.deploy()
    assert mini.written("web") == ["plain t0", "f1 hello you", "serving"]
    first = mini.store.all()[-1].release

    given("fancy", "t1", "f2")
    mini.variables |= {"MUST": "all", "GREETING": "good day"}
    mini.deploy()
    assert mini.written("web") == ["fancy t1", "f2 good day all", "serving"]
    second = mini.store.all()[-1].release
    assert not {*first.secrets, *first.configs} & {*second.secrets, *second.configs}
    snapshot = mini.manager.snapshot()
    assert {*first.secrets, *second.secrets} <= set(snapshot.secrets)
    assert {*first.configs, *second.configs} <= set(snapshot.configs)

    mini.rollback()
    assert mini.written("web") == ["plain t0", "f1 hello you", "serving"]
    assert mini.store.all()[-1].release.secrets == first.secrets


AT_ONCE = {"update_config": {"order": "start-first", "parallelism": 0, "monitor": "1s"}}


def test_what_somebody_scaled_to_stays(mini: Team, real_swarm: Any) -> None:
    def counts() -> tuple[int, int]:
        service = mini.services["web"]
        return service.wanted, len(service.running)

    mini.write({"web": web(real_swarm.tiny, deploy=AT_ONCE)})
    mini.deploy()
    real_swarm.on("manager-1").run(Command(["docker", "service", "scale", "-d", "mini_web=3"]))
    mini.write({"web": web(real_swarm.tiny, environment={"N": "2"}, deploy=AT_ONCE)})
    mini.deploy()
    assert counts() == (3, 3)
    mini.rollback()
    assert counts() == (3, 3)
    mini.write({"web": web(real_swarm.tiny, "exit 1", deploy=AT_ONCE)})
    with pytest.raises(AppError):
        mini.deploy()
    assert counts() == (3, 3)


def test_a_failed_release_leaves_no_fewer_replicas(mini: Team, real_swarm: Any) -> None:
    mini.write({"web": web(real_swarm.tiny)})
    mini.deploy()
    mini.write({"web": web(real_swarm.tiny, "exit 1", replicas=1)})
    with pytest.raises(AppError, match="release 1 serves"):
        mini.deploy()
    assert (mini.services["web"].wanted, len(mini.services["web"].running)) == (2, 2)


def test_there_are_never_fewer_that_are_healthy(mini: Team, real_swarm: Any) -> None:
    mini.write({"web": web(real_swarm.tiny)})
    mini.deploy()
    before = mini.tasks
    with watched(real_swarm, "mini_web") as watch:
        mini.write({"web": web(real_swarm.tiny, environment={"N": "2"})})
        verdict = mini.deploy()
        mini.rollback()
    assert min(watch.counts) == 2
    assert verdict.receipt.gaps == {}
    assert not set(mini.tasks["web"]) & set(before["web"])


def test_the_gap_of_what_stops_first_is_measured(mini: Team, real_swarm: Any) -> None:
    port = {"target": 80, "published": 8087, "mode": "host"}
    one: dict[str, Any] = {
        "replicas": 1,
        "ports": [port],
        "deploy": {"placement": {"max_replicas_per_node": 1}},
    }
    mini.terms = replace(QUICK, homeless=15)
    mini.write({"web": web(real_swarm.tiny, **one)})
    mini.deploy()
    with watched(real_swarm, "mini_web") as watch:
        mini.write({"web": web(real_swarm.tiny, **one, environment={"N": "2"})})
        verdict = mini.deploy()
    assert min(watch.counts) == 0
    assert 0 < verdict.receipt.gaps["web"] < 20
    assert any("update web (stop-first)" in line for line in mini.said)


def test_a_first_release_that_fails_is_said_and_mended(mini: Team, real_swarm: Any) -> None:
    mini.write({"web": web(real_swarm.tiny, "echo not yet; exit 1", replicas=1)})
    mini.terms = replace(QUICK, deadline=8)
    with pytest.raises(AppError, match="and there is none before it") as caught:
        mini.deploy()
    assert "not yet" in str(caught.value.why)
    mini.write({"web": web(real_swarm.tiny, replicas=1)})
    mini.deploy()
    assert mini.verdicts == {1: "failed", 2: "succeeded"}
