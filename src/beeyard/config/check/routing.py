"""How Traefik will find the services."""

from collections import defaultdict
from collections.abc import Iterator

from beeyard.config.check.finding import Finding
from beeyard.config.check.project import Project, Service, Stack, pairs, section
from beeyard.config.check.wiring import TRAEFIK_NETWORK, external_name

_ROUTER = "traefik.http.routers."


def _routers(service: Service) -> Iterator[tuple[str, str, str]]:
    """(router, label, rule) of each router with a rule."""
    for label, value in service.labels.items():
        router, _, option = label.removeprefix(_ROUTER).partition(".")
        if label.startswith(_ROUTER) and option == "rule":
            yield router, label, "".join(value.split())


def claimed_twice(project: Project) -> Iterator[Finding]:
    """A rule, or a router's name, that two applications claim, or one of beeyard's own hosts."""
    rules: dict[str, list[str]] = defaultdict(list)
    routers: dict[str, list[str]] = defaultdict(list)
    own = {
        f"Host(`{host}.{project.spec.domain}`)": host
        for host in ("traefik", "registry", "portainer")
    }
    for stack in project.stacks:
        for service in stack.services:
            if not service.is_web:
                continue
            loc = (*service.loc, "deploy", "labels")
            for router, _, rule in _routers(service):
                others = [name for name in rules[rule] if name != stack.name]
                if rule in own:
                    yield stack.finding(
                        "error",
                        loc,
                        f"the rule {rule} belongs to beeyard's {own[rule]}",
                        "Use another host name.",
                    )
                elif others:
                    yield stack.finding(
                        "error",
                        loc,
                        f"the rule {rule} is claimed by application {others[0]} as well",
                        "Give each its own host or path; Traefik would send requests to either.",
                    )
                namesakes = [name for name in routers[router] if name != stack.name]
                if namesakes and not others:
                    yield stack.finding(
                        "error",
                        loc,
                        f"the router {router} is defined by application {namesakes[0]} as well",
                        f"Name it after the application: {stack.name}.",
                        "Traefik drops a router that is defined twice.",
                    )
                rules[rule].append(stack.name)
                routers[router].append(stack.name)


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
        port = (label.endswith(".loadbalancer.server.port") for label in service.labels)
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
