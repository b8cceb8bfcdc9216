"""Bad input and bad luck on a real Swarm: what is said, and that the old version serves."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from apps.rollouts import LOCAL, QUICK, SERVES, Team, halted, push_image, team, web
from apps.sites import NAME as SITE
from apps.sites import Site
from beeyard.apps import AppUrl, Entry, Hook, Prober, Verdict, current, planned
from beeyard.apps.references import repository_of
from beeyard.apps.releases import VERIFIED
from beeyard.errors import AppError, BeeyardError
from beeyard.process import Command, ContainerRunner
from beeyard.swarm import Manager
from beeyard.waiting import SystemClock, wait_until

pytestmark = [pytest.mark.real, pytest.mark.slow(0)]
#: What is cut short: a part of its own.
CUT_SHORT = pytest.mark.slow(4)

NOWHERE = "sha256:" + 64 * "0"


@pytest.fixture(scope="module")
def shop(
    real_swarm: Any, manager: Manager, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    """An application whose first release runs."""
    with team(real_swarm, manager, tmp_path_factory.mktemp("shop"), "shop") as made:
        made.write({"web": web(real_swarm.tiny)})
        made.deploy()
        yield made


@pytest.fixture(autouse=True)
def _as_before(shop: Team, real_swarm: Any) -> Iterator[None]:
    """After each test the first release's definition runs, and a deploy of it changes nothing."""
    shop.pre_deploy = shop.post_deploy = shop.prober = None
    shop.terms = QUICK
    shop.said.clear()
    yield
    shop.write({"web": web(real_swarm.tiny)})
    with shop.locked("look") as (_, entries):
        assert not pending(shop, entries)
    assert "" not in shop.verdicts.values()
    service = shop.services["web"]
    assert (service.wanted, len(service.running)) == (2, 2)
    assert all(task.current for task in service.running)
    assert set(shop.services) == {"web"}


def pending(shop: Team, entries: list[Entry]) -> bool:
    before = current(entries)
    assert before is not None
    assert before.verdict is not None
    snapshot = shop.manager.snapshot()
    release = shop.candidate(entries)
    return planned(release, before.release, snapshot, before.verdict.definitions).pending


def change(shop: Team, swarm: Any, **more: Any) -> None:
    shop.write({"web": web(more.pop("image", swarm.tiny), **more)})


def failed(shop: Team) -> AppError:
    """Deploys, which fails; the verdict is kept."""
    with pytest.raises(AppError) as caught:
        shop.deploy()
    number, word = list(shop.verdicts.items())[-1]
    assert word == "failed"
    assert caught.value.what.startswith(f"release {number} of shop failed")
    return caught.value


def refused(shop: Team) -> BeeyardError:
    """Deploys, which is refused before there is a release, or before anything is switched."""
    before, releases = shop.tasks, shop.verdicts
    with pytest.raises(BeeyardError) as caught:
        shop.deploy()
    assert shop.tasks == before
    new = {number: word for number, word in shop.verdicts.items() if number not in releases}
    if new:
        assert list(new.values()) == ["failed"]
        assert caught.value.what.endswith("failed before anything was switched")
    return caught.value


def container(thing: str) -> str:
    """What `real_swarm` calls the container of a node, or of the registry."""
    return f"beeyard-tests-{os.getpid()}-{thing}"


