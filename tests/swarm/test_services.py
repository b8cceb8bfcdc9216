"""Specifications changed: only what is meant, and never the one that was given."""

from copy import deepcopy
from typing import Any

import pytest

from beeyard.errors import SwarmError
from beeyard.swarm.exclusion import KEPT_OFF, allowed_again, as_before, kept_off
from beeyard.swarm.services import (
    Change,
    forced,
    label,
    scaled,
    start_first,
    with_constraint,
    with_labels,
    without_constraint,
)


def spec(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "Name": "web",
        "Labels": {"team": "shop"},
        "TaskTemplate": {
            "ContainerSpec": {"Image": "web:1", "SomethingNew": 7},
            "Placement": {"Constraints": ["node.role==worker"], "MaxReplicas": 2},
            "ForceUpdate": 3,
        },
        "Mode": {"Replicated": {"Replicas": 2}},
        "UpdateConfig": {"Parallelism": 2, "Delay": 5, "Order": "start-first"},
        "SomethingNew": {"a": 1},
    }
    return plain | changes


@pytest.mark.parametrize(
    ("change", "path", "value"),
    [
        (lambda old: scaled(old, 5), ("Mode", "Replicated", "Replicas"), 5),
        (
            lambda old: with_constraint(old, "node.id!=x"),
            ("TaskTemplate", "Placement", "Constraints"),
            ["node.role==worker", "node.id!=x"],
        ),
        (
            lambda old: without_constraint(old, "node.role==worker"),
            ("TaskTemplate", "Placement"),
            {"MaxReplicas": 2},
        ),
        (lambda old: with_labels(old, {"a": "b"}), ("Labels",), {"team": "shop", "a": "b"}),
        (lambda old: with_labels(old, {"team": None}), ("Labels",), {}),
        (forced, ("TaskTemplate", "ForceUpdate"), 4),
    ],
)
def test_a_change_is_that_and_nothing_else(
    change: Change, path: tuple[str, ...], value: object
) -> None:
    old = spec()
    new = change(old)
    assert old == spec()
    expected = deepcopy(old)
    inner = expected
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    assert new == expected


def test_what_is_so_already_is_left_alone() -> None:
    assert with_constraint(spec(), "node.role==worker") == spec()
    assert without_constraint(spec(), "node.id!=x") == spec()
    assert start_first(spec()) == spec()
    assert scaled(spec(), 2) == spec()


def test_where_there_was_no_placement_an_empty_one_stays() -> None:
    bare = spec(TaskTemplate={"ContainerSpec": {}})
    there = with_constraint(bare, "node.id!=x")
    assert there["TaskTemplate"]["Placement"] == {"Constraints": ["node.id!=x"]}
    assert without_constraint(there, "node.id!=x")["TaskTemplate"]["Placement"] == {}
    assert forced(bare)["TaskTemplate"]["ForceUpdate"] == 1
    assert label(spec(Labels=None), "x") is None


def test_start_first_keeps_the_rest_and_is_one_at_a_time_where_nothing_is_said() -> None:
    assert start_first(spec(UpdateConfig={"Parallelism": 0, "Order": "stop-first"})) == spec(
        UpdateConfig={"Parallelism": 0, "Order": "start-first"}
    )
    silent = spec()
    del silent["UpdateConfig"]
    assert start_first(silent)["UpdateConfig"] == {"Parallelism": 1, "Order": "start-first"}


def test_a_global_service_has_no_number() -> None:
    with pytest.raises(SwarmError, match="web can't be scaled"):
        scaled(spec(Mode={"Global": {}}), 3)


@pytest.mark.parametrize("update", [None, {"Parallelism": 0, "Order": "stop-first", "Delay": 9}])
def test_being_kept_off_a_node_leaves_no_trace(update: dict[str, Any] | None) -> None:
    old = spec()
    del old["UpdateConfig"]
    if update:
        old["UpdateConfig"] = update
    off = kept_off(old, "abc")
    assert off["TaskTemplate"]["Placement"]["Constraints"][-1] == "node.id!=abc"
    assert off["UpdateConfig"]["Order"] == "start-first"
    assert label(off, KEPT_OFF) == "abc"
    # Killed and begun again, it remembers what was first.
    assert kept_off(off, "abc") == off
    assert as_before(allowed_again(off)) == old
    assert (allowed_again(old), as_before(old)) == (old, old)
