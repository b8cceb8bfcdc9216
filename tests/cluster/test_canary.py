"""A canary behind the cluster's own Traefik: its share, its promotion, its end; nothing is lost."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from docker import DockerClient

from beeyard.apps.bundle import Bundle
from beeyard.apps.canary import Limits
from beeyard.apps.canary_labels import HEADER
from beeyard.apps.canary_stack import sides
from beeyard.apps.canary_steps import Canary, Entrance
from beeyard.apps.deploy import stack_deploy
from beeyard.apps.probe import Asker, await_answer
from beeyard.apps.site import Site
from beeyard.apps.traffic import Prober
from beeyard.apps.urls import AppUrl
from beeyard.process import Command, LocalRunner, SshRunner
from beeyard.swarm import Manager, Patience, Tunnel, await_converged
from beeyard.waiting import SystemClock, wait_until
from cluster.yard import DOMAIN, Running

pytestmark = [pytest.mark.cluster, pytest.mark.slow(7)]
APPLICATION = "canaries"
HOST = f"{APPLICATION}.{DOMAIN}"
PATIENCE = Patience(deadline=120, settle=1.0)
LIMITS = Limits(requests=50)

# Says its version; after SIGTERM it goes on for a while.
PROGRAM = """
import http.server, os, signal, threading
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        self.send_response(int(os.environ['STATUS']))
        self.send_header('X-Version', os.environ['VERSION'])
        self.send_header('Content-Length', '0')
        self.end_headers()
    def log_message(self, *_): pass
signal.signal(signal.SIGTERM, lambda *_: threading.Timer(6, os._exit, [0]).start())
http.server.ThreadingHTTPServer(('', 8000), Handler).serve_forever()
"""
STACK = """\
version: "3.8"
services:
  web:
    image: ${IMAGE}
    entrypoint: [python, -S, -c, "import os; exec(os.environ['PROGRAM'])"]
    environment: {PROGRAM: "${PROGRAM}", VERSION: "${VERSION}", STATUS: "${STATUS}"}
    healthcheck:
      test: [CMD, python, -S, -c, "import socket; socket.create_connection(('127.0.0.1', 8000))"]
      interval: 1s
    networks: [traefik_proxy]
    stop_grace_period: 15s
    deploy:
      replicas: 2
      endpoint_mode: dnsrr
      update_config: {order: start-first, parallelism: 2}
      labels:
        traefik.enable: "true"
        traefik.swarm.network: traefik_proxy
        traefik.http.routers.canaries.rule: Host(`${HOST}`)
        traefik.http.routers.canaries.entrypoints: https
        traefik.http.routers.canaries.tls.certresolver: le
        traefik.http.services.canaries.loadbalancer.server.port: 8000
networks:
  traefik_proxy: {external: true}
"""
PORT = "        traefik.http.services.canaries.loadbalancer.server.port: 8000"
PASS_HOST = '        traefik.http.services.canaries.loadbalancer.passhostheader: "false"'


@pytest.fixture(scope="module")
def site(cluster: Running) -> Iterator[Site]:
    state = Path(cluster.yard.environment["XDG_STATE_HOME"])
    (config,) = state.glob("**/provision/ssh_config")
    local = LocalRunner()

    def node(name: str) -> SshRunner:
        return SshRunner(local, config, name, sudo=True)

    @contextmanager
    def engine(name: str) -> Iterator[DockerClient]:
        with Tunnel(local, config, name) as tunnel:
            yield tunnel.client

    with Tunnel(local, config, "manager-1") as tunnel:
        yield Site(Manager(tunnel.client), node("manager-1"), node, engine, lambda _: None)


@pytest.fixture(scope="module")
def url(cluster: Running) -> AppUrl:
    port = urlsplit(cluster.url("timeoff")).port or 443
    return AppUrl(HOST, "/", port, "web", "canaries")


@pytest.fixture
def old(site: Site, url: AppUrl, ca: Path) -> Iterator[Bundle]:
    """An application of two tasks that answers, and that is gone afterwards."""
    services = site.manager.snapshot().services
    image = next(one.image for one in services if one.name == "timeoff_web")
    bundle = release(Bundle(STACK, {"IMAGE": image, "HOST": HOST, "PROGRAM": PROGRAM}), "1")
    try:
        stack_deploy(APPLICATION, bundle, site.runner)
        await_converged(site.manager, [f"{APPLICATION}_web"], patience=PATIENCE)
        await_answer(url.url, ["127.0.0.1"], https_port=url.port, ca_pem=ca.read_text())
        yield bundle
    finally:
        site.runner.run(Command(["docker", "stack", "rm", APPLICATION], timeout=60))


def release(bundle: Bundle, version: str, status: str = "200") -> Bundle:
    return replace(bundle, environment={**bundle.environment, "VERSION": version, "STATUS": status})


def canary_of(site: Site, old: Bundle, new: Bundle, url: AppUrl, ca: Path) -> Canary:
    return Canary(
        site,
        APPLICATION,
        new,
        old,
        sides(0.1, new, old, {"web": 2}),
        {"web": 2},
        Entrance([url], "127.0.0.1", ca.read_text()),
        check=lambda: None,
        patience=PATIENCE,
    )


def versions(url: AppUrl, ca: Path, requests: int) -> Counter[str]:
    with Asker(url.url, "127.0.0.1", url.port, ca.read_text()) as asker:
        return Counter(asker.get()[0].headers["X-Version"] for _ in range(requests))


def await_unmarked(url: AppUrl, ca: Path) -> None:
    """Until Traefik has taken up labels without a canary's."""
    asked = {HEADER: "stable"}
    with Asker(url.url, "127.0.0.1", url.port, ca.read_text(), headers=asked) as asker:
        wait_until(lambda: HEADER not in asker.get()[0].headers, clock=SystemClock(), deadline=30)


