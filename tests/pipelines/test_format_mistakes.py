"""What is said of a file that is wrong: where, what, and what would be right."""

import time
from collections.abc import Mapping

import pytest

from beeyard.errors import BeeyardError, ConfigError, render
from beeyard.pipelines import decode, parse
from beeyard.pipelines.substitute import SIZE


def mistakes(text: str, variables: Mapping[str, str] | None = None) -> tuple[BeeyardError, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text, variables)
    return caught.value.mistakes


def first(text: str) -> tuple[str, str, str | None]:
    """The one mistake in a file: its place, what is wrong, what to do."""
    (mistake,) = mistakes(text)
    assert mistake.where is not None
    return mistake.where.removeprefix(".drone.yml:"), mistake.what, mistake.fix


PIPELINE = "kind: pipeline\nname: a\n"
STEPS = "steps: [{name: build, image: golang}]\n"

# Added to a pipeline of three lines with a step; the place; what is wrong; what to do.
OF_PIPELINES = [
    ("stesp: []", "4:1", "stesp: there is no such key", "Did you mean `steps`?"),
    (
        "enviroment: &all {A: b}",
        "4:1",
        "enviroment: there is no such key",
        "Did you mean `environment`?",
    ),
    (
        "pool: {use: ubuntu}",
        "4:1",
        "pool: there is no such key",
        (
            "Remove it. Known here: kind, type, name, steps, services, trigger, depends_on, "
            "environment, volumes, clone, workspace, platform, node, concurrency, "
            "image_pull_secrets."
        ),
    ),
    (
        "type: exec",
        "4:7",
        "type: pipelines of type `exec` don't run here",
        "Use `type: docker`.",
    ),
    ("type: dcoker", "4:7", "type: there is no type `dcoker`", "Did you mean `docker`?"),
    ("depends_on: [a]", "4:14", "depends_on[0]: a pipeline can't wait for itself", "Remove it."),
    (
        "depends_on: [b]",
        "4:14",
        "depends_on[0]: there is no pipeline `b`",
        "Use one of these: there is none.",
    ),
    (
        "depends_on: b",
        "4:13",
        "depends_on: this is text; a list is wanted",
        "Write a list: [b].",
    ),
    (
        "clone: true",
        "4:8",
        "clone: this is true; a section (keys with values) is wanted",
        "Write keys with values, indented.",
    ),
    (
        "clone: {depth: -1}",
        "4:16",
        "clone.depth: -1 is too small",
        "Use 0 or more.",
    ),
    (
        "clone: {depth: many}",
        "4:16",
        "clone.depth: this is text; a whole number is wanted",
        "Write digits only, such as 1.",
    ),
    (
        "clone: {disable: maybe}",
        "4:18",
        "clone.disable: this is text; true or false is wanted",
        "Write true or false, without quotes.",
    ),
    ("platform: {os: linus}", "4:16", "platform.os: `linus` is not known", "Did you mean `linux`?"),
    (
        "workspace: {path: src}",
        "4:19",
        "workspace.path: `src` is not an absolute path",
        "Write a path that begins with `/`.",
    ),
    (
        "workspace: {path: '/a:/b'}",
        "4:19",
        "workspace.path: a path can't have a colon or control characters",
        "Choose another path.",
    ),
    (
        "volumes: [{name: a}]",
        "4:11",
        "volumes[0]: a volume is either `temp` or `host`",
        "Add `temp: {}`, or keep one of both.",
    ),
    (
        "volumes: [{name: a, temp: {medium: disk}}]",
        "4:36",
        "volumes[0].temp.medium: `disk` is not known",
        "Use one of these: memory.",
    ),
    (
        "volumes: [{name: a, host: {}}]",
        "4:27",
        "volumes[0].host.path: is missing",
        "Add `path: /var/lib/cache`.",
    ),
    (
        "volumes: [{name: a, temp: {}}, {name: a, temp: {}}]",
        "4:39",
        "volumes[1].name: there is already a volume `a`, on line 4",
        "Choose another name.",
    ),
    (
        "environment: [A=b]",
        "4:14",
        "environment: this is a list; a section is wanted",
        "Write `NAME: value` on each line, instead of `- NAME=value`.",
    ),
    (
        "environment: {A: [b]}",
        "4:18",
        "environment.A: this is a list; text is wanted",
        "Write one text; where it holds a `: ` or begins with `[` or `{`, in quotes.",
    ),
    (
        "environment: {A: {from_secret: }}",
        "4:19",
        "environment.A.from_secret: this is empty",
        "Write such as `from_secret: NAME`.",
    ),
    (
        "environment: {A: {from_secret: b, or: c}}",
        "4:35",
        "environment.A.or: there is no such key",
        "Remove it. Known here: from_secret.",
    ),
    (
        "environment: {A=B: c}",
        "4:15",
        "environment.A=B: this can't be the name of a variable",
        "Use letters, digits and `_`.",
    ),
    (
        "trigger: {event: deployment}",
        "4:18",
        "trigger.event: there is no event `deployment`",
        "Use one of these: push, pull_request, tag, promote, rollback, cron, custom.",
    ),
    (
        "trigger: {event: [push, pull-request]}",
        "4:25",
        "trigger.event[1]: there is no event `pull-request`",
        "Did you mean `pull_request`?",
    ),
    (
        "trigger: {status: {include: [sucess]}}",
        "4:30",
        "trigger.status.include[0]: there is no status `sucess`",
        "Did you mean `success`?",
    ),
    (
        "trigger: {ref: '**/a/**/b/**'}",
        "4:16",
        "trigger.ref: a pattern with more than 2 `**` is not taken",
        "Write several shorter ones.",
    ),
    (
        "trigger: {brnach: a}",
        "4:11",
        "trigger.brnach: there is no such key",
        "Did you mean `branch`?",
    ),
    ("name: b", "4:1", "name: this key is there twice; first on line 2", "Keep one of the two."),
    (
        "concurrency: {limit: all}",
        "4:22",
        "concurrency.limit: this is text; a whole number is wanted",
        "Write digits only, such as 1.",
    ),
    (
        "clone: *nowhere",
        "4:8",
        "there is no anchor `&nowhere` in this document before this line",
        "Put a value that starts with `*` into quotes, or define its anchor before.",
    ),
    (
        "node: &self {a: *self}",
        "4:17",
        "this alias leads back to itself",
        "Write the value out.",
    ),
    (
        "node: {a: !mine b}",
        "4:11",
        "the tag `!mine` is not known here",
        "Remove the `!…` tag, or put the value into quotes.",
    ),
    ("node: {[a]: b}", "4:8", "this key is no text", "Put it into quotes, or remove it."),
    (
        "node: {<<: [a]}",
        "4:8",
        "`<<` merges sections only",
        "Name the anchor of a section, such as `<<: *name`.",
    ),
]


