"""What a rollout will do."""

from collections.abc import Mapping
from typing import Any

import pytest

from apps.example import release
from beeyard.apps import Bundle, Plan, planned
from beeyard.apps.plan import fewer, kept_replicas, levels
from beeyard.errors import AppError
from beeyard.swarm import Snapshot
from swarm.swarms import service, swarm

UPDATES = "deploy: {update_config: {order: start-first}}"


def running(*names: str, **changes: Any) -> Snapshot:
    """A Swarm with these services of the application, one task each."""
    return swarm(*(service(f"shop_{name}", "worker-1", stack="shop", **changes) for name in names))


def kinds(plan: Plan) -> dict[str, str]:
    return {change.service: change.kind for change in plan.changes}


def test_the_first_release_creates_everything() -> None:
    plan = planned(release("services: {web: {image: a}, db: {image: b}}\n"), None, swarm())
    assert kinds(plan) == {"db": "create", "web": "create"}
    assert plan.waves == (("db", "web"),)
    assert plan.previous is None
    assert plan.pending


def test_what_is_as_it_was_is_kept() -> None:
    text = "services: {web: {image: a}}\n"
    plan = planned(release(text, 2), release(text), running("web"))
    assert kinds(plan) == {"web": "keep"}
    assert (plan.waves, plan.pending, plan.changed) == ((), False, ())


def test_each_service_for_itself() -> None:
    old = "services: {web: {image: a}, db: {image: d}, gone: {image: g}, lost: {image: l}}\n"
    new = "services: {web: {image: b}, db: {image: d}, extra: {image: e}, lost: {image: l}}\n"
    plan = planned(release(new, 2), release(old), running("web", "db", "gone"))
    assert kinds(plan) == {
        "db": "keep",
        "extra": "create",
        "gone": "remove",
        "lost": "create",
        "web": "update",
    }
    assert plan.waves == (("extra", "lost", "web"),)
    assert plan.of("remove") == ("gone",)


def test_a_service_that_is_gone_already_is_not_removed() -> None:
    old = release("services: {web: {image: a}, gone: {image: g}}\n")
    assert kinds(planned(release(number=2), old, running("web"))) == {"web": "keep"}


def test_what_failed_releases_left_behind_goes() -> None:
    there = running("web", "half", "page")
    plan = planned(release(number=4), release(), there, left={"web", "half", "never"})
    assert kinds(plan) == {"web": "keep", "half": "remove"}
    assert plan.pending
    assert kinds(planned(release(), None, there, left={"half"})) == {
        "web": "update",
        "half": "remove",
    }


def test_what_runs_by_no_release_is_taken_over() -> None:
    assert kinds(planned(release(), None, running("web"))) == {"web": "update"}


def test_another_stacks_service_of_that_name_is_none_of_it() -> None:
    others = swarm(service("shop_web", "worker-1", stack="other"))
    assert kinds(planned(release(number=2), release(), others)) == {"web": "create"}


@pytest.mark.parametrize(
    ("definitions", "kind"),
    [
        ({}, "keep"),
        ({"shop_web": "abc"}, "keep"),
        ({"shop_web": "as it was left"}, "update"),
    ],
)
def test_what_somebody_has_changed_by_hand_is_deployed_again(
    definitions: Mapping[str, str], kind: str
) -> None:
    seen = running("web", definition="abc")
    assert kinds(planned(release(number=2), release(), seen, definitions)) == {"web": kind}


def test_waves_follow_what_depends_on_what() -> None:
    bundle = Bundle(
        """\
services:
  web: {image: a, depends_on: [api, cache]}
  api: {image: a, depends_on: {db: {condition: service_healthy}}}
  db: {image: a}
  cache: {image: a, depends_on: }
  proxy: {image: a, depends_on: [web, not-here]}
"""
    )
    assert levels(bundle) == [["cache", "db"], ["api"], ["web"], ["proxy"]]


