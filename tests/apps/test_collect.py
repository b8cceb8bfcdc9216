"""Which releases are kept."""

import pytest

from apps.example import NOW, release
from beeyard.apps import Entry, Verdict
from beeyard.apps.collect import kept_and_old
from beeyard.apps.release import Word


def entries(*words: Word) -> list[Entry]:
    return [
        Entry(release(number=number), "", Verdict(word, NOW))
        for number, word in enumerate(words, 1)
    ]


@pytest.mark.parametrize(
    ("words", "keep", "kept"),
    [
        (["succeeded", "succeeded", "succeeded"], 2, [2, 3]),
        (["succeeded", "succeeded"], 10, [1, 2]),
        (["succeeded", "failed", "abandoned"], 2, [1, 2, 3]),
        (["succeeded", "succeeded", "failed", "failed"], 1, [2, 4]),
        (["failed", "failed"], 1, [2]),
        (["succeeded", "failed", "failed", "failed", "succeeded"], 2, [1, 4, 5]),
        ([], 1, []),
    ],
)
def test_the_last_and_the_one_that_runs_are_kept(
    words: list[Word], keep: int, kept: list[int]
) -> None:
    all_ = entries(*words)
    found, old = kept_and_old(all_, keep)
    assert [entry.number for entry in found] == kept
    assert sorted([*found, *old], key=lambda entry: entry.number) == all_
