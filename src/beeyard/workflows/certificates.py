"""Certificates that Traefik was refused: asked for once more, and why it has none."""

import re
from collections.abc import Collection, Iterable

from beeyard.errors import SwarmError
from beeyard.swarm import Manager
from beeyard.swarm.logs import Excerpt, service_log
from beeyard.swarm.services import change_service, with_labels
from beeyard.waiting import Clock

#: A middleware that no router has.
_LABEL = "traefik.http.middlewares.beeyard-ask-again.headers.customresponseheaders.X-Asked-Again"
#: Seconds until Traefik has seen a label: it reads every second (`providers.swarm.refreshseconds`),
#: and takes up what is new every two (`providers.providersthrottleduration`).
_SEEN = 5.0
_TRAEFIK = "traefik_traefik"
#: How far back its log is read, in lines.
_LINES = 1000
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_REFUSED = re.compile(
    r"Unable to obtain ACME certificate for domains "
    r'error="(?P<error>(?:[^"\\]|\\.)*)".* domains=\[(?P<names>[^]]*)]'
)
# What such an error begins with, before that which the authority said.
_OF_NAMES = re.compile(r"^unable to generate a certificate for the domains \[[^]]*]: ")

_ESCAPES = {"n": "; ", "t": " "}


def ask_again(manager: Manager, clock: Clock) -> bool:
    """Have Traefik ask for each certificate that it lacks; give whether there was a way to.

    It asks when what it serves changes, and where it is refused then, not again until that changes
    once more: after an outage of the authority a new application would stay without. So a service
    gets a label, and loses it again; none of its tasks is touched by that.
    """
    # Only what says so is served (`providers.swarm.exposedbydefault`); under maintenance it is not.
    served = [
        one.name
        for one in manager.snapshot().services
        if one.labels.get("traefik.enable", "").lower() == "true"
    ]
    if not served:
        return False
    name = served[0]
    change_service(manager, name, lambda spec: with_labels(spec, {_LABEL: "yes"}))
    try:
        clock.sleep(_SEEN)
    finally:
        change_service(manager, name, lambda spec: with_labels(spec, {_LABEL: None}))
    return True


def why_none(manager: Manager, names: Collection[str]) -> dict[str, str]:
    """What Traefik heard when it last asked for the certificate of each name, by its log."""
    try:
        heard = _heard(_log(manager))
    except SwarmError as error:
        return dict.fromkeys(names, f"its log can't be had: {error.why or error.what}")
    return {name: heard.get(name, "its log does not say why") for name in names}


def _heard(lines: Iterable[str]) -> dict[str, str]:
    """The last refusal of each name, of lines that begin with the oldest."""
    found = (_REFUSED.search(_COLOUR.sub("", line)) for line in lines)
    return {
        name: _OF_NAMES.sub("", _unquoted(refused["error"]))
        for refused in found
        if refused
        for name in re.findall(r'"([^"]*)"', refused["names"])
    }


def _unquoted(text: str) -> str:
    """What Go's strconv.Quote made of lines, as one."""
    return re.sub(r"\\(.)", lambda escaped: _ESCAPES.get(escaped[1], escaped[1]), text)


def _log(manager: Manager) -> list[str]:
    """The last lines of Traefik, oldest first. Raises SwarmError."""
    ids = [one.id for one in manager.snapshot().services if one.name == _TRAEFIK]
    read = [service_log(manager.client, one, Excerpt(tail=_LINES)) for one in ids]
    entries = sorted((entry for entries in read for entry in entries), key=lambda one: one.time)
    return [entry.text for entry in entries]