def test_waves_have_only_what_changes() -> None:
    old = """\
services:
  web: {image: a, depends_on: [api]}
  api: {image: a, depends_on: [db]}
  db: {image: a}
"""
    new = old.replace("web: {image: a", "web: {image: b").replace("db: {image: a", "db: {image: b")
    plan = planned(release(new, 2), release(old), running("web", "api", "db"))
    assert plan.waves == (("db",), ("web",))


@pytest.mark.parametrize("circle", ["[db]", "[web]"])
def test_a_circle_is_refused(circle: str) -> None:
    text = f"services: {{a: {{}}, web: {{depends_on: {circle}}}, db: {{depends_on: [web]}}}}\n"
    with pytest.raises(AppError, match=r"goes round in a circle: db, web") as caught:
        planned(release(text), None, swarm())
    assert caught.value.fix == "take one of these dependencies out of the stack file"


@pytest.mark.parametrize(
    ("before", "runs", "says", "gets"),
    [
        (None, None, 2, 2),
        (None, 5, 2, 2),
        (2, 2, 2, 2),
        (2, 2, 4, 4),
        (4, 4, 2, 2),
        (2, 5, 2, 5),
        (2, 5, 3, 5),
        (2, 5, 7, 7),
        (4, 1, 4, 4),
        (4, 3, 2, 3),
        (2, 0, 2, 2),
        (2, None, 3, 3),
    ],
)
def test_what_somebody_scaled_to_stays_down_to_what_the_file_says(
    before: int | None, runs: int | None, says: int, gets: int
) -> None:
    def of(count: int, number: int) -> Any:
        return release(f"services: {{web: {{deploy: {{replicas: {count}}}}}}}\n", number)

    seen = swarm() if runs is None else running("web", wanted=runs)
    previous = None if before is None else of(before, 1)
    assert kept_replicas(of(says, 2), previous, seen) == {"web": gets}
    assert planned(of(says, 2), previous, seen).replicas == {"web": gets}


def test_a_service_that_somebody_scaled_below_what_the_file_says_is_brought_back() -> None:
    text = "services: {web: {deploy: {replicas: 3}}, db: {image: a}}\n"
    seen = running("web", "db")
    plan = planned(release(text, 2), release(text), seen)
    assert kinds(plan) == {"db": "keep", "web": "update"}
    assert fewer(plan.replicas, "shop", seen) == {"web": 1}


def test_numbers_of_replicas_are_filled_and_one_if_nothing_is_said() -> None:
    text = """\
services:
  silent: {image: a}
  filled: {image: a, deploy: {replicas: "${COUNT:-3}"}}
  everywhere: {image: a, deploy: {mode: global}}
  filled-mode: {image: a, deploy: {mode: "${MODE}"}}
"""
    bundle = Bundle(text, {"MODE": "global"})
    assert kept_replicas(release(bundle=bundle), None, swarm()) == {"silent": 1, "filled": 3}


def test_a_service_that_was_global_has_no_number_to_keep() -> None:
    seen = running("web", mode="global", wanted=3)
    assert kept_replicas(release(number=2), release(), seen) == {"web": 1}


def test_the_plan_in_words_is_the_same_for_the_same() -> None:
    old = f"""\
services:
  web: {{image: a, depends_on: [db], {UPDATES}}}
  db: {{image: a, deploy: {{update_config: {{order: stop-first}}}}}}
  agent: {{image: a, deploy: {{mode: global, update_config: }}}}
  same: {{image: a}}
  gone: {{image: a}}
"""
    new = old.replace("{image: a, dep", "{image: b, dep").replace("  gone: {image: a}\n", "")
    turned = "services:\n" + "".join(reversed(new.splitlines(keepends=True)[1:]))
    seen = running("web", "db", "agent", "same", "gone")
    for text in (new, turned):
        plan = planned(release(text, 2), release(old), seen)
        assert plan.lines() == [
            "shop: release 2 in place of 1",
            "  wave 1: update agent (stop-first)",
            "  wave 1: update db (stop-first), 1 replicas",
            "  wave 2: update web (start-first), 1 replicas",
            "  at the end: remove gone",
            "  unchanged: same",
        ]
    assert planned(release(), None, swarm()).lines() == [
        "shop: release 1, the first",
        "  wave 1: create web, 1 replicas",
    ]
