"""What waits for what: the steps of a pipeline, and the pipelines of a file.

Source: docs.drone.io, pipeline/docker/syntax/parallelism (steps) and pipeline/configuration,
"Graph Execution" (pipelines).
"""

from collections.abc import Collection, Iterable, Mapping

from beeyard.pipelines.model import Pipeline

#: The step that fetches the code, before all that the file names.
CLONE = "clone"

#: By name, in the order of the file: the names that have to be done before.
Graph = Mapping[str, tuple[str, ...]]


def of_steps(pipeline: Pipeline) -> Graph:
    """The steps and services of a pipeline.

    Without any `depends_on`, one comes after the other: clone, services, steps. A service is done
    once it is started. With one, what names no step waits for the clone only.
    """
    first = () if pipeline.clone.disable else (CLONE,)
    parts = (*pipeline.services, *pipeline.steps)
    graph: dict[str, tuple[str, ...]] = dict.fromkeys(first, ())
    serial = not any(part.depends_on for part in parts)
    before = first
    for part in parts:
        graph[part.name] = before if serial else part.depends_on or first
        before = (part.name,)
    return graph


def of_pipelines(pipelines: Iterable[Pipeline]) -> Graph:
    """The pipelines of a file: one that names no other waits for nothing."""
    return {pipeline.name: pipeline.depends_on for pipeline in pipelines}


def without(graph: Graph, skipped: Collection[str]) -> Graph:
    """The graph that is left if some are skipped: who waited for such a one waits for those that it
    waited for ("The scheduler automatically corrects the dependency graph for skipped steps")."""
    heirs: dict[str, tuple[str, ...]] = {}
    for name in order(graph):
        waits = (
            heir
            for before in graph[name]
            for heir in (heirs.get(before, ()) if before in skipped else (before,))
        )
        heirs[name] = tuple(dict.fromkeys(waits))
    return {name: heirs.get(name, graph[name]) for name in graph if name not in skipped}


def order(graph: Graph) -> tuple[str, ...]:
    """All names, each after those that it waits for: wave by wave, and in a wave as in the file.

    What is part of a circle, or waits for one, is left out. Names that the graph doesn't have count
    as done.
    """
    waiting = {name: {one for one in before if one in graph} for name, before in graph.items()}
    behind: dict[str, list[str]] = {name: [] for name in graph}
    for name, before in waiting.items():
        for one in before:
            behind[one].append(name)
    rank = {name: place for place, name in enumerate(graph)}
    done: list[str] = []
    ready = [name for name, before in waiting.items() if not before]
    while ready:
        following: list[str] = []
        for name in ready:
            done.append(name)
            for one in behind[name]:
                waiting[one].discard(name)
                if not waiting[one]:
                    following.append(one)
        ready = sorted(following, key=rank.__getitem__)
    return tuple(done)


def circles(graph: Graph) -> list[tuple[str, ...]]:
    """Names that wait for each other, each circle from its first name in the file on. A circle that
    shares a name with one before it is not looked for."""
    done = set(order(graph))
    left = {name: before for name, before in graph.items() if name not in done}
    rank = {name: place for place, name in enumerate(graph)}
    found: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for start in left:
        path: list[str] = []
        name: str | None = start
        while name is not None and name not in seen:
            seen.add(name)
            path.append(name)
            name = next((one for one in left[name] if one in left), None)
        if name in path:
            circle = path[path.index(name) :]
            first = circle.index(min(circle, key=rank.__getitem__))
            found.append((*circle[first:], *circle[:first]))
    return found