@pytest.mark.parametrize(("added", "where", "what", "fix"), OF_PIPELINES)
def test_a_pipeline_that_is_wrong(added: str, where: str, what: str, fix: str) -> None:
    assert first(f"{PIPELINE}{STEPS}{added}\n") == (where, what, fix)


# A step's fields on line 4 on, after its name and image; as above.
OF_STEPS = [
    ("comands: [a]", "6:3", "steps[0].comands: there is no such key", "Did you mean `commands`?"),
    (
        "commands: make",
        "6:13",
        "steps[0].commands: this is text; a list is wanted",
        "Write a list: [make].",
    ),
    (
        "commands: ['a', {b: c}]",
        "6:19",
        "steps[0].commands[1]: this is a section; text is wanted",
        "Write one text; where it holds a `: ` or begins with `[` or `{`, in quotes.",
    ),
    (
        "commands: [a]\n  entrypoint: [b]",
        "7:3",
        "steps[0].entrypoint: this can't stand beside `commands`",
        "Keep one of the two.",
    ),
    (
        "commands: [a]\n  command: [b]",
        "7:3",
        "steps[0].command: this can't stand beside `commands`",
        "Keep one of the two.",
    ),
    ("pull: allways", "6:9", "steps[0].pull: `allways` is not known", "Did you mean `always`?"),
    (
        "pull: true",
        "6:9",
        "steps[0].pull: `true` is not known",
        "Use one of these: if-not-exists, always, never.",
    ),
    (
        "failure: ignored",
        "6:12",
        "steps[0].failure: `ignored` is not known",
        "Did you mean `ignore`?",
    ),
    (
        "shm_size: big",
        "6:13",
        "steps[0].shm_size: this is no size",
        "Write such as 64m, 1gb or 512MiB.",
    ),
    (
        "resources: {limits: {cpu: x}}",
        "6:29",
        "steps[0].resources.limits.cpu: this is no number of processors",
        "Write such as 500 (a half) or 1.5.",
    ),
    (
        "resources: {limits: {cpu: 2}}",
        "6:29",
        "steps[0].resources.limits.cpu: this is less than a hundredth of a processor",
        "Write 1000, or 1.0, for one.",
    ),
    (
        "resources: {limits: {memory: -1}}",
        "6:32",
        "steps[0].resources.limits.memory: this is no size",
        "Write such as 64m, 1gb or 512MiB.",
    ),
    ("ports: [0]", "6:11", "steps[0].ports[0]: 0 is too small", "Use 1 or more."),
    ("ports: [65536]", "6:11", "steps[0].ports[0]: 65536 is too large", "Use 65535 or less."),
    (
        "volumes: [{name: cache, path: /a}]",
        "6:20",
        "steps[0].volumes[0].name: the pipeline has no volume `cache`",
        "Add it to the pipeline's `volumes`: there is none.",
    ),
    (
        "depends_on: [x]",
        "6:16",
        "steps[0].depends_on[0]: a step can't wait for itself",
        "Remove it.",
    ),
    (
        "depends_on: [y]",
        "6:16",
        "steps[0].depends_on[0]: there is no step `y`",
        "Use one of these: clone.",
    ),
    (
        "settings: [a]",
        "6:13",
        "steps[0].settings: this is a list; a section (keys with values) is wanted",
        "Write keys with values, indented.",
    ),
    (
        "settings:\n    a: {b: [{from_secret: [c]}]}",
        "7:27",
        "steps[0].settings.a.b[0].from_secret: this is a list; text is wanted",
        "Write one text; where it holds a `: ` or begins with `[` or `{`, in quotes.",
    ),
]


