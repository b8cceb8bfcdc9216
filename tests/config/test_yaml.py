"""Files that are no YAML, or hold something else than keys."""

from collections.abc import Callable
from pathlib import Path

import pytest

from beeyard.config import ClusterSpec, load
from beeyard.errors import BeeyardError, ConfigError

Loaded = Callable[[str], ClusterSpec]
Refused = Callable[[str], tuple[BeeyardError, ...]]

BROKEN = [
    (
        "a: b: c\n",
        "1:5",
        "the YAML is broken here: mapping values are not allowed here",
        "Put a value that holds a colon into quotes, and indent keys of one section alike.",
    ),
    (
        "a: 1\nb: [1,\n",
        "3:1",
        "the YAML is broken here: expected the node content, but found '<stream end>'",
        "Close the bracket that is open.",
    ),
    (
        'a: "x\n',
        "2:1",
        "the YAML is broken here: found unexpected end of stream",
        "Close the quote or bracket that is open.",
    ),
    (
        "a: @x\n",
        "1:4",
        "the YAML is broken here: found character '@' that cannot start any token",
        "Put the value into quotes.",
    ),
    (
        "a: 1\n---\nb: 2\n",
        "2:1",
        "the YAML is broken here: but found another document",
        "Keep one document in the file: remove the line `---` between them.",
    ),
    (
        "a: *u\n",
        "1:4",
        "the YAML is broken here: found undefined alias 'u'",
        "Put a value that starts with `*` into quotes, or define its anchor with `&` before.",
    ),
    (
        "a: !vault x\n",
        "1:4",
        "the YAML is broken here: could not determine a constructor for the tag '!vault'",
        "Remove the `!…` tag, or put the value into quotes.",
    ),
    ("a: 1\nb: x\x07\n", "2:5", "the character U+0007 is not allowed in YAML", "Remove it."),
]


@pytest.mark.parametrize(("text", "place", "what", "fix"), BROKEN)
def test_broken_yaml(mistakes: Refused, text: str, place: str, what: str, fix: str) -> None:
    (mistake,) = mistakes(text)
    assert (mistake.where, mistake.what, mistake.fix) == (f"beeyard.yml:{place}", what, fix)


def test_every_line_indented_with_a_tab(mistakes: Refused) -> None:
    found = mistakes("a:\n\tb: 1\n  \tc: 2\nd: 'x\ty'\n")
    assert [(one.where, one.what) for one in found] == [
        ("beeyard.yml:2:1", "a tab is used to indent this line"),
        ("beeyard.yml:3:3", "a tab is used to indent this line"),
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file(loaded: Loaded, text: str) -> None:
    with pytest.raises(ConfigError, match=r"^beeyard.yml is empty\.$"):
        loaded(text)


@pytest.mark.parametrize("text", ["- name: x\n", "text\n", "5\n"])
def test_something_else_than_keys(loaded: Loaded, text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"^beeyard.yml doesn't hold keys with values\.$"
    ) as caught:
        loaded(text)
    assert caught.value.where == "beeyard.yml:1:1"


def test_files_that_cannot_be_read() -> None:
    Path("latin.yml").write_bytes(b"name: caf\xe9\n")
    for path, what in (
        ("none.yml", "There is no file none.yml."),
        ("latin.yml", "latin.yml is not UTF-8 text."),
        (".", ". can't be read."),
    ):
        with pytest.raises(ConfigError) as caught:
            load(Path(path))
        assert caught.value.what == what
        assert caught.value.fix


def test_aliases_and_merge_keys_work(loaded: Loaded, minimal: str) -> None:
    spec = loaded(minimal + "managers: &m {type: m5.large}\nworkers: {<<: *m, count: 4}\n")
    assert (spec.workers.type, spec.workers.count) == ("m5.large", 4)


def test_an_alias_that_leads_to_itself(mistakes: Refused, minimal: str) -> None:
    assert mistakes(minimal + "zones: &z [*z]\n")[0].fix


def test_nothing_is_substituted(
    loaded: Loaded, minimal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHO", "someone")
    spec = loaded(minimal + "applications: {web: {path: ., environment: {A: '${WHO}'}}}\n")
    assert spec.applications["web"].environment == {"A": "${WHO}"}


def test_a_byte_order_mark_is_no_mistake(minimal: str) -> None:
    Path("beeyard.yml").write_text("\ufeff" + minimal, encoding="utf-8")
    assert load(Path("beeyard.yml")).name == "shop"
