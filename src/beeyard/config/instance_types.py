"""What EC2's common instance types have, as AWS states it.

Source: Amazon EC2 instance types, the tables of the families below. Their sizes are regular, save
for the small ones of the t families.
"""

import re
from dataclasses import dataclass

_GIB = 2**30
# GiB of memory for each vCPU.
_PER_CPU = {"c": 2, "m": 4, "r": 8}
_GENERATIONS = frozenset(
    f"{family}{generation}" for family in _PER_CPU for generation in ("5", "6i", "6g", "7i", "7g")
)
_SMALL = {"nano": 0.5, "micro": 1, "small": 2, "medium": 4, "large": 8}
_BURSTABLE = {"t2": 1, "t3": 2, "t3a": 2, "t4g": 2}


@dataclass(frozen=True)
class Size:
    """Processors, and memory in bytes. A node's kernel shows some hundredths less of the latter."""

    cpus: int
    memory: int


def size_of(instance_type: str) -> Size | None:
    """The size of an instance type such as `t3.small`; None for one that is not known here."""
    family, _, size = instance_type.partition(".")
    large = _times_xlarge(size)
    if family in _BURSTABLE:
        if size in _SMALL:
            cpus = 2 if size in ("medium", "large") else _BURSTABLE[family]
            return Size(cpus, int(_SMALL[size] * _GIB))
        return Size(int(4 * large), int(16 * large * _GIB)) if large in (1, 2) else None
    if family not in _GENERATIONS or large is None:
        return None
    cpus = int(4 * large)
    return Size(cpus, cpus * _PER_CPU[family[0]] * _GIB)


def _times_xlarge(size: str) -> float | None:
    """`medium` is a quarter of an `xlarge`, `large` half of one, `4xlarge` four."""
    match = re.fullmatch(r"([1-9][0-9]*)?xlarge", size)
    if match:
        return int(match[1] or 1)
    return {"medium": 0.25, "large": 0.5}.get(size)