@pytest.mark.parametrize(("fields", "where", "what", "fix"), OF_STEPS)
def test_a_step_that_is_wrong(fields: str, where: str, what: str, fix: str) -> None:
    text = f"{PIPELINE}steps:\n- name: x\n  image: y\n  {fields}\n"
    assert first(text) == (where, what, fix)


# Whole files with one mistake; as above.
FILES = [
    ("", "1:1", "there is no pipeline in the file", "Add `kind: pipeline`."),
    ("# nothing\n---\n", "1:1", "there is no pipeline in the file", "Add `kind: pipeline`."),
    ("kind: secret\nname: x\n", "1:1", "there is no pipeline in the file", "Add `kind: pipeline`."),
    (
        f"kind: pipline\nname: a\n{STEPS}",
        "1:7",
        "kind: there is no pipeline, and `pipline` is not known",
        "Did you mean `pipeline`?",
    ),
    (f"name: a\n{STEPS}", "1:1", "kind: is missing", "Add `kind: pipeline`."),
    (
        "- kind: pipeline\n",
        "1:1",
        "a document of this file holds keys with values",
        "Begin with `kind: pipeline`.",
    ),
    (f"kind: pipeline\n{STEPS}", "1:1", "name: is missing", "Add `name: default`."),
    (
        f"kind: pipeline\nname:\n{STEPS}",
        "2:1",
        "name: this is empty",
        "Write such as `name: default`.",
    ),
    (
        f"kind: pipeline\nname: a/../b\n{STEPS}",
        "2:7",
        "name: this can't be a name",
        "Use letters, digits, `-` and `_`, 100 at most; no slashes.",
    ),
    (
        PIPELINE,
        "1:1",
        "the pipeline has no `steps`",
        "Add them: each a `name` and an `image`.",
    ),
    (f"{PIPELINE}steps:\n", "3:1", "steps: there is no step", "Add one: a `name` and an `image`."),
    (
        f"{PIPELINE}steps: []\n",
        "3:8",
        "steps: there is no step",
        "Add one: a `name` and an `image`.",
    ),
    (
        f"{PIPELINE}steps: [x]\n",
        "3:9",
        "steps[0]: this is text; a section (keys with values) is wanted",
        "Write keys with values, indented.",
    ),
    (f"{PIPELINE}steps:\n- image: x\n", "4:3", "steps[0].name: is missing", "Add `name: build`."),
    (
        f"{PIPELINE}steps:\n- name: x\n  commands: [a]\n",
        "4:3",
        "steps[0].image: is missing",
        "Add `image: alpine:3.20`.",
    ),
    (
        f"{PIPELINE}steps:\n- name: x\n  image: '${{NOTHING}}'\n",
        "5:10",
        "steps[0].image: this is empty",
        "Write such as `image: alpine:3.20`.",
    ),
    (
        f"{PIPELINE}steps: [{{name: x, image: a b}}]\n",
        "3:26",
        "steps[0].image: an image's name has no spaces",
        "Write such as golang:1.22.",
    ),
    (
        f"{PIPELINE}steps:\n- {{name: x, image: y}}\n- {{name: x, image: y}}\n",
        "5:10",
        "steps[1].name: there is already a step `x`, on line 4",
        "Choose another name.",
    ),
    (
        f"{PIPELINE}services: [{{name: x, image: y}}]\nsteps: [{{name: x, image: y}}]\n",
        "4:16",
        "steps[0].name: there is already a step `x`, on line 3",
        "Choose another name.",
    ),
    (
        f"{PIPELINE}steps: [{{name: clone, image: y}}]\n",
        "3:16",
        "steps[0].name: `clone` is the name of the step that fetches the code",
        "Choose another name, or set `clone: {disable: true}`.",
    ),
    (
        f"{PIPELINE}{STEPS}---\n{PIPELINE}{STEPS}",
        "6:7",
        "name: there is already a pipeline `a`, on line 2",
        "Choose another name.",
    ),
    (
        (
            f"{PIPELINE}steps:\n- {{name: x, image: y, depends_on: [z]}}\n"
            "- {name: y, image: y, depends_on: [x]}\n- {name: z, image: y, depends_on: [y]}\n"
        ),
        "4:36",
        "steps[0].depends_on[0]: these steps wait for each other: `x` → `z` → `y` → `x`",
        "Remove one of the dependencies.",
    ),
    (
        (
            f"kind: pipeline\nname: a\ndepends_on: [b]\n{STEPS}---\n"
            f"kind: pipeline\nname: b\ndepends_on: [a]\n{STEPS}"
        ),
        "3:14",
        "depends_on[0]: these pipelines wait for each other: `a` → `b` → `a`",
        "Remove one of the dependencies.",
    ),
    (
        (
            f"{PIPELINE}steps:\n- {{name: unit-test, image: y}}\n"
            "- {name: y, image: y, depends_on: [unit_tests]}\n"
        ),
        "5:36",
        "steps[1].depends_on[0]: there is no step `unit_tests`",
        "Did you mean `unit-test`?",
    ),
    (
        (
            f"{PIPELINE}volumes: [{{name: a, temp: {{}}}}]\nsteps:\n"
            "- {name: x, image: y, devices: [{name: a, path: /dev/x}]}\n"
        ),
        "5:40",
        "steps[0].devices[0].name: a device is a volume of kind `host`",
        "Give that volume a `host`.",
    ),
    (
        f'{PIPELINE}steps: [{{name: x, image: y, commands: ["${{1}}"]}}]\n',
        "3:41",
        "`${1}` is no substitution that the format knows",
        "Write `$${` where it is meant for the shell.",
    ),
]


