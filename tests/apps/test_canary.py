"""A canary's share, its labels and stack, and what is said of it."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import gcd
from typing import Any

import pytest

from beeyard.apps.bundle import Bundle
from beeyard.apps.canary import Limits, canary_replicas, judge, parse_share, weights
from beeyard.apps.canary_labels import (
    canary_labels,
    carried,
    deferred,
    is_web,
    marker,
    read,
    servers,
    stable_labels,
)
from beeyard.apps.canary_stack import Sides, beside, routing_changes, sides
from beeyard.apps.compose import yaml
from beeyard.apps.traffic import Traffic
from beeyard.errors import AppError

PERCENTS = [0.1, 0.5, 1, 2.5, 5, 10, 12.5, 20, 25, 33.3, 50, 66.6, 75, 90, 99, 99.9]
TASKS = [1, 2, 3, 4, 5, 7, 10, 16, 50]

WEB = {
    "traefik.enable": "true",
    "traefik.swarm.network": "traefik_proxy",
    "team": "shop",
    "traefik.http.routers.shop.rule": "Host(`shop.${DOMAIN}`) || Host(`b.test`)",
    "traefik.http.routers.shop.tls.certresolver": "le",
    "traefik.http.routers.shop.middlewares": "shop-retry",
    "traefik.http.middlewares.shop-retry.retry.attempts": "3",
    "traefik.http.services.shop.loadbalancer.server.port": "8000",
    "traefik.http.services.shop.loadbalancer.healthcheck.path": "/healthz",
    "traefik.http.services.shop.loadbalancer.sticky.cookie.name": "shop",
}


class TestShare:
    @pytest.mark.parametrize(
        ("text", "share"),
        [("10%", 0.1), ("0.1", 0.1), (" 2.5 % ", 0.025), (".25", 0.25), ("0.1%", 0.001)],
    )
    def test_it_is_a_percentage_or_a_fraction(self, text: str, share: float) -> None:
        assert parse_share(text) == share

    @pytest.mark.parametrize(
        "text", ["", "10", "0", "0%", "1", "100%", "-5%", "ten", "10%%", "1e-1", "0.01%", "99.95%"]
    )
    def test_another_is_refused_in_words(self, text: str) -> None:
        with pytest.raises(AppError, match="is no share of the requests") as caught:
            parse_share(text)
        assert caught.value.fix == "write it as 10% or as 0.1"

    def test_ten_percent_beside_two_tasks(self) -> None:
        assert weights(0.1, 2, 1) == (9, 2)

    @pytest.mark.parametrize(("old", "new"), list(product(TASKS, TASKS)))
    def test_the_new_tasks_get_exactly_the_share(self, old: int, new: int) -> None:
        for percent in PERCENTS:
            share = parse_share(f"{percent}%")
            before, after = weights(share, old, new)
            got = Fraction(new * after, old * before + new * after)
            assert got == Fraction(str(percent)) / 100
            assert min(before, after) >= 1
            assert gcd(before, after) == 1
            # Traefik's weights are Go's int, with 32 bits on small machines.
            assert max(before, after) < 2**31

    @pytest.mark.parametrize("wanted", TASKS)
    def test_a_canary_has_tasks_enough_for_its_share_and_no_more(self, wanted: int) -> None:
        for percent in PERCENTS:
            share = Fraction(str(percent)) / 100
            replicas = canary_replicas(parse_share(f"{percent}%"), wanted)
            assert replicas >= share * wanted
            assert replicas == 1 or replicas - 1 < share * wanted


class TestLabels:
    def test_the_stable_side_keeps_its_own_and_gets_a_weight(self) -> None:
        labels = stable_labels("web", WEB, 9)
        assert {**labels, **WEB} == labels, "nothing of its own is changed"
        assert labels["traefik.http.services.shop.loadbalancer.server.weight"] == "9"
        assert labels["traefik.http.routers.shop.service"] == "shop", "of two, it has to say which"

    def test_both_sides_say_the_same_of_the_shared_service(self) -> None:
        """Traefik drops a service of which two Swarm services say different things."""
        new = {
            **WEB,
            "traefik.http.services.shop.loadbalancer.healthcheck.path": "/ready",
            "traefik.http.services.shop.loadbalancer.server.port": "9000",
            "traefik.http.routers.shop.rule": "Host(`c.test`)",
        }
        stable = read(stable_labels("web", WEB, 9))
        canary = read(canary_labels("web", carried("web", WEB, new), 2))
        assert _unserved(canary.services["shop"]) == _unserved(stable.services["shop"])
        assert canary.services["shop"]["loadbalancer.server.port"] == "9000"
        assert canary.services["shop"]["loadbalancer.server.weight"] == "2"
        assert not set(canary.routers) & set(stable.routers), "no router is defined twice"
        assert deferred(WEB, new) == (
            "traefik.http.routers.shop.rule",
            "traefik.http.services.shop.loadbalancer.healthcheck.path",
        )

    @pytest.mark.parametrize("side", ["stable", "canary"])
    def test_a_header_leads_to_one_side(self, side: str) -> None:
        labels = (stable_labels if side == "stable" else canary_labels)("web", WEB, 4)
        routing = read(labels)
        probe = routing.routers[f"beeyard-shop-{side}"]
        assert probe["rule"] == (
            f"(Host(`shop.${{DOMAIN}}`) || Host(`b.test`)) && Header(`X-Beeyard-Release`, `{side}`)"
        )
        assert probe["tls.certresolver"] == "le"
        assert probe["middlewares"] == f"beeyard-shop-{side},shop-retry"
        assert probe["service"] == f"beeyard-shop-{side}"
        assert routing.services[probe["service"]] == {
            "loadbalancer.server.port": "8000",
            "loadbalancer.healthcheck.path": "/healthz",
        }
        mark = f"traefik.http.middlewares.beeyard-shop-{side}.headers.customresponseheaders"
        assert labels[f"{mark}.X-Beeyard-Release"] == f"{side}-4"
        assert marker("canary", 4) == "canary-4"

    def test_a_stated_priority_is_topped(self) -> None:
        labels = stable_labels("web", {**WEB, "traefik.http.routers.shop.priority": "7"}, 1)
        assert labels["traefik.http.routers.beeyard-shop-stable.priority"] == "8"
        with pytest.raises(AppError, match="can't have a canary") as caught:
            stable_labels("web", {**WEB, "traefik.http.routers.shop.priority": "${P}"}, 1)
        assert "`${P}`" in str(caught.value.why)

    def test_a_rule_of_version_2_gets_that_versions_matcher(self) -> None:
        labels = stable_labels("web", {**WEB, "traefik.http.routers.shop.ruleSyntax": "v2"}, 1)
        assert "Headers(`X-" in labels["traefik.http.routers.beeyard-shop-stable.rule"]

    def test_several_routers_and_services_each_get_their_probe(self) -> None:
        labels = {
            "traefik.enable": "true",
            "traefik.http.routers.site.rule": "Host(`a.test`)",
            "traefik.http.routers.site.service": "site",
            "traefik.http.routers.api.rule": "Host(`a.test`) && PathPrefix(`/api`)",
            "traefik.http.routers.api.service": "api@swarm",
            "traefik.http.routers.other.rule": "Host(`b.test`)",
            "traefik.http.routers.other.service": "elsewhere@file",
            "traefik.http.services.site.loadbalancer.server.port": "80",
            "traefik.http.services.api.loadbalancer.server.port": "81",
        }
        routing = read(canary_labels("web", labels, 3))
        assert {name: options["service"] for name, options in routing.routers.items()} == {
            "beeyard-site-canary": "beeyard-site-canary",
            "beeyard-api-canary": "beeyard-api-canary",
        }
        assert {
            name: options.get("loadbalancer.server.weight")
            for name, options in routing.services.items()
        } == {"site": "3", "api": "3", "beeyard-site-canary": None, "beeyard-api-canary": None}
        stable = stable_labels("web", labels, 3)
        assert stable["traefik.http.routers.other.service"] == "elsewhere@file"
        assert stable["traefik.http.routers.api.service"] == "api@swarm"

    def test_what_is_not_http_stays_with_the_stable_side(self) -> None:
        tcp = {"traefik.tcp.routers.mail.rule": "HostSNI(`*`)"}
        canary = canary_labels("web", {**WEB, **tcp}, 1)
        assert not set(tcp) & set(canary)
        assert canary["team"] == "shop"
        assert canary["traefik.swarm.network"] == "traefik_proxy"
        assert stable_labels("web", {**WEB, **tcp}, 1).items() >= tcp.items()

    @pytest.mark.parametrize(
        "labels",
        [
            {},
            {"traefik.enable": "true"},
            {**WEB, "traefik.enable": "false"},
            {key: value for key, value in WEB.items() if ".routers." not in key},
            {key: value for key, value in WEB.items() if ".services." not in key},
        ],
    )
    def test_without_a_way_in_there_is_no_canary(self, labels: Mapping[str, str]) -> None:
        assert not is_web(labels)
        with pytest.raises(AppError, match="the service `web` can't have a canary"):
            stable_labels("web", labels, 1)

    @pytest.mark.parametrize("strategy", ["p2c", "hrw", "leastTime"])
    def test_without_round_robin_there_is_no_canary(self, strategy: str) -> None:
        key = "traefik.http.services.shop.loadbalancer.strategy"
        with pytest.raises(AppError, match="can't have a canary") as caught:
            stable_labels("web", {**WEB, key: strategy}, 1)
        assert f"the strategy {strategy.lower()} of" in str(caught.value.why)
        assert stable_labels("web", {**WEB, key: "wrr"}, 1)[key] == "wrr"

    def test_a_release_that_renames_the_service_has_no_canary(self) -> None:
        with pytest.raises(AppError, match="can't have a canary") as caught:
            carried("web", WEB, {"traefik.http.services.new.loadbalancer.server.port": "80"})
        assert "does not define the Traefik service shop" in str(caught.value.why)

    def test_behind_a_service_address_all_tasks_are_one_server(self) -> None:
        assert servers(WEB, 5) == 5
        assert servers({**WEB, "traefik.swarm.lbswarm": "true"}, 5) == 1


OLD = """\
x-deploy: &deploy
  update_config: {order: start-first}
