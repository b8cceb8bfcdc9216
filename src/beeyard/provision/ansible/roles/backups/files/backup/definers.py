"""Who what a database holds was made by (DEFINER), as a dump says it.

An application has two users, NAME and NAME~, which take turns (`beeyard rotate database-password`).
Neither may make anything in the name of the other.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

#: How mariadb-dump and mysqldump begin what has one: routines, then views, triggers and events. A
#: row begins with `(`, so it is never taken for one.
_START = rb"(?:CREATE (?:OR REPLACE )?|(?:/\*M?!\d+ CREATE\*/ )?/\*M?!\d+ )DEFINER="


def users_of(database: str) -> tuple[str, str]:
    """The two users of an application's database, as the role app_files names them."""
    return database, f"{database}~"


def as_first(line: bytes, database: str) -> bytes:
    """The line as if the first of the two users had made it: whose turn it was is no difference."""
    first = users_of(database)[0].encode()
    return _clause(database).sub(lambda found: b"%s`%s`@%s" % (found[1], first, found[2]), line)


def by_who_restores(lines: Iterable[bytes], database: str) -> Iterator[bytes]:
    """The lines so that whoever feeds them to a server becomes the definer."""
    for line in lines:
        yield _clause(database).sub(lambda found: found[1] + b"CURRENT_USER", line)


@cache
def _clause(database: str) -> re.Pattern[bytes]:
    names = b"|".join(re.escape(name.encode()) for name in users_of(database))
    return re.compile(rb"\A(%s)`(?:%s)`@(`[^`]*`)" % (_START, names))
