"""What holds between the parts of a file: names that are there once, and that lead somewhere."""

from collections.abc import Iterable, Mapping, Sequence

from beeyard.pipelines import graph
from beeyard.pipelines.model import Pipeline, Volume
from beeyard.pipelines.reading import Fields, Value, meant, short


def check_pipeline(fields: Fields, pipeline: Pipeline) -> None:
    """Note what is wrong between the steps, services and volumes of one pipeline."""
    parts = (*fields.values("services"), *fields.values("steps"))
    first = () if pipeline.clone.disable else (graph.CLONE,)
    _names_once(parts, "step", first)
    known = (*first, *(part.name for part in (*pipeline.services, *pipeline.steps)))
    _dependencies(parts, known, "step")
    for circle in graph.circles(graph.of_steps(pipeline)):
        _circle(parts, circle, "steps")
    _names_once(fields.values("volumes"), "volume")
    volumes = {volume.name: volume for volume in pipeline.volumes}
    for part in parts:
        _volumes(part, volumes)


def check_file(documents: Sequence[Value], pipelines: Sequence[Pipeline]) -> None:
    """Note what is wrong between the pipelines of a file."""
    _names_once(documents, "pipeline")
    _dependencies(documents, tuple(pipeline.name for pipeline in pipelines), "pipeline")
    for circle in graph.circles(graph.of_pipelines(pipelines)):
        _circle(documents, circle, "pipelines")


def _names_once(parts: Iterable[Value], kind: str, taken: Sequence[str] = ()) -> None:
    first: dict[str, int] = {}
    for part in parts:
        name = _field(part, "name")
        if name is None or not (written := name.text().strip()):
            continue
        if written in taken:
            name.wrong(
                f"`{short(written)}` is the name of the step that fetches the code",
                "Choose another name, or set `clone: {disable: true}`.",
            )
        elif written in first:
            name.wrong(
                f"there is already a {kind} `{short(written)}`, on line {first[written]}",
                "Choose another name.",
            )
        first.setdefault(written, name.place.line)


def _dependencies(parts: Iterable[Value], known: Sequence[str], kind: str) -> None:
    names = frozenset(known)
    for part in parts:
        own = _text(part, "name")
        for one in _items(part, "depends_on"):
            written = one.text()
            if written == own:
                one.wrong(f"a {kind} can't wait for itself", "Remove it.")
            elif written not in names:
                others = [name for name in known if name and name != own]
                one.wrong(f"there is no {kind} `{short(written)}`", meant(written, others))


def _circle(parts: Iterable[Value], circle: Sequence[str], kind: str) -> None:
    """Note a circle where its first member waits for the next. One that waits for itself was noted
    before."""
    if len(circle) == 1:
        return
    following = circle[1]
    at = next(
        one
        for part in parts
        if _text(part, "name") == circle[0]
        for one in _items(part, "depends_on")
        if one.text() == following
    )
    # What a name waits for comes after it; people read it the same way.
    shown = " → ".join(f"`{short(name)}`" for name in (*circle[:10], circle[0]))
    at.wrong(f"these {kind} wait for each other: {shown}", "Remove one of the dependencies.")


def _volumes(part: Value, by_name: Mapping[str, Volume]) -> None:
    for key, allowed in (("volumes", ("temp", "host")), ("devices", ("host",))):
        for one in _items(part, key):
            name = _field(one, "name")
            written = name.text() if name is not None else ""
            if name is None or not written:
                continue
            if written not in by_name:
                fix = meant(written, tuple(by_name), otherwise="Add it to the pipeline's `volumes`")
                name.wrong(f"the pipeline has no volume `{short(written)}`", fix)
            elif by_name[written].kind not in allowed:
                name.wrong("a device is a volume of kind `host`", "Give that volume a `host`.")


def _field(part: Value, key: str) -> Value | None:
    return next((one for one in part.entries_or_none() or () if one.name() == key), None)


def _text(part: Value, key: str) -> str:
    found = _field(part, key)
    return found.text().strip() if found is not None else ""


def _items(part: Value, key: str) -> tuple[Value, ...]:
    found = _field(part, key)
    return found.values() if found is not None else ()
