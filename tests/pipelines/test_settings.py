"""Settings as plugins get them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beeyard.pipelines import FromSecret, parse, plugin_variables
from pipelines.properties import bounded

PAGE = "docs.drone.io/plugins/overview, Plugin Inputs"
TUTORIAL = "docs.drone.io/plugins/tutorials/bash"
SECRETS = "docs.drone.io/pipeline/docker/syntax/plugins, Secrets"
JSON = "shared/design/references.md, 3: maps as JSON"

SECRET = {"password": 'pa55"word', "tag": "1,0"}

# Settings as they are written; the variables; the page.
CASES = [
    (
        "username: kevinbacon\npassword: pa55word\nrepo: foo/bar\ntags:\n- 1.0.0\n- 1.0",
        {
            "PLUGIN_USERNAME": "kevinbacon",
            "PLUGIN_PASSWORD": "pa55word",
            "PLUGIN_REPO": "foo/bar",
            "PLUGIN_TAGS": "1.0.0,1.0",
        },
        PAGE,
    ),
    (
        "url: http://hook.acme.com\nmethod: post\nbody: |\n  hello world",
        {
            "PLUGIN_URL": "http://hook.acme.com",
            "PLUGIN_METHOD": "post",
            "PLUGIN_BODY": "hello world",
        },
        TUTORIAL,
    ),
    ("dry_run: true\nforce: False", {"PLUGIN_DRY_RUN": "true", "PLUGIN_FORCE": "false"}, PAGE),
    (
        "port: 22\nratio: 0.50\nmode: 0644",
        {"PLUGIN_PORT": "22", "PLUGIN_RATIO": "0.50", "PLUGIN_MODE": "0644"},
        PAGE,
    ),
    ("a: yes\nb: ~\nc: ''", {"PLUGIN_A": "yes", "PLUGIN_B": "", "PLUGIN_C": ""}, "as written"),
    ("list: []\nmixed: [a, 1, true, ~]", {"PLUGIN_LIST": "", "PLUGIN_MIXED": "a,1,true,"}, PAGE),
    (
        "map: {b: 1, a: [x, 1.10, true, ~]}",
        {"PLUGIN_MAP": '{"b":1,"a":["x",1.10,true,null]}'},
        JSON,
    ),
    ("list: [{a: b}, c]", {"PLUGIN_LIST": '[{"a":"b"},"c"]'}, JSON),
    ("list: [[a], [b]]", {"PLUGIN_LIST": '[["a"],["b"]]'}, JSON),
    ("password: {from_secret: password}", {"PLUGIN_PASSWORD": 'pa55"word'}, SECRETS),
    ("tags: [latest, {from_secret: tag}]", {"PLUGIN_TAGS": "latest,1,0"}, SECRETS),
    (
        "hosts: [{name: a, keys: [{from_secret: password}]}]",
        {"PLUGIN_HOSTS": '[{"name":"a","keys":["pa55\\"word"]}]'},
        SECRETS,
    ),
    ("map: {ü: ü}", {"PLUGIN_MAP": '{"ü":"ü"}'}, JSON),
]


@pytest.mark.parametrize(("written", "expected", "page"), CASES)
def test_what_a_plugin_gets(written: str, expected: dict[str, str], page: str) -> None:
    indented = written.replace("\n", "\n    ")
    (pipeline,) = parse(
        f"kind: pipeline\nname: a\nsteps:\n- name: b\n  image: c\n  settings:\n    {indented}"
    )
    assert plugin_variables(pipeline.steps[0].settings, SECRET.__getitem__) == expected, page


def test_a_secret_that_is_not_there_is_the_callers_affair() -> None:
    with pytest.raises(KeyError):
        plugin_variables({"a": [{"b": FromSecret("other")}]}, SECRET.__getitem__)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@bounded
@given(st.dictionaries(st.text(max_size=4), PLAIN, max_size=3))
def test_sections_are_json_that_says_the_same(section: dict[str, Any]) -> None:
    (text,) = plugin_variables({"a": section}, SECRET.__getitem__).values()
    assert json.loads(text) == section
    assert len(text.splitlines()) <= 1 or any(ord(char) > 127 for char in text)
