"""One-off tasks on a real Swarm: what they get, what is heard of them, and that nothing is left."""

import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from apps.rollouts import Team, team, web
from beeyard.apps import Bundle, Ended, Hook, oneoff, run_once
from beeyard.apps.oneoff import LABEL
from beeyard.errors import AppError
from beeyard.holder import Holder
from beeyard.process import Command, Completed, LineHandler
from beeyard.swarm import Manager
from beeyard.swarm.logs import Entry
from beeyard.waiting import SystemClock, wait_until

pytestmark = [pytest.mark.real, pytest.mark.slow(0)]


class Leaping(SystemClock):
    """The machine's own clock, which may be put forward (seconds)."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def leap(self, seconds: float) -> None:
        self._ahead += seconds

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead


@pytest.fixture(scope="module")
def shop(
    real_swarm: Any, manager: Manager, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    """An application that runs, with a secret, a config and a network of its own."""
    with team(real_swarm, manager, tmp_path_factory.mktemp("shop") / "shop", "errands") as shop:
        shop.folder.mkdir()
        (shop.folder / "token").write_text("hush\n")
        (shop.folder / "settings").write_text("colour: blue\n")
        (shop.folder / "web.env").write_text("FROM_FILE=yes\n")
        shop.variables = {"GREETING": "hello"}
        entry = web(
            real_swarm.tiny,
            replicas=1,
            environment={"GREETING": "${GREETING}"},
            env_file="web.env",
            secrets=["token"],
            configs=[{"source": "settings", "target": "/settings"}],
            networks={"inside": {"aliases": ["front"]}},
            deploy={"labels": {"traefik.enable": "true"}},
        )
        shop.write(
            {"web": entry},
            networks={"inside": {"driver": "overlay"}},
            secrets={"token": {"file": "token"}},
            configs={"settings": {"file": "settings"}},
        )
        shop.deploy()
        yield shop


@pytest.fixture
def bundle(shop: Team) -> Iterator[Bundle]:
    """What runs. Afterwards nothing else does."""
    yield shop.store.all()[-1].release.bundle
    assert list(shop.services) == ["web"]


def run(shop: Team, bundle: Bundle, script: str, **more: Any) -> tuple[Ended, list[Entry]]:
    heard: list[Entry] = []
    hook = Hook("web", ("/bin/sh", "-c", script), more.pop("timeout", 60.0))
    return run_once(shop.site, shop.name, bundle, hook, heard.append, "run", **more), heard


def test_it_has_all_that_the_service_has_and_its_exit_code_is_given(
    shop: Team, bundle: Bundle
) -> None:
    ended, heard = run(
        shop,
        bundle,
        "cat /run/secrets/token /settings; echo $GREETING $FROM_FILE; echo oops >&2; exit 7",
    )
    assert (ended.code, ended.log) == (7, tuple(entry.text for entry in heard))
    said = [entry.text for entry in heard if entry.stream == "stdout"]
    assert said == ["hush", "colour: blue", "hello yes"]
    assert [entry.text for entry in heard if entry.stream == "stderr"] == ["oops"]
    assert ended.node in ("manager-1", "worker-1", "worker-2")


def test_it_is_on_the_services_networks_but_is_not_taken_for_the_service(
    shop: Team, bundle: Bundle
) -> None:
    seen: list[dict[str, Any]] = []

    def look(_: Entry) -> None:
        api: Any = shop.manager.client.api
        seen.extend(raw["Spec"] for raw in api.services(filters={"label": [LABEL]}))

    hook = Hook("web", ("/bin/sh", "-c", "echo here; sleep 1"), 60.0)
    assert run_once(shop.site, shop.name, bundle, hook, look, "run").code == 0
    (spec,) = seen
    (own,) = shop.services["web"].networks
    (attached,) = spec["TaskTemplate"]["Networks"]
    assert shop.manager.client.networks.get(attached["Target"]).name == own
    assert "front" not in attached["Aliases"]
    assert not [label for label in spec["Labels"] if label.startswith("traefik")]
    assert spec["Labels"]["com.docker.stack.namespace"] == shop.name


def test_words_arrive_as_they_are_and_behind_another_entry_point(
    shop: Team, bundle: Bundle
) -> None:
    ended, _ = run(shop, bundle, 'x="a  b"; echo "$x" $((1 + 1)) ${HOME:-none}')
    assert ended.log == ("a  b 2 /",)
    hook = Hook("web", ("-c", 'echo "by $0"', "$NAME"), 60.0)
    ended = run_once(shop.site, shop.name, bundle, hook, entrypoint="/bin/sh")
    assert (ended.code, ended.log) == (0, ("by $NAME",))


def test_every_line_of_a_long_log_is_heard_once_and_in_order(shop: Team, bundle: Bundle) -> None:
    script = (
        "i=0; while [ $i -lt 15000 ]; do echo $i; i=$((i+1)); done; "
        "while [ $i -lt 15020 ]; do echo $i; echo $i >&2; sleep 0.1; i=$((i+1)); done"
    )
    ended, heard = run(shop, bundle, script)
    assert ended.code == 0
    lines = {one: [e.text for e in heard if e.stream == one] for one in ("stdout", "stderr")}
    assert lines["stdout"] == [str(number) for number in range(15020)]
    assert lines["stderr"] == [str(number) for number in range(15000, 15020)]
    assert len(ended.log) == 10_000, "what is kept of it has an end"


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 125", 125)])
def test_how_it_ends(shop: Team, bundle: Bundle, script: str, code: int) -> None:
    assert run(shop, bundle, script)[0].code == code


def test_a_program_that_the_image_does_not_have(shop: Team, bundle: Bundle) -> None:
    ended = run_once(shop.site, shop.name, bundle, Hook("web", ("/bin/migrate",), 60.0))
    assert ended.code is None
    assert "/bin/migrate" in ended.error


def test_one_that_takes_too_long_is_stopped(shop: Team, bundle: Bundle) -> None:
    clock = Leaping()
    site = replace(shop.site, clock=clock)
    hook = Hook("web", ("/bin/sh", "-c", "echo so far; sleep 60"), timeout=3000.0)
    with pytest.raises(AppError) as caught:
        run_once(site, shop.name, bundle, hook, lambda _: clock.leap(3000.0), "run")
    assert "has not ended after 3000 s" in caught.value.what
    assert caught.value.why == "the task is running: started\nso far"


def test_one_that_no_node_takes(
    shop: Team, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oneoff, "HOMELESS", 2.0)
    document = bundle.document
    document["services"]["web"]["deploy"]["placement"] = {"constraints": ["node.labels.disk==ssd"]}
    with pytest.raises(AppError, match="no node takes it") as caught:
        run(shop, Bundle(json.dumps(document), bundle.environment, bundle.files), "exit 0")
    assert "no suitable node" in str(caught.value.why)


def test_one_that_somebody_removes(shop: Team, bundle: Bundle) -> None:
    def remove(_: Entry) -> None:
        api: Any = shop.manager.client.api
        for name in set(shop.services) - {"web"}:
            api.remove_service(f"{shop.name}_{name}")

    hook = Hook("web", ("/bin/sh", "-c", "echo here; sleep 30"), 60.0)
    with pytest.raises(AppError, match="was stopped before its end"):
        run_once(shop.site, shop.name, bundle, hook, remove)


def test_ctrl_c_while_it_runs(shop: Team, bundle: Bundle) -> None:
    def interrupt(_: Entry) -> None:
        raise KeyboardInterrupt

    hook = Hook("web", ("/bin/sh", "-c", "echo here; sleep 30"), 60.0)
    with pytest.raises(KeyboardInterrupt):
        run_once(shop.site, shop.name, bundle, hook, interrupt)


def test_ctrl_c_while_the_manager_is_still_at_it(shop: Team, bundle: Bundle) -> None:
    """The Docker CLI there goes on when our ssh is gone."""
    site = shop.site
    left: list[threading.Thread] = []

    class Interrupted:
        def run(
            self, command: Command, *, check: bool = True, on_line: LineHandler | None = None
        ) -> Completed:
            if "deploy" not in command.argv:
                return site.runner.run(command, check=check, on_line=on_line)
            left.append(threading.Thread(target=site.runner.run, args=(command,)))
            left[0].start()
            raise KeyboardInterrupt

    document = bundle.document
    # A folder of files is gone with us, and then the Docker CLI ends by itself.
    del document["services"]["web"]["env_file"]
    plain = Bundle(json.dumps(document), bundle.environment)
    hook = Hook("web", ("/bin/sh", "-c", "sleep 30"), 60.0)
    with pytest.raises(KeyboardInterrupt):
        run_once(replace(site, runner=Interrupted()), shop.name, plain, hook)
    left[0].join()


def test_what_a_killed_beeyard_left_is_removed_by_the_next(
    shop: Team, bundle: Bundle, real_swarm: Any
) -> None:
    with subprocess.Popen(["/bin/true"]) as process:
        gone = replace(Holder.me("run"), pid=process.pid)
    labels = {
        LABEL: "run",
        "beeyard.holder": json.dumps(asdict(gone)),
        "com.docker.stack.namespace": shop.name,
    }
    flags = [flag for key, value in labels.items() for flag in ("--label", f"{key}={value}")]
    flags += ["--detach", "--with-registry-auth", "--restart-condition", "none"]
    create = ["docker", "service", "create", "--name", f"{shop.name}_web-run-left", *flags]
    real_swarm.on("manager-1").run(Command([*create, real_swarm.tiny, "/bin/sh", "-c", "exit 0"]))

    def ended() -> bool:
        tasks = shop.services["web-run-left"].tasks
        return bool(tasks) and tasks[-1].state == "complete"

    wait_until(ended, clock=SystemClock(), deadline=60)
    assert run(shop, bundle, "exit 0")[0].code == 0


def test_a_service_that_is_not_there(shop: Team, bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(AppError, match="errands has no service worker") as caught:
        run_once(shop.site, shop.name, bundle, Hook("worker", ("ls",), 60.0))
    assert caught.value.fix == "name one of: web"