services:
  web:
    image: shop:1
    env_file: [shop.env]
    deploy:
      <<: *deploy
      replicas: 2
      labels:
        traefik.enable: true
        traefik.http.routers.shop.rule: Host(`shop.${DOMAIN}`)
        traefik.http.services.shop.loadbalancer.server.port: 8000
  worker: {image: worker:1, deploy: *deploy}
networks:
  proxy: {external: true}
"""
NEW = """\
services:
  web:
    image: shop:2
    env_file: [shop.env]
    ports: ["8080:8000"]
    secrets: [key]
    networks: {proxy: {aliases: [shop]}, default: }
    deploy:
      mode: global
      update_config: {order: start-first}
      labels:
        - traefik.enable=true
        - traefik.http.routers.shop.rule=Host(`new.${DOMAIN}`)
        - traefik.http.services.shop.loadbalancer.server.port=${PORT}
  worker: {image: worker:2}
  extra: {image: extra:1}
networks:
  proxy: {external: true}
secrets:
  key: {external: true}
"""


class TestStack:
    NEW = Bundle(NEW, {"DOMAIN": "new.test", "PORT": "9000"}, {"shop.env": "A=2"})
    OLD = Bundle(OLD, {"DOMAIN": "old.test"}, {"shop.env": "A=1"})
    SIDES: Mapping[str, Sides] = {"web": Sides(1, 9, 2)}

    def services(self, *due: str) -> Any:
        return yaml().load(beside(self.NEW, self.OLD, self.SIDES, due).text)["services"]

    def test_only_services_with_routers_get_a_canary(self) -> None:
        assert sides(0.1, self.NEW, self.OLD, {"web": 2, "worker": 3}) == self.SIDES

    def test_the_old_release_stays_and_the_canary_is_the_new_one(self) -> None:
        services = self.services()
        assert {name: entry["image"] for name, entry in services.items()} == {
            "web": "shop:1",
            "web-canary": "shop:2",
            "worker": "worker:1",
        }
        assert services["web"]["deploy"]["replicas"] == 2
        assert services["web"]["deploy"]["update_config"] == {"order": "start-first"}
        assert services["web-canary"]["deploy"]["replicas"] == 1

    def test_a_canary_is_reached_by_traefik_only(self) -> None:
        canary = self.services()["web-canary"]
        assert "ports" not in canary
        assert list(canary["networks"]) == ["proxy", "default"]
        assert canary["networks"]["proxy"] == {}
        assert canary["secrets"] == ["key"]
        assert "mode" not in canary["deploy"]
        assert canary["deploy"]["labels"]["beeyard.canary"] == "true"

    def test_each_side_has_its_own_variables_and_files(self) -> None:
        bundle = beside(self.NEW, self.OLD, self.SIDES)
        services = bundle.services
        assert services["web-canary"]["env_file"] == ["shop.env"]
        assert bundle.files[services["web"]["env_file"][0]] == "A=1"
        labels = services["web-canary"]["deploy"]["labels"]
        rule = str(labels["traefik.http.routers.beeyard-shop-canary.rule"])
        variable = rule.partition("${")[2].partition("}")[0]
        assert bundle.environment[variable] == "old.test", "routed as the stable side is"
        port = "traefik.http.services.shop.loadbalancer.server.port"
        assert labels[port] == "${PORT}"
        assert services["web"]["deploy"]["labels"][port] == "8000"

    def test_while_promoting_the_routing_stays_until_the_canary_is_gone(self) -> None:
        services = self.services("web", "worker", "extra")
        assert services["web"]["image"] == "shop:2"
        assert services["worker"]["image"] == "worker:2"
        stable, canary = (
            read(services[name]["deploy"]["labels"]) for name in ("web", "web-canary")
        )
        assert "old" not in stable.routers["shop"]["rule"]
        before = read(self.services()["web"]["deploy"]["labels"])
        assert stable.routers["shop"] == before.routers["shop"]
        assert _unserved(stable.services["shop"]) == _unserved(canary.services["shop"])
        assert list(routing_changes(self.NEW, self.OLD, ["web"])) == [
            "web: traefik.http.routers.shop.rule"
        ]

    def test_a_canary_leaves_with_weight_0(self) -> None:
        without = {name: each.without_canary for name, each in self.SIDES.items()}
        labels = beside(self.NEW, self.OLD, without).services["web-canary"]["deploy"]["labels"]
        assert labels["traefik.http.services.shop.loadbalancer.server.weight"] == "0"
        mark = "traefik.http.middlewares.beeyard-shop-canary.headers.customresponseheaders"
        assert labels[f"{mark}.X-Beeyard-Release"] == "canary-0"

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            (("order: start-first", "order: stop-first"), "two of its releases must not run"),
            (("extra:", "web-canary:"), "has a service of that name"),
        ],
    )
    def test_where_there_can_be_none_it_is_said(self, change: tuple[str, str], why: str) -> None:
        new = replace(self.NEW, text=NEW.replace(*change))
        with pytest.raises(AppError, match="the service `web` can't have a canary") as caught:
            sides(0.1, new, self.OLD, {"web": 2})
        assert why in str(caught.value.why)

    def test_no_service_with_routers_is_said(self) -> None:
        plain = Bundle("services: {worker: {image: w}}\n")
        with pytest.raises(AppError, match="no service can have a canary"):
            sides(0.1, plain, plain, {})


class TestJudgement:
    GOOD = Traffic(requests=1000, failed=0, p50=0.01, p95=0.1, slowest=0.5)
    LIMITS = Limits(requests=100, failing=0.01, slower=1.5, floor=0.05)

    def verdict(self, stable: Traffic, canary: Traffic) -> str:
        return judge(stable, canary, self.LIMITS).verdict

    def test_as_good_is_promoted(self) -> None:
        judgement = judge(self.GOOD, self.GOOD, self.LIMITS)
        assert judgement.verdict == "promote"
        assert judgement.reason.startswith("0 of 1000 requests failed (0.0%)")

    @pytest.mark.parametrize("few", ["stable", "canary"])
    def test_too_few_requests_say_nothing(self, few: str) -> None:
        less = replace(self.GOOD, requests=99)
        pair = (less, self.GOOD) if few == "stable" else (self.GOOD, less)
        judgement = judge(*pair, self.LIMITS)
        assert judgement.verdict == "wait"
        assert judgement.reason == (
            f"the {few}{' side' if few == 'stable' else ''} was asked 99 of 100 times so far"
        )

    @pytest.mark.parametrize(("failed", "verdict"), [(10, "promote"), (11, "abort")])
    def test_more_failures_than_allowed(self, failed: int, verdict: str) -> None:
        assert self.verdict(self.GOOD, replace(self.GOOD, failed=failed)) == verdict

    def test_failures_that_the_stable_side_has_as_well_are_not_the_canarys(self) -> None:
        bad = replace(self.GOOD, failed=200)
        assert self.verdict(bad, bad) == "promote"
        assert self.verdict(bad, replace(bad, failed=211)) == "abort"

    @pytest.mark.parametrize(("failed", "verdict"), [(1, "wait"), (2, "abort")])
    def test_what_can_not_become_good_is_not_waited_for(self, failed: int, verdict: str) -> None:
        early = Traffic(requests=5, failed=failed, reasons=("it answers 500",))
        judgement = judge(self.GOOD, early, self.LIMITS)
        assert judgement.verdict == verdict
        assert (": it answers 500" in judgement.reason) == (verdict == "abort")

    @pytest.mark.parametrize(("p95", "verdict"), [(0.199, "promote"), (0.201, "abort")])
    def test_slower_than_allowed(self, p95: float, verdict: str) -> None:
        judgement = judge(self.GOOD, replace(self.GOOD, p95=p95), self.LIMITS)
        assert judgement.verdict == verdict
        assert f"{p95 * 1000:.0f} ms" in judgement.reason

    def test_what_is_fast_may_be_twice_as_slow(self) -> None:
        fast = replace(self.GOOD, p95=0.002)
        assert self.verdict(fast, replace(fast, p95=0.02)) == "promote"

    def test_nothing_asked_is_nothing_known(self) -> None:
        assert self.verdict(Traffic(), Traffic()) == "wait"

    def test_where_hardly_anything_answers_nothing_is_known(self) -> None:
        down = Traffic(requests=200, failed=200)
        assert self.verdict(down, down) == "wait"
        assert self.verdict(down, self.GOOD) == "wait"
        assert self.verdict(self.GOOD, down) == "abort"


def _unserved(options: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value for key, value in options.items() if not key.startswith("loadbalancer.server.")
    }
