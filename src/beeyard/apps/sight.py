"""What is seen of a release on the cluster: whether it runs as it says, and what it took."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from beeyard.apps.plan import Plan
from beeyard.apps.release import Release
from beeyard.apps.site import Say
from beeyard.errors import SwarmError
from beeyard.swarm import Progress, Service, Snapshot


def verify(
    release: Release, snapshot: Snapshot, meant: Mapping[str, str] = MappingProxyType({})
) -> None:
    """That services run the release's images, and are still as they were `meant` (hashes of their
    definitions by name). Raises SwarmError that says which not."""
    wrong = _wrong(release, snapshot, meant)
    if wrong:
        raise SwarmError(
            f"not everything runs what release {release.number} says",
            why="\n".join(wrong),
            fix="somebody changed it meanwhile: see `docker service ps`, then deploy again",
        )


def teller(say: Say) -> Callable[[Progress], None]:
    """Tells how far services are, in a line each."""

    def tell(seen: Progress) -> None:
        say(f"{seen.service}: {seen.running}/{seen.wanted} {seen.note}".rstrip())

    return tell


def _wrong(release: Release, snapshot: Snapshot, meant: Mapping[str, str]) -> list[str]:
    services = {service.name: service for service in snapshot.services}
    wrong = []
    for name, image in release.images.items():
        service = services.get(f"{release.application}_{name}")
        if service is None:
            wrong.append(f"{name}: there is no such service")
        elif service.image != image:
            wrong.append(f"{name}: it runs {service.image}, not {image}")
        elif meant.get(service.name, service.definition) != service.definition:
            wrong.append(f"{name}: its definition is not what was deployed")
        elif any(not task.current for task in service.running):
            wrong.append(f"{name}: a task still runs the previous definition")
    return wrong


def replicas_of(snapshot: Snapshot, application: str) -> dict[str, int]:
    """How many replicas each replicated service of an application is to have now."""
    return {
        service.name.removeprefix(f"{application}_"): service.wanted
        for service in snapshot.stack(application)
        if service.mode == "replicated"
    }


def definitions(snapshot: Snapshot | None, application: str) -> dict[str, str]:
    if snapshot is None:
        return {}
    return {service.name: service.definition for service in snapshot.stack(application)}


def gaps_of(plan: Plan, snapshot: Snapshot) -> dict[str, float]:
    """Seconds without any task, of the services whose tasks stop before their successors start."""
    by_name = {service.name: service for service in snapshot.services}
    found = {}
    for change in plan.changes:
        service = by_name.get(f"{plan.application}_{change.service}")
        if change.kind == "update" and change.order == "stop-first" and service:
            found[change.service] = _gap(service)
    return found


def _gap(service: Service) -> float:
    ended = [task.since for task in service.tasks if not task.current and not task.runs]
    begun = [task.since for task in service.running if task.current]
    if not ended or not begun:
        return 0.0
    return round(max(0.0, (min(begun) - max(ended)).total_seconds()), 2)