@pytest.mark.parametrize(("text", "where", "what", "fix"), FILES)
def test_a_file_that_is_wrong(text: str, where: str, what: str, fix: str) -> None:
    assert first(text) == (where, what, fix)


def test_every_mistake_at_once_in_the_order_of_the_file() -> None:
    text = (
        "kind: pipeline\nnmae: a\ntype: exec\n---\n"
        "kind: pipeline\nname: b\ndepends_on: [c]\nsteps:\n"
        "- image: ${1}\n  comands: [x]\n- name: y\n  image: z\n  pull: x\n"
    )
    assert [mistake.where for mistake in mistakes(text)] == [
        ".drone.yml:3:7",
        ".drone.yml:7:14",
        ".drone.yml:9:3",
        ".drone.yml:9:10",
        ".drone.yml:10:3",
        ".drone.yml:13:9",
    ]


def test_an_error_as_a_pusher_reads_it() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"{PIPELINE}steps:\n- name: build\n  image: golang\n  comands: [make]\n")
    assert render(caught.value).splitlines() == [
        "error: .drone.yml has a mistake.",
        "  do:    Correct the file; docs/pipelines.md says what may stand in it.",
        "",
        ".drone.yml:6:3: steps[0].comands: there is no such key",
        "    Did you mean `commands`?",
    ]


