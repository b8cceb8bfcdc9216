"""The sign-ins that Swarm keeps with services, replaced for as long as the controller runs."""

import logging
from dataclasses import dataclass, field

from beeyard.apps import Credentials
from beeyard.apps.kept import renew, renewals
from beeyard.controller.inside import Inside
from beeyard.errors import BeeyardError, render
from beeyard.waiting import Clock
from beeyard.workflows.kept import busy_of

_log = logging.getLogger(__name__)


@dataclass
class Keeping:
    """Hands services each sign-in anew that is made, for the registry outside whose sign-ins end.

    One that was made anew has two thirds of its life left when the next one comes; so has one that
    a deploy hands over. What could not be handed over is tried again with every look.
    """

    inside: Inside
    clock: Clock
    _known: Credentials | None = field(default=None, repr=False)
    #: The services that have it, by their IDs; and why the others do not, by their names.
    _handed: set[str] = field(default_factory=set)
    _left: dict[str, str] = field(default_factory=dict)
    _told: str = ""

    def look(self) -> None:
        """Do what is due. What it fails of goes to the log, once, and is tried with the next look.
        Takes as long as AWS and a manager take to answer: not for an event loop."""
        try:
            self._look()
        except BeeyardError as error:
            self._tell(render(error))
        else:
            self._tell("")

    def _look(self) -> None:
        auth = self.inside.auth
        if auth is None:
            return
        known = auth.credentials()
        if known is self._known and not self._left:
            return
        if known is not self._known:
            self._known, self._handed = known, set()
        with self.inside.swarm() as manager:
            found = renewals(manager.snapshot(), auth.host)
            due = [one for one in found.due if one.id not in self._handed]
            busy = busy_of(manager, self.clock, _log.info)
            left = renew(manager.client, due, known, busy)
        self._handed |= {one.id for one in due if one.name not in left}
        self._say_of(found.held | found.ended | left)

    def _say_of(self, left: dict[str, str]) -> None:
        for name, why in left.items():
            if self._left.get(name) != why:
                _log.info("%s keeps its sign-in to the registry for now: %s", name, why)
        self._left = left

    def _tell(self, problem: str) -> None:
        if problem and problem != self._told:
            _log.warning("sign-ins that services keep are not made anew: %s", problem)
        self._told = problem
