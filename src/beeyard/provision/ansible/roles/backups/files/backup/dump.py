"""What is in a dump, line by line, as mariadb-dump writes it: each row of a table on a line."""

import re

from definers import as_first
from facts import Tally

_TABLE = re.compile(rb"CREATE TABLE `((?:[^`]|``)+)` \(")
_ROWS = re.compile(rb"INSERT INTO `((?:[^`]|``)+)` VALUES\s*$")
#: Says when it was made, and with what: not what is in it.
_NOTHING = (b"--", b"\n", b"/*M!999999")


class Digest:
    """Counts the rows of each table, and all other lines as definitions: tables, views, routines,
    triggers, events."""

    def __init__(self, database: str, tally: Tally) -> None:
        self._database = database
        self._tally = tally
        self._table: str | None = None
        tally.know(self._name("(definitions)"))

    def line(self, line: bytes) -> None:
        if self._table is not None:
            # Values keep their line ends escaped, so what ends in `;` is the last row.
            self._tally.add(self._table, line.rstrip(b"\n")[:-1])
            if line.endswith(b";\n"):
                self._table = None
            return
        if rows := _ROWS.match(line):
            self._table = self._name(_text(rows[1]))
        elif not line.startswith(_NOTHING):
            if table := _TABLE.match(line):
                self._tally.know(self._name(_text(table[1])))
            self._tally.add(self._name("(definitions)"), as_first(line, self._database))

    def _name(self, table: str) -> str:
        return f"{self._database}.{table}"


def _text(name: bytes) -> str:
    return name.replace(b"``", b"`").decode(errors="backslashreplace")