# What is changed; where, why and which last line of its log the error names.
BROKEN: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "exits": (
        {"command": "echo no database here; exit 3"},
        ("its update failed (paused)", "non-zero exit (3)", "its last lines:\n  no database here"),
    ),
    "never healthy": (
        {
            "command": f"echo deaf; {SERVES}",
            "healthcheck": {"test": ["CMD", "/bin/sh", "-c", "exit 1"], "interval": "300ms"}
            | {"retries": 1},
        },
        ("its update failed (paused)", "health check", "  deaf"),
    ),
    "no room": (
        {"deploy": {"resources": {"reservations": {"memory": "900G"}}}},
        ("no node took a task", "no suitable node (insufficient resources on 3 nodes)"),
    ),
    "no place": (
        {"deploy": {"placement": {"constraints": ["node.labels.disk == ssd"]}}},
        ("no node took a task", "no suitable node (scheduling constraints not satisfied on 3"),
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_does_not_come_up_is_named_and_undone(shop: Team, real_swarm: Any, case: str) -> None:
    more, why = BROKEN[case]
    before = shop.tasks
    change(shop, real_swarm, **more)
    error = failed(shop)
    assert error.what.endswith("failed; release 1 serves")
    assert str(error.where).startswith("service shop_web, task shop_web.")
    assert all(part in str(error.why) for part in why)
    # Start-first, one at a time: what was there has served all the while. Only where Swarm's own
    # race put two tasks into one slot (`Manager.tidy`) may it have kept the other one of the two.
    doubled = "shop_web: 3/2 1 replicas are still to be stopped" in shop.said
    assert shop.tasks == before or doubled
    assert {name: len(tasks) for name, tasks in shop.tasks.items()} == {"web": 2}


def test_what_dies_after_the_monitored_time_is_undone(shop: Team, real_swarm: Any) -> None:
    shop.terms = replace(QUICK, settle=4)
    change(shop, real_swarm, command="echo well; sleep 2; echo lost it; exit 4")
    error = failed(shop)
    assert "non-zero exit (4)" in str(error.why)
    assert "lost it" in str(error.why)
    assert shop.written("web") == ["serving"]


def test_an_image_that_does_not_exist_is_refused(shop: Team, real_swarm: Any) -> None:
    absent = f"{real_swarm.registry}/nothing:1"
    change(shop, real_swarm, image=absent)
    error = refused(shop)
    assert error.what == f"there is no image {absent}"
    change(shop, real_swarm, image=f"{real_swarm.tiny}@{NOWHERE}")
    error = refused(shop)
    assert f"{NOWHERE} could not be pulled on " in str(error.why)
    assert "node " in str(error.where)
    assert "the image is gone from its registry" in str(error.fix)


def test_a_registry_that_is_down_is_named(shop: Team, real_swarm: Any) -> None:
    deaf = f"{real_swarm.registry.partition(':')[0]}:5001/tiny:1"
    change(shop, real_swarm, image=deaf)
    error = refused(shop)
    assert error.what == "the registry did not say whether it has the image"
    assert error.where == deaf
    assert "connection refused" in str(error.why)

    change(shop, real_swarm, image=f"{deaf}@{NOWHERE}")
    error = refused(shop)
    assert f"{deaf}@{NOWHERE} could not be pulled on " in str(error.why)
    assert "connection refused" in str(error.why)
    assert "see that the registry runs" in str(error.fix)


def test_a_missing_secret_is_named(shop: Team, real_swarm: Any) -> None:
    shop.write(
        {"web": web(real_swarm.tiny, secrets=["token", "key"])},
        secrets={"token": {"external": True}, "key": {"external": True, "name": "shop_key"}},
    )
    error = refused(shop)
    assert error.what.endswith("does not hold what shop needs: secret token, secret shop_key")
    assert "beeyard secret set shop" in str(error.fix)


def test_a_failed_task_before_the_switch_stops_all(shop: Team, real_swarm: Any) -> None:
    change(shop, real_swarm, environment={"NEW": "yes"})
    shop.pre_deploy = Hook("web", ("/bin/sh", "-c", "echo migrating $NEW; exit 7"), 30)
    error = refused(shop)
    assert "the pre-deploy task of shop failed" in str(error.why)
    assert "non-zero exit (7)" in str(error.why)
    assert "migrating yes" in str(error.why)
    assert str(error.where).startswith("service web, node ")

    shop.pre_deploy = Hook("web", ("/bin/sh", "-c", "echo $NEW, it waits; sleep 60"), 5)
    error = refused(shop)
    assert "has not ended after 5 s" in str(error.why)
    assert "yes, it waits" in str(error.why)


def test_a_failed_task_after_the_switch_undoes_it(shop: Team, real_swarm: Any) -> None:
    change(shop, real_swarm, environment={"NEW": "yes"})
    shop.pre_deploy = Hook("web", ("/bin/sh", "-c", "echo migrated $NEW"), 30)
    shop.post_deploy = Hook("web", ("/bin/sh", "-c", "echo looks bad; exit 1"), 30)
    error = failed(shop)
    assert "migrated yes" in shop.said
    assert "the post-deploy task of shop failed" in str(error.why)
    assert "looks bad" in str(error.why)


def test_requests_that_fail_undo_it_where_none_may(
    shop: Team, real_swarm: Any, make_site: Callable[..., Site]
) -> None:
    site = make_site()
    site.status = 500
    url = AppUrl(SITE, "/", site.port, "web", "shop")
    with Prober([url], "127.0.0.1", site.root) as shop.prober:
        change(shop, real_swarm, environment={"NEW": "counted"})
        shop.deploy()
        shop.terms = replace(QUICK, max_failed=0)
        change(shop, real_swarm, environment={"NEW": "judged"})
        error = failed(shop)
    assert "of the probe's requests failed, 0 may" in str(error.why)
    assert "it answers 500" in str(error.why)
    judged = shop.store.all()[-1].verdict
    assert judged is not None
    assert judged.receipt.during.failed > 0
    shop.prober = None
    change(shop, real_swarm)
    shop.deploy()


def test_ctrl_c_undoes_it(shop: Team, real_swarm: Any) -> None:
    before = [number for number, word in shop.verdicts.items() if word == "succeeded"][-1]
    change(shop, real_swarm, environment={"NEW": "stopped"})
    with halted(shop, "switch+") as other:
        said = other.stop()
    number = max(shop.verdicts)
    assert f"release {number} of shop failed; release {before} serves" in said
    entry = shop.store.all()[-1]
    assert entry.verdict is not None
    assert (entry.verdict.word, entry.verdict.reason) == ("failed", "it was stopped")


def test_what_a_failed_release_left_behind_goes_with_the_next(shop: Team, real_swarm: Any) -> None:
    """As where the one before could not be brought back: what only the failed one had runs on."""
    shop.write({"web": web(real_swarm.tiny), "extra": web(real_swarm.tiny, replicas=1)})
    with halted(shop, "switch+") as other:
        wait_until(lambda: "extra" in shop.services, clock=SystemClock(), deadline=20)
        other.kill()
    shop.store.conclude(max(shop.verdicts), Verdict("failed", datetime.now(UTC), "by a test"))
    assert "extra" in shop.services
    before = shop.tasks["web"]
    change(shop, real_swarm)
    shop.deploy()
    assert shop.tasks == {"web": before}


def test_a_release_whose_image_is_gone_is_not_gone_back_to(
    shop: Team, real_swarm: Any, manager: Manager
) -> None:
    change(shop, real_swarm, image=push_image(real_swarm, "gone:1"))
    shop.deploy()
    number, image = max(shop.verdicts), shop.services["web"].image
    change(shop, real_swarm)
    shop.deploy()
    remove_everywhere(shop, real_swarm, image)
    before = shop.tasks
    with pytest.raises(AppError) as caught:
        shop.rollback(number)
    assert f"{image} could not be pulled on " in str(caught.value.why)
    assert "choose another release" in str(caught.value.fix)
    assert shop.tasks == before


def remove_everywhere(shop: Team, swarm: Any, image: str) -> None:
    repository, digest = repository_of(image), image.partition("@")[2]
    for node in ("manager-1", "worker-1", "worker-2"):
        names = [f"{repository}@{digest}", f"{repository}:1"]
        swarm.on(node).run(Command(["docker", "image", "rm", *names]), check=False)
    url = f"http://{swarm.registry}/v2/{repository.partition('/')[2]}/manifests/{digest}"
    argv = ["curl", "-fsS", "-u", "ci:registry-password", "-X", "DELETE", url]
    swarm.on("manager-1").run(Command(argv))


def test_a_full_disk_is_named_with_its_node(shop: Team, real_swarm: Any) -> None:
    """Where the engine puts what it pulls there is room for 100 kB, as the kernel sees it."""
    change(shop, real_swarm, image=push_image(real_swarm, "large:1", size=500_000))
    worker, place = real_swarm.on("worker-2"), "/var/lib/docker/tmp"
    worker.run(Command(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", place]))
    try:
        error = refused(shop)
    finally:
        worker.run(Command(["umount", place]))
    assert error.where == "node worker-2"
    assert "no space left on device" in str(error.why)
    assert "make room on that node's disk" in str(error.fix)


def test_of_two_deploys_at_once_one_is_refused(shop: Team, real_swarm: Any) -> None:
    change(shop, real_swarm, environment={"BY": "another"})
    with halted(shop, "switch") as other:
        with pytest.raises(AppError) as caught:
            shop.deploy()
        assert caught.value.what == "shop is being changed already"
        assert f"(process {other.process.pid})" in str(caught.value.why)
        assert other.go_on() == (0, "")
    assert shop.written("web") == ["serving"]
    change(shop, real_swarm)
    shop.deploy()


@CUT_SHORT
@pytest.mark.parametrize(
    ("where", "then", "word"),
    [
        ("images", "cut short before anything was switched: forgotten", "abandoned"),
        ("pre-deploy+", "cut short before anything was switched: forgotten", "abandoned"),
        ("switch", "was cut short: release {before} is brought back", "failed"),
        ("switch+", "was cut short: release {before} is brought back", "failed"),
        ("verify+", "was cut short: release {before} is brought back", "failed"),
        ("post-deploy+", "was cut short: release {before} is brought back", "failed"),
    ],
)
def test_what_was_killed_is_undone(
    shop: Team, real_swarm: Any, where: str, then: str, word: str
) -> None:
    before, running = shop.tasks, [n for n, w in shop.verdicts.items() if w == "succeeded"][-1]
    change(shop, real_swarm, environment={"NEW": where})
    shop.pre_deploy = shop.post_deploy = Hook("web", ("/bin/sh", "-c", "echo hook; sleep 1"), 30)
    with halted(shop, where) as other:
        number = max(shop.verdicts)
        assert shop.verdicts[number] == ""
        other.kill()
    shop.undo()
    assert any(line.startswith("took over from ") for line in shop.said)
    assert any(then.format(before=running) in line for line in shop.said)
    assert shop.verdicts[number] == word
    assert set(shop.tasks) == {"web"}
    if word == "abandoned" or where == "switch":
        assert shop.tasks == before


@CUT_SHORT
def test_what_was_killed_when_it_was_found_good_is_finished(shop: Team, real_swarm: Any) -> None:
    change(shop, real_swarm, environment={"NEW": "verify"})
    with halted(shop, "verify+") as other:
        other.kill()
    # As if it had come a step further: between this and the verdict there is no stage to stop at.
    shop.store.set_phase(max(shop.verdicts), VERIFIED)
    before = shop.tasks
    shop.undo()
    assert any("cut short after all of it ran: finished" in line for line in shop.said)
    assert list(shop.verdicts.values())[-1] == "succeeded"
    assert shop.tasks == before
    with shop.locked("look") as (_, entries):
        assert not pending(shop, entries)
    change(shop, real_swarm)
    shop.deploy()


@CUT_SHORT
@pytest.mark.parametrize(
    ("how", "within"),
    # A connection that is reset ends at once; of one that is silent, ssh's keep-alive says so.
    [(["REJECT", "--reject-with", "tcp-reset"], 30), (["DROP"], 60)],
    ids=["reset", "silent"],
)
def test_a_network_that_is_cut_is_said_and_then_undone(
    shop: Team, real_swarm: Any, how: list[str], within: float
) -> None:
    change(shop, real_swarm, environment={"NEW": f"cut {how[0]}"})
    with halted(shop, "switch+") as other, cut_off(other.tunnel, how):
        started = time.monotonic()
        code, said = other.go_on()
        took = time.monotonic() - started
    assert code == 9
    assert took < within
    assert "and release" in said
    assert "could not be brought back: " in said
    assert "when the manager answers again, the next deploy, rollback or scale undoes it" in said
    assert list(shop.verdicts.values())[-1] == ""
    shop.undo()
    assert list(shop.verdicts.values())[-1] == "failed"


@contextmanager
def cut_off(link: psutil.Process, how: list[str]) -> Iterator[None]:
    """The manager takes no SSH connection any more, nor anything of that one."""
    port = link.net_connections("tcp")[0].laddr.port
    node = ContainerRunner(LOCAL, container("manager-1"))
    rules = [
        ["INPUT", "-p", "tcp", "--dport", "22", *which, "-j", *how]
        for which in (["--syn"], ["--sport", str(port)])
    ]
    for rule in rules:
        node.run(Command(["iptables", "-I", *rule]))
    try:
        yield
    finally:
        for rule in rules:
            node.run(Command(["iptables", "-D", *rule]))


@CUT_SHORT
def test_a_manager_whose_engine_restarts_is_asked_again(shop: Team, real_swarm: Any) -> None:
    """It comes to an end by itself; to which depends on whether a task of its own was just new."""
    node = real_swarm.on("manager-1")
    change(shop, real_swarm, environment={"NEW": "restart"})
    with halted(shop, "switch+") as other, ThreadPoolExecutor(1) as pool:
        node.run(Command(["systemctl", "stop", "docker.socket", "docker"]))
        end = pool.submit(other.go_on)
        node.run(Command(["systemctl", "start", "docker"]))
        code, said = end.result()
    word = list(shop.verdicts.values())[-1]
    assert (code, word) in {(0, "succeeded"), (9, "failed")}, said
    assert code == 0 or " serves" in said
    wait_until(lambda: leads(shop.manager), clock=SystemClock(), deadline=60)
    change(shop, real_swarm)
    shop.deploy()


def leads(manager: Manager) -> bool:
    try:
        return any(node.leader for node in manager.snapshot().nodes)
    except BeeyardError:
        return False
