"""What waits for what."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beeyard.pipelines import circles, order, parse, pipeline_graph, step_graph, without
from pipelines.properties import bounded

PARALLELISM = "docs.drone.io/pipeline/docker/syntax/parallelism"
SERVICES = "docs.drone.io/pipeline/docker/syntax/services"
CLONING = "docs.drone.io/pipeline/docker/syntax/cloning, Custom Logic"

# Parts of a pipeline; what each waits for; the page.
PIPELINES: list[tuple[str, dict[str, tuple[str, ...]], str]] = [
    (
        "steps: [{name: a, image: x}, {name: b, image: x}]",
        {"clone": (), "a": ("clone",), "b": ("a",)},
        f"{PARALLELISM}: sequentially by default",
    ),
    (
        "steps: [{name: a, image: x}]\nservices: [{name: db, image: x}, {name: cache, image: x}]",
        {"clone": (), "db": ("clone",), "cache": ("db",), "a": ("cache",)},
        f"{SERVICES}; shared/design/references.md, 3: clone, services, steps",
    ),
    (
        (
            "steps: [{name: backend, image: x}, {name: frontend, image: x}, "
            "{name: notify, image: x, depends_on: [frontend, backend]}]"
        ),
        {
            "clone": (),
            "backend": ("clone",),
            "frontend": ("clone",),
            "notify": ("frontend", "backend"),
        },
        f"{PARALLELISM}: fan-out and fan-in",
    ),
    (
        "clone: {disable: true}\nsteps: [{name: clone, image: x}, {name: b, image: x}]",
        {"clone": (), "b": ("clone",)},
        CLONING,
    ),
    (
        (
            "clone: {disable: true}\n"
            "steps: [{name: a, image: x}, {name: b, image: x, depends_on: [a]}]"
        ),
        {"a": (), "b": ("a",)},
        PARALLELISM,
    ),
    (
        (
            "services: [{name: db, image: x}]\n"
            "steps: [{name: a, image: x, depends_on: [clone]}, {name: b, image: x}]"
        ),
        {"clone": (), "db": ("clone",), "a": ("clone",), "b": ("clone",)},
        PARALLELISM,
    ),
]


@pytest.mark.parametrize(("body", "expected", "page"), PIPELINES)
def test_steps(body: str, expected: dict[str, tuple[str, ...]], page: str) -> None:
    (pipeline,) = parse(f"kind: pipeline\nname: a\n{body}\n")
    graph = step_graph(pipeline)
    assert graph == expected, page
    assert list(graph) == list(expected)


def test_pipelines() -> None:
    """docs.drone.io/pipeline/configuration, Graph Execution."""
    step = "steps: [{name: a, image: x}]"
    graph = pipeline_graph(
        parse(
            f"kind: pipeline\nname: after\n{step}\ndepends_on: [backend, frontend]\n---\n"
            f"kind: pipeline\nname: backend\n{step}\n---\nkind: pipeline\nname: frontend\n{step}\n"
        )
    )
    assert graph == {"after": ("backend", "frontend"), "backend": (), "frontend": ()}
    assert order(graph) == ("backend", "frontend", "after")


def test_what_is_skipped_passes_on_what_it_waited_for() -> None:
    """docs.drone.io/pipeline/docker/syntax/parallelism: "The scheduler automatically corrects the
    dependency graph for skipped steps"."""
    graph = {"clone": (), "a": ("clone",), "b": ("a",), "c": ("b", "clone"), "d": ("c", "a")}
    assert without(graph, {"b"}) == {
        "clone": (),
        "a": ("clone",),
        "c": ("a", "clone"),
        "d": ("c", "a"),
    }
    assert without(graph, {"a", "b", "c"}) == {"clone": (), "d": ("clone",)}
    assert without(graph, {"clone"})["a"] == ()


def test_circles_are_named() -> None:
    graph = {"a": ("x", "c"), "b": ("a",), "c": ("b",), "d": ("a",), "e": ("e",), "f": ()}
    assert circles(graph) == [("a", "c", "b"), ("e",)]
    assert order(graph) == ("f",)
    assert circles({"a": ("b",), "b": ()}) == []


NAMES = [str(number) for number in range(7)]
GRAPHS = st.dictionaries(
    st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=3).map(tuple), max_size=7
)


@bounded
@given(GRAPHS)
def test_an_order_or_a_circle(graph: dict[str, tuple[str, ...]]) -> None:
    ordered = order(graph)
    for place, name in enumerate(ordered):
        assert {one for one in graph[name] if one in graph} <= set(ordered[:place])
    found = circles(graph)
    assert bool(found) == (len(ordered) < len(graph))
    for circle in found:
        assert all(
            following in graph[name]
            for name, following in zip(circle, (*circle[1:], circle[0]), strict=True)
        )


def reached(graph: dict[str, tuple[str, ...]], name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for one in graph.get(waiting.pop(), ()):
            if one not in found:
                found.add(one)
                waiting.append(one)
    return found


@bounded
@given(GRAPHS, st.sets(st.sampled_from(NAMES)))
def test_who_waits_for_whom_is_the_same_without_the_skipped(
    graph: dict[str, tuple[str, ...]], skipped: set[str]
) -> None:
    graph = {
        n: tuple(one for one in before if one < n and one in graph) for n, before in graph.items()
    }
    left = dict(without(graph, skipped))
    assert set(left) == set(graph) - skipped
    for name in left:
        assert reached(left, name) == reached(graph, name) - skipped


def test_thousands() -> None:
    chain = {str(number): (str(number + 1),) for number in range(20_000)}
    began = time.process_time()
    assert len(order(chain)) == 20_000
    assert circles(chain) == []
    ring = chain | {"20000": ("0",)}
    assert [len(circle) for circle in circles(ring)] == [20_001]
    assert time.process_time() - began < 3