def test_places_do_not_move_by_what_was_substituted() -> None:
    text = f"{PIPELINE}steps:\n- {{name: 'x${{LONG}}', image: y, pull: z}}\n"
    (mistake,) = mistakes(text, {"LONG": "o" * 50})
    assert mistake.where == ".drone.yml:4:38"
    (mistake,) = mistakes("a: ${LONG}\nb: ${LONG} }: [", {"LONG": "o" * 50})
    assert mistake.where == ".drone.yml:2:13"


def test_the_format_of_drone_0_8_is_told_apart() -> None:
    (mistake,) = mistakes("pipeline:\n  build:\n    image: golang\n")
    assert mistake.why == "This is the format of Drone 0.8, which is another one."


def test_broken_yaml() -> None:
    (mistake,) = mistakes("kind: pipeline\nsteps: [\n")
    assert mistake.where == ".drone.yml:3:1"
    assert mistake.fix == "Close the bracket that is open."
    (mistake,) = mistakes("kind: pipeline\n\tname: x\n")
    assert (mistake.where, mistake.fix) == (
        ".drone.yml:2:1",
        "Indent with spaces: YAML doesn't allow tabs.",
    )


def test_no_place_is_behind_the_end_of_a_line() -> None:
    (mistake,) = mistakes("kind: ${1\r\nname: a\r\n")
    assert mistake.where == ".drone.yml:1:7"
    (mistake,) = mistakes("kind: [a\r\n\x00\r\n")
    assert mistake.where == ".drone.yml:2:1"
    (mistake,) = mistakes("\x85000\r\nkind: pipeline\n")
    assert mistake.where == ".drone.yml:2:5"


def test_a_mistake_in_something_anchored_is_one_mistake() -> None:
    text = (
        f"{PIPELINE}x-a: &a {{image: y, pull: z}}\n"
        "steps:\n- {name: a, <<: *a}\n- {name: b, <<: *a}\n- {name: c, <<: *a}\n"
    )
    (mistake,) = mistakes(text)
    assert mistake.where == ".drone.yml:3:26"


def test_what_became_too_much_is_one_mistake() -> None:
    text = f"{PIPELINE}steps:\n- name: x\n  image: y\n  settings: [{'${A}' * 50}]\n"
    (mistake,) = mistakes(text, {"A": "a" * 10_000})
    assert mistake.what == "the substitutions make too much text of this file"
    assert (mistake.where or "").startswith(".drone.yml:6:")


def test_no_more_than_50_are_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("kind: pipeline\n" + "".join(f"comands{number}: 1\n" for number in range(70)))
    assert caught.value.what == ".drone.yml has 50 mistakes or more; these are the first."
    assert len(caught.value.mistakes) == 50


