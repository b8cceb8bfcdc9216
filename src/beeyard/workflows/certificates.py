"""Certificates that Traefik was refused, asked for once more."""

from beeyard.swarm import Manager
from beeyard.swarm.services import change_service, with_labels
from beeyard.waiting import Clock

#: A middleware that no router has.
_LABEL = "traefik.http.middlewares.beeyard-ask-again.headers.customresponseheaders.X-Asked-Again"
#: Seconds until Traefik has seen a label: it reads every second (`providers.swarm.refreshseconds`),
#: and takes up what is new every two (`providers.providersthrottleduration`).
_SEEN = 5.0


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
