"""Whether any node holds what a service reserves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from beeyard.config.check.finding import Finding
from beeyard.config.check.placement import allowed
from beeyard.config.check.project import Loc, Project, Service, Stack, section
from beeyard.config.instance_types import Size, size_of
from beeyard.config.nodes import nodes

# Source: docker/go-units, RAMInBytes.
_MEMORY = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
# What the kernel, the engine and the system need of a node's memory.
_OF_THE_SYSTEM = 0.1


@dataclass(frozen=True)
class _Reserved:
    """What one task takes: processors, and memory in bytes."""

    cpus: float
    memory: float


def reservations(project: Project, stack: Stack) -> Iterator[Finding]:
    """One task must fit on one of the nodes that its constraints allow; of memory, not quite all
    of it. Nothing is said where the size of one of them is not known."""
    plans = nodes(project.spec)
    for service in stack.services:
        wanted = _reserved(service)
        sizes = {
            f"{name} ({plans[name].type})": size_of(plans[name].type)
            for name in allowed(project.spec, service)
        }
        known = {name: size for name, size in sizes.items() if size is not None}
        if wanted is not None and known and len(known) == len(sizes):
            yield from _judged(stack, service, wanted, known)


def _judged(
    stack: Stack, service: Service, wanted: _Reserved, sizes: dict[str, Size]
) -> Iterator[Finding]:
    loc = (*service.loc, "deploy", "resources", "reservations")
    if any(_fits(wanted, size, of_memory=1 - _OF_THE_SYSTEM) for size in sizes.values()):
        return
    fix = "Reserve less, or use a larger instance type in beeyard.yml."
    # What the kernel shows is less than what AWS states.
    if any(_fits(wanted, size, of_memory=1) for size in sizes.values()):
        yield stack.finding(
            "warning",
            (*loc, "memory"),
            f"a task takes all the memory of a node: {_largest(sizes, 'memory')}",
            fix,
            "Linux keeps some hundredths of it for itself, and the system needs about a tenth.",
        )
        return
    part, what = _too_much(loc, wanted, sizes)
    yield stack.finding("error", part, what, fix, "No task of the service would ever start.")


def _too_much(loc: Loc, wanted: _Reserved, sizes: dict[str, Size]) -> tuple[Loc, str]:
    if all(size.cpus < wanted.cpus for size in sizes.values()):
        return (*loc, "cpus"), f"no node has {wanted.cpus:g} cpus: {_largest(sizes, 'cpus')}"
    if all(size.memory <= wanted.memory for size in sizes.values()):
        gib = f"{wanted.memory / 2**30:.3g} GiB"
        return (*loc, "memory"), f"no node has {gib} of memory: {_largest(sizes, 'memory')}"
    return loc, "no node has as many cpus and as much memory at once"


def _largest(sizes: dict[str, Size], of: str) -> str:
    name, size = max(sizes.items(), key=lambda item: float(getattr(item[1], of)))
    has = f"{size.cpus} cpus" if of == "cpus" else f"{size.memory / 2**30:g} GiB"
    return f"the largest that may run it, {name}, has {has}"


def _fits(wanted: _Reserved, size: Size, *, of_memory: float) -> bool:
    return wanted.cpus <= size.cpus and wanted.memory < size.memory * of_memory


def _reserved(service: Service) -> _Reserved | None:
    """What the file reserves; None for nothing, and for what Docker will refuse itself."""
    reserved = section(section(service.deploy.get("resources")).get("reservations"))
    cpus, memory = str(reserved.get("cpus", 0)), _MEMORY.fullmatch(str(reserved.get("memory", 0)))
    if memory is None or not re.fullmatch(r"\d*\.?\d+", cpus):
        return None
    return _Reserved(float(cpus), float(memory[1]) * 1024 ** _POWERS[memory[2].lower()])
