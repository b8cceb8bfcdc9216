"""What a canary's share and its probes are in Traefik's labels.

Both releases' tasks are servers of one Traefik service, each with its weight; the routers stay the
stable side's. Where several Swarm services define one Traefik service, it must be the same in all
of them but for `loadbalancer.server.*`: Traefik drops one that isn't, and its routers with it. So
the canary repeats the stable side's options, whatever the new release's are.

Beside it each side has a Traefik service of its own, and a router that leads there by a header:
that is how one side alone is asked, and how it is seen what Traefik has taken up (`marker`).

Sources: Traefik 3, "Docker Swarm provider", "HTTP routers", "HTTP services";
`pkg/provider/configuration.go:Merge`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from beeyard.errors import AppError

Side = Literal["stable", "canary"]

#: Asks for one side, if sent with a request; on the answer, what that side's labels were.
HEADER = "X-Beeyard-Release"
_OWN = "beeyard-"
_LABEL = re.compile(
    r"traefik\.http\.(?P<kind>routers|services)\.(?P<name>[^.]+)\.(?P<option>.+)", re.IGNORECASE
)
_SERVER = "loadbalancer.server."
_STRATEGY = "loadbalancer.strategy"
_BY_WEIGHT = "wrr"

Options = dict[str, str]
Labels = dict[str, str]


@dataclass(frozen=True)
class Routing:
    """A web service's routers and Traefik services, each with its options by their names in small
    letters, and all its other labels."""

    routers: Mapping[str, Options]
    services: Mapping[str, Options]
    others: Mapping[str, str]

    def service_of(self, router: str) -> str | None:
        """The Traefik service here that `router` leads to; None: it leads elsewhere, or nowhere."""
        named, _, provider = self.routers[router].get("service", "").partition("@")
        if not named and len(self.services) == 1:
            return next(iter(self.services))
        return named if named in self.services and provider in ("", "swarm") else None


def read(labels: Mapping[str, str]) -> Routing:
    """Labels by what they are about."""
    routers: dict[str, Options] = {}
    services: dict[str, Options] = {}
    others: dict[str, str] = {}
    for label, value in labels.items():
        match = _LABEL.fullmatch(label)
        if match is None:
            others[label] = value
            continue
        found = routers if match["kind"].lower() == "routers" else services
        found.setdefault(match["name"], {})[match["option"].lower()] = value
    return Routing(routers, services, others)


def marker(side: Side, weight: int) -> str:
    """What `HEADER` says on an answer of that side once Traefik knows its labels."""
    return f"{side}-{weight}"


def servers(labels: Mapping[str, str], tasks: int) -> int:
    """How many servers Traefik sees behind that many tasks: with `lbswarm` only the service's own
    address."""
    shared = ("traefik.swarm.lbswarm", "traefik.docker.lbswarm")
    found = {label.lower(): value.lower() for label, value in labels.items()}
    return 1 if any(found.get(label) in ("true", "1") for label in shared) else tasks


def stable_labels(service: str, labels: Mapping[str, str], weight: int) -> Labels:
    """The labels of `service` while a canary is beside it. Changing them restarts no task.

    Raises AppError where there can be no canary.
    """
    routing = _routed(service, labels)
    return {
        **routing.others,
        **_written("services", _weighed(routing.services, weight)),
        **_written("routers", _explicit(routing)),
        **_probes(service, routing, "stable", weight),
    }


def canary_labels(service: str, labels: Mapping[str, str], weight: int) -> Labels:
    """The labels of the canary of `service`, of labels as `carried` gives them.

    Weight 0 takes it out without stopping it. TCP and UDP have no weights: they stay with the
    stable side. Raises AppError where there can be no canary.
    """
    routing = _routed(service, labels)
    return {
        **{key: value for key, value in routing.others.items() if not _routes(key)},
        **_written("services", _weighed(routing.services, weight)),
        **_probes(service, routing, "canary", weight),
    }


def carried(service: str, stable: Mapping[str, str], new: Mapping[str, str]) -> Labels:
    """The new release's labels, with the routing of `stable` in place of its own.

    What stands below `loadbalancer.server` (port, scheme) is the new release's, for it belongs to
    its tasks. Raises AppError if the new release lacks a Traefik service of the stable one's.
    """
    its_own = read(new).services
    missing = sorted(set(read(stable).services) - set(its_own))
    if missing:
        raise _impossible(
            service,
            f"the new release does not define the Traefik service {missing[0]}",
            "deploy it without --canary, or under the old name",
        )
    servers = {
        name: {key: value for key, value in options.items() if key.startswith(_SERVER)}
        for name, options in its_own.items()
        if name in read(stable).services
    }
    return {
        **{key: value for key, value in new.items() if not _routes(key)},
        **{key: value for key, value in stable.items() if _routes(key) and not _of_server(key)},
        **_written("services", servers),
    }


def deferred(stable: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """The labels that a release changes and that users see only once it is promoted."""
    return tuple(
        label
        for label in sorted({*stable, *new})
        if _routes(label) and not _of_server(label) and stable.get(label) != new.get(label)
    )


def is_web(labels: Mapping[str, str]) -> bool:
    """Whether Traefik routes to a service with these labels, so that it can have a canary."""
    routing = read(labels)
    enabled = labels.get("traefik.enable", "true").lower() != "false"
    return enabled and any(routing.service_of(router) for router in routing.routers)


def _routed(service: str, labels: Mapping[str, str]) -> Routing:
    if not is_web(labels):
        raise _impossible(
            service,
            "no Traefik router leads to it, so there are no requests to share",
            "deploy without --canary; a canary is for services with "
            "`traefik.http.routers` and `traefik.http.services` among their `deploy.labels`",
        )
    routing = read(labels)
    for name, options in routing.services.items():
        strategy = options.get(_STRATEGY, _BY_WEIGHT).lower()
        if strategy != _BY_WEIGHT:
            raise _impossible(
                service,
                f"the strategy {strategy} of its Traefik service {name} does not share requests "
                "by weight alone",
                "take the label out, or deploy without --canary",
            )
    return routing


def _impossible(service: str, why: str, fix: str) -> AppError:
    return AppError(f"the service `{service}` can't have a canary", why=why, fix=fix)


def _routes(label: str) -> bool:
    return label.lower().startswith(("traefik.http.", "traefik.tcp.", "traefik.udp."))


def _of_server(label: str) -> bool:
    match = _LABEL.fullmatch(label)
    return match is not None and match["option"].lower().startswith(_SERVER)


def _weighed(services: Mapping[str, Options], weight: int) -> dict[str, Options]:
    return {
        name: {**options, f"{_SERVER}weight": str(weight)} for name, options in services.items()
    }


def _explicit(routing: Routing) -> dict[str, Options]:
    """The routers, each naming its service: with two services Traefik would not know which."""
    return {
        name: {**options, "service": service}
        if (service := routing.service_of(name)) and "service" not in options
        else options
        for name, options in routing.routers.items()
    }


def _probes(service: str, routing: Routing, side: Side, weight: int) -> Labels:
    """What leads requests with the header to that side only, and marks its answers."""
    services = {
        _named(name, side): {
            key: value
            for key, value in options.items()
            # Every request of a probe may go to any task.
            if not key.startswith("loadbalancer.sticky") and key != f"{_SERVER}weight"
        }
        for name, options in routing.services.items()
    }
    routers = dict(_probe_routers(service, routing, side))
    header = f"headers.customresponseheaders.{HEADER}"
    return {
        **_written("services", services),
        **_written("routers", routers),
        **_written("middlewares", {name: {header: marker(side, weight)} for name in routers}),
    }


def _probe_routers(service: str, routing: Routing, side: Side) -> Iterator[tuple[str, Options]]:
    for name, options in routing.routers.items():
        leads_to = routing.service_of(name)
        if leads_to is None or "rule" not in options:
            continue
        probe = _named(name, side)
        matcher = "Headers" if options.get("rulesyntax", "").lower() == "v2" else "Header"
        chain = [probe, *filter(None, [options.get("middlewares")])]
        made = {
            **options,
            # Traefik prefers the longer rule, unless it is told otherwise.
            "rule": f"({options['rule']}) && {matcher}(`{HEADER}`, `{side}`)",
            "service": _named(leads_to, side),
            "middlewares": ",".join(chain),
        }
        if "priority" in options:
            made["priority"] = _one_more(service, options["priority"])
        yield probe, made


def _one_more(service: str, priority: str) -> str:
    try:
        return str(int(priority) + 1)
    except ValueError:
        raise _impossible(
            service,
            f"the priority `{priority}` of its router is no number in the stack file",
            "write the number there",
        ) from None


def _named(name: str, side: Side) -> str:
    return f"{_OWN}{name}-{side}"


def _written(kind: str, things: Mapping[str, Options]) -> Labels:
    return {
        f"traefik.http.{kind}.{name}.{option}": value
        for name, options in things.items()
        for option, value in options.items()
    }
