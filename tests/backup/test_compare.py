"""What a backup says that it holds, and what came out of it."""

from beeyard.backup import Fact
from beeyard.backup.compare import differences


def test_each_difference_in_words() -> None:
    wanted = {name: Fact(1, "a") for name in ("count", "content", "gone", "same")}
    found = {
        "count": Fact(2, "a"),
        "content": Fact(1, "b"),
        "new": Fact(1, "a"),
        "same": Fact(1, "a"),
    }
    assert differences(wanted, found) == (
        "content has other content",
        "count has 2 entries, not 1",
        "gone is missing",
        "new was not there",
    )
    assert differences(wanted, wanted) == ()


def test_many_are_counted() -> None:
    said = differences({f"t{number:02}": Fact(1, "a") for number in range(12)}, {})
    assert len(said) == 11
    assert said[-1] == "and 2 more"
