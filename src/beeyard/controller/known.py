"""What is known of repositories: where their refs are, and which deliveries were taken."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Literal

from pydantic import TypeAdapter

from beeyard.controller.core import now
from beeyard.controller.forges.deliveries import Known, Note, Remembered
from beeyard.controller.git import NOTHING, Push
from beeyard.controller.part import Part
from beeyard.controller.records import Record


class RefMoved(Record):
    """A push to the cluster's own remote was dealt with: what runs for it is written down."""

    kind: Literal["ref.moved"] = "ref.moved"
    application: str
    ref: str
    after: str


class DeliveryTaken(Record):
    """A forge's delivery was taken; `known` is what it leaves of its ref (`deliveries.Known`)."""

    kind: Literal["delivery.taken"] = "delivery.taken"
    application: str
    names: tuple[str, ...]
    ref: str
    known: Mapping[str, Any]


def moved(push: Push) -> RefMoved:
    """The record that a push was dealt with."""
    return RefMoved(at=now(), application=push.application, ref=push.ref, after=push.after)


def taken(note: Note) -> DeliveryTaken:
    """The record that a delivery was taken."""
    return DeliveryTaken(
        at=now(),
        application=note.application,
        names=note.names,
        ref=note.ref,
        known=asdict(note.known),
    )


KNOWN_RECORDS = (RefMoved, DeliveryTaken)
_KNOWN = TypeAdapter(Known)


class Refs(Part):
    """The refs of each application's repository, as far as they were dealt with."""

    def __init__(self) -> None:
        super().__init__()
        self._refs: dict[str, dict[str, str]] = {}

    def apply(self, record: Record) -> None:
        if not isinstance(record, RefMoved):
            return
        refs = self._refs.setdefault(record.application, {})
        if record.after == NOTHING:
            refs.pop(record.ref, None)
        else:
            refs[record.ref] = record.after

    def records(self) -> Iterator[Record]:
        for application, refs in self._refs.items():
            for ref, after in refs.items():
                yield RefMoved(at=now(), application=application, ref=ref, after=after)

    def of(self, application: str) -> Mapping[str, str]:
        """What is known: refs, and what they named."""
        return dict(self._refs.get(application, {}))

    def dealt_with(self, push: Push) -> None:
        """Note that a push was dealt with, and that nothing runs for it."""
        with self.still():
            self._write(moved(push))


class Deliveries(Part):
    """Which deliveries were taken, as `forges.deliveries.Seen` wants it."""

    def __init__(self) -> None:
        super().__init__()
        self._seen = Remembered()

    def apply(self, record: Record) -> None:
        if isinstance(record, DeliveryTaken):
            known = _KNOWN.validate_python(dict(record.known))
            self._seen.apply(Note(record.application, record.names, record.ref, known))

    def records(self) -> Iterator[Record]:
        names = self._seen.names()
        for (application, ref), known in self._seen.refs_known().items():
            # All of an application's names go with the first of its refs.
            yield taken(Note(application, tuple(names.pop(application, ())), ref, known))

    def delivered(self, application: str, name: str) -> bool:
        return self._seen.delivered(application, name)

    def known(self, application: str, ref: str) -> Known | None:
        return self._seen.known(application, ref)

    async def remember(self, note: Note) -> None:
        await asyncio.to_thread(self._remember, taken(note))

    def _remember(self, record: DeliveryTaken) -> None:
        with self.still():
            self._write(record)
