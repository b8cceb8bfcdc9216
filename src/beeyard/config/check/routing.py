"""How Traefik will find the services."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from beeyard.config.check.finding import Finding
from beeyard.config.check.project import Loc, Project, Service, Stack, pairs, section
from beeyard.config.check.wiring import TRAEFIK_NETWORK, external_name
from beeyard.config.rule import Alternative, Rule, Unreadable, parse

_ROUTER = re.compile(r"traefik\.http\.routers\.([^.]+)\.(\w+)", re.IGNORECASE)
_OWN = ("traefik", "registry", "portainer", "ci", "drone", "git")


@dataclass(frozen=True)
class _Router:
    """A router of Traefik's, as the labels of a service define it. A higher priority prevails."""

    name: str
    rule: str
    priority: str


def claimed_twice(project: Project) -> Iterator[Finding]:
    """A rule, or a router's name, that two applications claim, or one of beeyard's own hosts."""
    rules: dict[tuple[Alternative, str], list[str]] = defaultdict(list)
    routers: dict[str, list[str]] = defaultdict(list)
    for stack in project.stacks:
        for service in stack.services:
            for router in _routers(service):
                claimed = list(_claimed(project, stack, service, router, rules))
                yield from claimed
                others = [name for name in routers[router.name] if name != stack.name]
                if others and not claimed:
                    yield stack.finding(
                        "error",
                        _labels(service),
                        f"the router {router.name} is defined by application {others[0]} as well",
                        f"Name it after the application: {stack.name}.",
                        "Traefik drops a router that is defined twice.",
                    )
                routers[router.name].append(stack.name)


def _claimed(
    project: Project,
    stack: Stack,
    service: Service,
    router: _Router,
    rules: dict[tuple[Alternative, str], list[str]],
) -> Iterator[Finding]:
    """What of a rule is another's already. `rules`: who claims what, so far."""
    own = {f"{host}.{project.spec.domain}".lower(): host for host in _OWN}
    for alternative in sorted(_alternatives(router.rule), key=str):
        others = [name for name in rules[alternative, router.priority] if name != stack.name]
        host = alternative.argument("Host")
        if host in own and len(alternative.matchers) == 1:
            yield stack.finding(
                "error",
                _labels(service),
                f"the rule {alternative} belongs to beeyard's {own[host]}",
                "Use another host name.",
            )
        elif others:
            yield stack.finding(
                "error",
                _labels(service),
                f"the rule {alternative} is claimed by application {others[0]} as well",
                "Give each its own host or path; Traefik would send requests to either.",
            )
        rules[alternative, router.priority].append(stack.name)


def readable(_project: Project, stack: Stack) -> Iterator[Finding]:
    """Traefik ignores a router whose rule it can't read."""
    for service in stack.services:
        for router in _routers(service):
            try:
                parse(router.rule)
            except Unreadable:
                yield stack.finding(
                    "error",
                    _labels(service),
                    f"the rule of router {router.name} can't be read: `{router.rule}`",
                    "Write it like Host(`name.example.com`) && PathPrefix(`/path`).",
                )


def _routers(service: Service) -> Iterator[_Router]:
    """The routers with a rule."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for label, value in service.labels.items():
        match = _ROUTER.fullmatch(label)
        if match and service.is_web:
            found[match[1]][match[2].lower()] = value
    for name, options in found.items():
        if "rule" in options:
            yield _Router(name, options["rule"], options.get("priority", ""))


def _alternatives(rule: str) -> Rule:
    """What a rule takes; nothing where it can't be read."""
    try:
        return parse(rule)
    except Unreadable:
        return frozenset()


def _labels(service: Service) -> Loc:
    return (*service.loc, "deploy", "labels")


def reachable(_project: Project, stack: Stack) -> Iterator[Finding]:
    """A web service must share a network with Traefik, and say its port."""
    for service in stack.services:
        if not service.is_web:
            continue
        if TRAEFIK_NETWORK not in _real_networks(stack, service):
            yield stack.finding(
                "error",
                service.loc,
                f"Traefik routes to it, but it is not on the network `{TRAEFIK_NETWORK}`",
                f"Add `{TRAEFIK_NETWORK}` to its `networks`, and to those of the file with "
                f"`external: true`.",
            )
        port = (
            label.lower().endswith(".loadbalancer.server.port")
            or label.lower().endswith(".loadbalancer.server.url")
            for label in service.labels
        )
        if not any(port):
            yield stack.finding(
                "error",
                (*service.loc, "deploy", "labels"),
                "Traefik is not told the service's port",
                f"Add `traefik.http.services.{stack.name}.loadbalancer.server.port` with it.",
                "In a Swarm, Traefik can't see which port a container listens on.",
            )


def labels_in_place(_project: Project, stack: Stack) -> Iterator[Finding]:
    """In a Swarm, Traefik reads `deploy.labels` only."""
    for service in stack.services:
        labels = pairs(service.data.get("labels"))
        if any(label.startswith("traefik.") for label in labels) and not service.is_web:
            yield stack.finding(
                "warning",
                (*service.loc, "labels"),
                "Traefik doesn't see these labels",
                "Move them below `deploy.labels`.",
                "In a Swarm, Traefik reads the service's labels, not the container's.",
            )


def _real_networks(stack: Stack, service: Service) -> set[str]:
    declared = stack.top("networks")
    return {external_name(name, section(declared.get(name))) for name in service.networks}
