"""What the application has kept, against what it has acknowledged."""

import ssl
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from bench.load.exchange import Ingress


@dataclass(frozen=True)
class Account:
    """IDs that are not as they should be.

    lost      acknowledged, and not there
    doubled   there more than once
    strange   there, and never sent
    unsaid    there once, though the acknowledgement did not arrive: no fault of the application's,
              but a client that sends again would double it
    """

    lost: frozenset[str]
    doubled: frozenset[str]
    strange: frozenset[str]
    unsaid: frozenset[str]

    @property
    def wrong(self) -> int:
        """How many entries break the promise that each acknowledged one is there exactly once."""
        return len(self.lost | self.doubled | self.strange)


def compare(posted: frozenset[str], acknowledged: frozenset[str], found: Iterable[str]) -> Account:
    """Hold what was found against what was sent, and what was acknowledged of it."""
    times = Counter(found)
    found_ids = frozenset(times)
    return Account(
        lost=acknowledged - found_ids,
        doubled=frozenset(entry for entry, count in times.items() if count > 1),
        strange=found_ids - posted,
        unsaid=(found_ids & posted) - acknowledged,
    )


class Ledger:
    """The application's entries, read back through its public address."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress
        self._client = httpx.Client(
            base_url=f"https://{ingress.address}:{ingress.port}",
            verify=ssl.create_default_context(cafile=ingress.ca),
            headers={"Host": ingress.host},
            timeout=30,
        )

    def close(self) -> None:
        """Close its connection."""
        self._client.close()

    def last(self) -> int:
        """The number of the newest entry."""
        return int(self._get("/entries/count")["last"])

    def after(self, number: int) -> Iterator[str]:
        """The IDs of all entries newer than that number, in order."""
        while page := self._get(f"/entries?after={number}"):
            yield from (entry for _, entry in page)
            number = page[-1][0]

    def _get(self, path: str) -> Any:
        answer = self._client.get(path, extensions={"sni_hostname": self._ingress.host})
        return answer.raise_for_status().json()