def test_a_good_canary_gets_its_share_and_is_promoted(
    site: Site, old: Bundle, url: AppUrl, ca: Path
) -> None:
    # Routing changes as well: the two sides must not disagree on it, or Traefik drops both.
    new = release(old, "2")
    new = replace(new, text=new.text.replace(PORT, f"{PORT}\n{PASS_HOST}"))
    canary = canary_of(site, old, new, url, ca)
    before = site.manager.snapshot().stack(APPLICATION)[0].running
    with Prober([url], "127.0.0.1", ca.read_text(), rate=40) as users:
        canary.start(lambda _: None)
        assert site.manager.snapshot().stack(APPLICATION)[0].running == before
        # Traefik deals them out in turn, to us and to the users at once: which of them fall to us
        # is chance, of which this is three standard deviations.
        assert versions(url, ca, 400)["2"] == pytest.approx(40, abs=18)
        by_hand = canary.watch(60, lambda _: None, LIMITS, wish=lambda: "abort")
        assert (by_hand.verdict, by_hand.reason) == ("abort", "somebody said so: abort")
        judgement = canary.watch(10, lambda _: None, LIMITS)
        assert judgement.verdict == "promote", judgement.reason

        stack_deploy(APPLICATION, canary.stack(["web"]), site.runner)
        await_converged(site.manager, [f"{APPLICATION}_web"], patience=PATIENCE)
        promoted = site.manager.snapshot().stack(APPLICATION)[0].running
        canary.take_away(lambda _: None, promoted={"web": 2})
        stack_deploy(APPLICATION, new, site.runner)
        seen = await_converged(site.manager, [f"{APPLICATION}_web"], patience=PATIENCE)
        await_unmarked(url, ca)
    (service,) = seen.stack(APPLICATION)
    assert service.running == promoted, "the last step changes labels, and no task"
    assert not [label for label in service.labels if "beeyard-" in label]
    assert set(versions(url, ca, 20)) == {"2"}
    traffic = users.traffic()
    assert traffic.requests > 800
    assert traffic.failed == 0, traffic.reasons


def test_a_failing_canary_is_found_and_taken_away(
    site: Site, old: Bundle, url: AppUrl, ca: Path
) -> None:
    canary = canary_of(site, old, release(old, "2", status="500"), url, ca)
    before = site.manager.snapshot().stack(APPLICATION)[0].running
    canary.start(lambda _: None)
    judgement = canary.watch(60, lambda _: None, LIMITS)
    assert judgement.verdict == "abort"
    assert "it answers 500" in judgement.reason
    canary.take_away(lambda _: None)
    with Prober([url], "127.0.0.1", ca.read_text(), rate=40) as users:
        stack_deploy(APPLICATION, old, site.runner)
        seen = await_converged(site.manager, [f"{APPLICATION}_web"], patience=PATIENCE)
        assert set(versions(url, ca, 100)) == {"1"}
    (service,) = seen.stack(APPLICATION)
    assert service.running == before
    assert users.traffic().failed == 0, users.traffic().reasons
    assert users.traffic().requests > 0


def test_a_canary_whose_task_dies_is_not_mistaken_for_a_good_one(
    site: Site, old: Bundle, url: AppUrl, ca: Path
) -> None:
    """Without a task of the canary's, its probes are answered by the stable side."""
    canary = canary_of(site, old, release(old, "2"), url, ca)
    canary.start(lambda _: None)
    (task,) = next(
        one for one in site.manager.snapshot().services if one.name == canary.services[0]
    ).running
    assert task.node
    argv = ["docker", "kill", f"{task.name}.{task.id}"]
    site.node(task.node).run(Command(argv, timeout=30))
    judgement = canary.watch(60, lambda _: None, LIMITS)
    assert judgement.verdict == "abort"
    assert judgement.reason.startswith(f"{canary.services[0]}: ")
    canary.take_away(lambda _: None)
    assert set(versions(url, ca, 50)) == {"1"}