def test_what_is_quoted_is_fit_for_a_terminal() -> None:
    text = f'{PIPELINE}{STEPS}clone: {{"\\e[31m\\n{"k" * 500}": 1}}\n'
    (mistake,) = mistakes(text)
    assert mistake.what == f"clone.\N{REPLACEMENT CHARACTER}[31m {'k' * 53}…: there is no such key"


def test_what_is_no_text() -> None:
    assert decode("\ufeffkind: ü\n".encode()) == "kind: ü\n"
    with pytest.raises(ConfigError) as caught:
        decode(b"kind: pipeline\nname: \xff\n")
    (mistake,) = caught.value.mistakes
    assert (mistake.where, mistake.what) == (".drone.yml:2:7", "this is not UTF-8 text")


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{one}: &{one} [{','.join([f'*{before}'] * 9)}]\n"
    for before, one in zip("abcdefghij", "bcdefghijk", strict=True)
)
# What would take too long or too much memory; a part of what is said.
BOMBS = {
    "aliases of aliases": (LAUGHS, "more than 50,000 values"),
    "the same in many documents": (f"---\n{LAUGHS[:200]}\n" * 150, "more than"),
    "merges": (
        f"a: &a {{{', '.join(f'k{i}: 1' for i in range(3000))}}}\n"
        + "".join(f"b{i}: {{<<: *a}}\n" for i in range(1000)),
        "more than 50,000 values",
    ),
    "10 MB": ("#" * 10_000_000, "the file has 10,000,000 characters"),
    "brackets": ("[" * 10_000, "more than 50 lists and sections stand inside each other"),
    "braces": ("{a: " * 10_000, "more than 50 lists and sections stand inside each other"),
    "dashes": ("- " * 10_000, "more than 50 lists and sections stand inside each other"),
    "questions": ("? " * 10_000, "more than 50 lists and sections stand inside each other"),
    "indentation": (
        "".join(" " * depth + "a:\n" for depth in range(700)),
        "more than 50 lists and sections stand inside each other",
    ),
    "values": (f"[{'a,' * 51_000}]", "more than 50,000 values"),
    "documents": ("---\na: 1\n" * 10_000, "more than 200 documents"),
    "keys": ("".join(f"k{i}: 1\n" for i in range(8_000)), "kind: is missing"),
    "unknown keys": (
        "kind: pipeline\n" + "".join(f"comands{i}: 1\n" for i in range(4_000)),
        "there is no such key",
    ),
    "doubled keys": ("a: 1\n" * 20_000, "this key is there twice"),
    "steps": (f"{PIPELINE}steps:\n" + "- {name: a, image: b}\n" * 2_000, "there is already a step"),
    "dependencies": (
        f"{PIPELINE}steps:\n"
        + "".join(f"- {{name: s{i}, image: b, depends_on: [t{i}]}}\n" for i in range(1_500)),
        "there is no step",
    ),
    "a circle": (
        f"{PIPELINE}steps:\n"
        + "".join(
            f"- {{name: s{i}, image: b, depends_on: [s{(i + 1) % 1500}]}}\n" for i in range(1500)
        ),
        "these steps wait for each other",
    ),
    "one long line": ("a" * SIZE, "a document of this file holds keys with values"),
    "quotes": ("'" * (SIZE - 1), "the YAML is broken here"),
    "anchors": ("&a " * 80_000, "the YAML is broken here"),
}


@pytest.mark.parametrize(("text", "said"), BOMBS.values(), ids=BOMBS)
def test_bombs_are_refused_in_words_and_soon(text: str, said: str) -> None:
    began = time.process_time()
    found = mistakes(text)
    assert time.process_time() - began < 5
    assert any(said in mistake.what for mistake in found), [mistake.what for mistake in found]
    assert len(found) <= 50
    assert all(len(f"{mistake.what}{mistake.fix}") < 1000 for mistake in found)


def test_a_chain_of_a_thousand_is_no_bomb() -> None:
    steps = (f"- {{name: s{i}, image: b, depends_on: [s{i + 1}]}}\n" for i in range(1_000))
    text = f"{PIPELINE}steps:\n{''.join(steps)}- {{name: s1000, image: b}}\n"
    assert len(parse(text)[0].steps) == 1001
