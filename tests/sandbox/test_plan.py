"""Observe, plan: what is done for what is there."""

from dataclasses import replace

from beeyard.sandbox import database
from beeyard.sandbox.desired import Desired, desired
from beeyard.sandbox.plan import (
    Actual,
    Create,
    Observed,
    Remove,
    RemoveVolume,
    SetBinds,
    SetNames,
    SetPassword,
    Start,
    Stop,
    plan,
)
from beeyard.sandbox.world import World
from sandbox import worlds

THING = database.thing(worlds.DATABASE)


def wanted(world: World = worlds.WORLD) -> Desired:
    return desired(worlds.SETTING, world, database.assign_addresses(world.databases, {}))


def done(what: Desired) -> Actual:
    """The state in which nothing is left to do."""
    containers = {
        one.thing: Observed(
            one.thing, one.kind, "running" if one.running else "exited", one.fingerprint, one.thing
        )
        for one in what.containers
    }
    passwords = {thing: database.credentials(one) for thing, one in what.databases.items()}
    told = (what.binds, what.names, what.metadata, what.firewall)
    return Actual(containers, what.volumes, frozenset(), passwords, *told)


def actions(what: Desired, actual: Actual) -> list[object]:
    return [action for actions in plan(what, actual) for action in actions]


def with_state(actual: Actual, thing: str, state: str) -> Actual:
    changed = replace(actual.containers[thing], state=state)
    return replace(actual, containers={**actual.containers, thing: changed})


def test_nothing_is_done_when_all_is_as_it_should_be() -> None:
    assert plan(wanted(), done(wanted())) == ()


def test_at_first_everything_is_made_and_told_before() -> None:
    todo = actions(wanted(), Actual({}, frozenset()))
    assert isinstance(todo[0], SetNames)
    assert isinstance(todo[1], SetBinds)
    made = [action.container.thing for action in todo if isinstance(action, Create)]
    assert made == [
        *("resolver", "hub", "acme", "edge", "firewall", "api", "metadata", "i-m1", "i-m2", "i-w1"),
        *("fsmt-a", "fsmt-b", "db-timeoff"),
    ]


def test_a_terminated_instance_goes_with_its_volume() -> None:
    world = replace(worlds.WORLD, instances=(worlds.MANAGER, worlds.SECOND))
    actual = done(wanted())
    todo = actions(wanted(world), actual)
    assert Remove("i-w1") in todo
    assert todo.index(Remove("i-w1")) < todo.index(RemoveVolume("beeyard-timeoff-docker-i-w1"))


def test_stop_and_start_follow_the_api() -> None:
    stopped = replace(worlds.WORLD, instances=(replace(worlds.WORKER, running=False),))
    assert Stop("i-w1") in actions(wanted(stopped), done(wanted()))
    actual = replace(with_state(done(wanted()), "i-w1", "exited"), stopped=frozenset({"i-w1"}))
    assert actions(wanted(), actual) == [Start("i-w1")]


def test_a_node_that_died_by_itself_is_left_as_it_is() -> None:
    assert actions(wanted(), with_state(done(wanted()), "i-w1", "exited")) == []


def test_a_service_that_died_is_started() -> None:
    assert actions(wanted(), with_state(done(wanted()), "acme", "exited")) == [Start("acme")]


def test_an_interrupted_creation_is_finished() -> None:
    assert actions(wanted(), with_state(done(wanted()), "i-w1", "created")) == [Start("i-w1")]


def test_an_instance_outlives_a_change_of_its_launch_settings_and_a_service_does_not() -> None:
    actual = done(wanted())
    other = {
        thing: replace(actual.containers[thing], fingerprint="other") for thing in ("i-w1", "hub")
    }
    todo = actions(wanted(), replace(actual, containers={**actual.containers, **other}))
    assert Remove("hub") in todo
    assert Remove("i-w1") not in todo


def test_a_new_password_is_set_and_its_words_do_not_show_it() -> None:
    actual = replace(done(wanted()), passwords={THING: "another"})
    todo = actions(wanted(), actual)
    assert todo == [SetPassword(THING, worlds.DATABASE)]
    assert "secret" not in repr(todo)


def test_files_stay_while_their_file_system_does() -> None:
    world = replace(worlds.WORLD, mount_targets=())
    todo = actions(wanted(world), done(wanted()))
    assert not [action for action in todo if isinstance(action, RemoveVolume)]
    gone = replace(world, file_systems=())
    assert RemoveVolume("beeyard-timeoff-efs-fs-1") in actions(wanted(gone), done(wanted()))


def test_what_can_not_be_made_real_is_said() -> None:
    elsewhere = replace(worlds.WORKER, private_ip="172.31.0.4")
    strange = replace(worlds.DATABASE, engine="postgres")
    found = wanted(replace(worlds.WORLD, instances=(elsewhere,), databases=(strange,)))
    assert [problem.about for problem in found.problems] == [
        "i-w1 is only recorded",
        "database timeoff is only recorded",
    ]
    assert "i-w1" not in {one.thing for one in found.containers}


def test_mysql_is_stood_in_for_and_said() -> None:
    mysql = replace(worlds.DATABASE, engine="mysql")
    found = wanted(replace(worlds.WORLD, databases=(mysql,)))
    assert found.problems[0].about == "database timeoff is MariaDB"
    assert "db-timeoff" in {one.thing for one in found.containers}
