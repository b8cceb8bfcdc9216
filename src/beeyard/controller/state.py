"""All that the controller remembers: its parts, and the records that they are made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from beeyard.controller.account_records import ACCOUNT_RECORDS
from beeyard.controller.accounts import Accounts
from beeyard.controller.crons import CRON_RECORDS, Crons
from beeyard.controller.kinds import Kinds
from beeyard.controller.known import KNOWN_RECORDS, Deliveries, Refs
from beeyard.controller.part import Part, Written
from beeyard.controller.records import Record, RunRecord
from beeyard.controller.runs import Runs
from beeyard.controller.vault import VAULT_RECORDS, Vault

RUN_RECORDS: tuple[type[Record], ...] = get_args(RunRecord)


def kinds() -> Kinds:
    """How records are written, and read again."""
    return Kinds([*RUN_RECORDS, *ACCOUNT_RECORDS, *VAULT_RECORDS, *KNOWN_RECORDS, *CRON_RECORDS])


@dataclass(frozen=True)
class State:
    """The parts. `runs` are written by `core.Core`, the others by themselves."""

    runs: Runs
    accounts: Accounts
    vault: Vault
    refs: Refs
    deliveries: Deliveries
    crons: Crons

    @property
    def parts(self) -> tuple[Part, ...]:
        return (self.accounts, self.vault, self.refs, self.deliveries, self.crons)

    def apply(self, record: Record) -> None:
        """Take in a record, of whichever part."""
        if isinstance(record, RUN_RECORDS):
            self.runs.apply(record)  # type: ignore[arg-type]
            return
        for part in self.parts:
            part.apply(record)

    def records(self) -> Iterator[Record]:
        """What gives the state as it is now. Nothing may change meanwhile (`Part.still`)."""
        yield from self.runs.records()
        for part in self.parts:
            yield from part.records()

    def begin(self, written: Written) -> None:
        """The replay is over: from now on parts may change."""
        for part in self.parts:
            part.written = written
