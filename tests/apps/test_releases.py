"""Releases kept in a real Swarm, and which of them is meant."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from apps.example import NOW, release
from beeyard.apps import Bundle, Entry, Receipt, Release, Releases, Traffic, Verdict
from beeyard.apps.releases import (
    PREPARING,
    SWITCHING,
    chosen,
    current,
    left_behind,
    next_number,
    unfinished,
)
from beeyard.errors import AppError, SwarmError
from beeyard.swarm import Manager

SUCCEEDED, FAILED = Verdict("succeeded", NOW), Verdict("failed", NOW, "why")
#: Too large for one line of anything, and with all that a text may hold.
LARGE = release(bundle=Bundle("services: {web: {image: a}}\n", {"A": "ä\n\0'\"" * 20_000}))


def entries(*words: str | None) -> list[Entry]:
    """Releases 3, 4, … and what became of them."""
    return [
        Entry(release(number=number), SWITCHING, Verdict(word, NOW) if word else None)  # type: ignore[arg-type]
        for number, word in enumerate(words, 3)
    ]


class TestWhichOne:
    @pytest.mark.parametrize(
        ("words", "runs", "goes_on"),
        [
            ((), None, None),
            (("failed",), None, None),
            (("succeeded", "failed", "abandoned"), 3, None),
            (("succeeded", "succeeded", None), 4, 5),
            ((None,), None, 3),
        ],
    )
    def test_runs_and_goes_on(
        self, words: tuple[str | None, ...], runs: int | None, goes_on: int | None
    ) -> None:
        kept = entries(*words)
        found = current(kept), unfinished(kept)
        assert [entry and entry.number for entry in found] == [runs, goes_on]
        assert next_number(kept) == 3 + len(words) if words else 1

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ((), set()),
            (("failed", "succeeded"), set()),
            (("failed", "failed"), {"s3", "s4"}),
            (("succeeded", "failed", "abandoned", None), {"s4", "s5"}),
        ],
    )
    def test_left_services_behind(self, words: tuple[str | None, ...], expected: set[str]) -> None:
        each = [
            replace(
                entry,
                release=replace(
                    entry.release, bundle=Bundle(f"services: {{s{entry.number}: {{image: a}}}}\n")
                ),
            )
            for entry in entries(*words)
        ]
        assert left_behind(each) == expected

    @pytest.mark.parametrize(
        ("words", "number", "expected"),
        [
            (("succeeded", "succeeded"), None, 3),
            (("succeeded", "failed", "succeeded", "failed"), None, 3),
            (("succeeded", "succeeded"), 4, 4),
            (("succeeded", "failed"), 4, 4),
        ],
    )
    def test_to_go_back_to(self, words: tuple[str, ...], number: int | None, expected: int) -> None:
        assert chosen(entries(*words), number, "shop").number == expected

    @pytest.mark.parametrize("words", [(), ("succeeded",), ("failed", "succeeded"), ("failed",)])
    def test_there_is_none_before(self, words: tuple[str, ...]) -> None:
        with pytest.raises(AppError, match="shop has no earlier release that succeeded"):
            chosen(entries(*words), None, "shop")

    def test_one_that_is_not_kept(self) -> None:
        with pytest.raises(AppError, match="shop has no release 12") as caught:
            chosen(entries("succeeded", "failed"), 12, "shop")
        assert caught.value.why == "kept are: 3, 4"
        with pytest.raises(AppError) as caught:
            chosen([], 1, "shop")
        assert caught.value.why == "kept are: none"


@pytest.fixture
def store(manager: Manager) -> Iterator[Releases]:
    made = Releases(manager.client, "shop")
    yield made
    for entry in made.all():
        made.forget(entry.number)


def configs(manager: Manager) -> set[str]:
    api: Any = manager.client.api
    return {raw["Spec"]["Name"] for raw in api.configs()}


@pytest.mark.real
def test_a_release_and_what_became_of_it(store: Releases, manager: Manager) -> None:
    assert store.all() == []
    receipt = Receipt({"images": 1.5}, {"web": "update"}, Traffic(), Traffic(9, 1, 0.5), {"db": 2})
    verdict = Verdict("failed", NOW, "it broke", receipt, {"shop_web": "abc"})
    store.create(LARGE)
    assert store.all() == [Entry(LARGE, PREPARING, None)]
    store.set_phase(1, SWITCHING)
    assert store.phase(1) == SWITCHING
    store.conclude(1, verdict)
    assert store.all() == [Entry(LARGE, SWITCHING, verdict)]
    assert {"beeyard.shop.1", "beeyard.shop.1.verdict"} <= configs(manager)


@pytest.mark.real
def test_releases_are_in_the_order_of_their_numbers(store: Releases) -> None:
    made: list[Release] = [release(number=number) for number in (2, 10, 9)]
    for one in made:
        store.create(one)
    assert [entry.release for entry in store.all()] == [made[0], made[2], made[1]]


@pytest.mark.real
def test_each_application_has_its_own(store: Releases, manager: Manager) -> None:
    other = Releases(manager.client, "shop-2")
    mine, others = release(), release(number=2, application="shop-2")
    store.create(mine)
    other.create(others)
    try:
        assert [entry.release for entry in store.all()] == [mine]
        assert [entry.release for entry in other.all()] == [others]
    finally:
        other.forget(2)


@pytest.mark.real
def test_a_number_is_taken_once(store: Releases) -> None:
    store.create(release())
    other = replace(release(), adaptations=("another",))
    with pytest.raises(AppError, match="there is a release 1 of shop already") as caught:
        store.create(other)
    assert caught.value.fix == "see `beeyard releases`, then run the command again"
    store.conclude(1, SUCCEEDED)
    with pytest.raises(AppError, match="there is a verdict 1 of shop already"):
        store.conclude(1, FAILED)
    assert store.all() == [Entry(release(), PREPARING, SUCCEEDED)]


@pytest.mark.real
def test_one_that_is_forgotten_leaves_nothing(store: Releases, manager: Manager) -> None:
    before = configs(manager)
    for number in (1, 2, 3):
        store.create(release(number=number))
    store.conclude(1, SUCCEEDED)
    store.forget(1)
    assert [entry.number for entry in store.all()] == [2, 3]
    store.forget(2)
    store.forget(3)
    store.forget(4)
    assert configs(manager) == before


@pytest.mark.real
def test_what_is_not_kept_has_no_phase(store: Releases) -> None:
    with pytest.raises(SwarmError, match="the phase of release 7 could not be read"):
        store.phase(7)
    with pytest.raises(SwarmError, match="the phase of release 7 could not be written down"):
        store.set_phase(7, SWITCHING)


@pytest.mark.real
def test_one_too_large_for_the_swarm_is_refused_in_words(store: Releases) -> None:
    large = release(bundle=Bundle("services: {web: {image: a}}\n", {"A": "a" * 2**20}))
    with pytest.raises(SwarmError, match="release 1 of shop could not be kept") as caught:
        store.create(large)
    assert "less than 1024000 bytes" in str(caught.value.why)
    assert store.all() == []
