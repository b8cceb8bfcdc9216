"""How many there are of what, and a digest of them that does not depend on their order."""

import hashlib
from typing import Any

#: Sums of SHA-256 keep its length; a sum of many stays one number.
_MOST = 1 << 256


class Tally:
    def __init__(self) -> None:
        self._count: dict[str, int] = {}
        self._sum: dict[str, int] = {}

    def know(self, name: str) -> None:
        """That is there, if only empty."""
        self._count.setdefault(name, 0)
        self._sum.setdefault(name, 0)

    def add(self, name: str, data: bytes) -> None:
        """One more entry of that name."""
        self.know(name)
        digest = int.from_bytes(hashlib.sha256(data).digest(), "big")
        self._count[name] += 1
        self._sum[name] = (self._sum[name] + digest) % _MOST

    def facts(self) -> dict[str, Any]:
        return {
            name: {"count": count, "digest": f"{self._sum[name]:064x}"}
            for name, count in self._count.items()
        }
