"""The applications' databases: logical dumps, one after another, each by its own user.

A line `-- beeyard WORD database NAME` stands before each dump; the first line names the word,
which is a new one each time: nothing that a database holds looks like it.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import mariadb
from definers import by_who_restores, users_of
from dump import Digest
from facts import Tally
from kinds import LEFT_OUT
from scratch import scratch
from words import Damaged, Failed, say

_FIRST = b"-- beeyard "
_LAST: dict[str, str] = {}


def versions(_: Mapping[str, Any]) -> dict[str, str]:
    """What made the backup that was written last, and which databases are not in it, and why."""
    return dict(_LAST)


def write(out: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Each database by itself: what can't be taken of one keeps no other from being taken.

    Where `may_be_gone` is set, before a restore, a database that is not there is left out, and all
    others have to be taken. Raises Failed also where there is none that could be.
    """
    if not settings["databases"]:
        raise Failed("no database of an application is known here: run `beeyard up`")
    word = secrets.token_hex(16).encode()
    out.write(_FIRST + word + b"\n")
    _LAST.clear()
    _LAST["mariadb-dump"] = mariadb.version()
    found, failed = dict[str, Any](), dict[str, str]()
    for one in settings["databases"]:
        name = str(one["name"])
        try:
            found |= _written(out, word, settings, one)
        except Failed as error:
            say(f"{name}: {error}")
            failed[name] = str(error)
            # Its last line may have no end.
            out.write(b"\n")
    if failed and (settings.get("may_be_gone") or len(failed) == len(settings["databases"])):
        raise Failed("\n".join(failed.values()))
    _LAST.update({f"{LEFT_OUT}{name}": why for name, why in failed.items()})
    return found


def _written(
    out: Any, word: bytes, settings: Mapping[str, Any], one: Mapping[str, Any]
) -> dict[str, Any]:
    tally, name, user = Tally(), str(one["name"]), _user(settings, one)
    _LAST.setdefault("server", mariadb.ask(user, "SELECT VERSION()"))
    if settings.get("may_be_gone") and not mariadb.is_there(user, name):
        say(f"{name}: there is no such database: nothing of it to keep")
        return {}
    out.write(_mark(word, name))
    _dump(user, name, tally, out.write)
    return tally.facts()


def read(stream: IO[bytes], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Raises Failed where none of it could be restored, for want of applications or of users."""
    users, names = _users(settings), set[str]()
    tally = Tally()
    for name, lines in _databases(stream, settings):
        names.add(name)
        _count(name, lines, tally)
    for name in names & set(users):
        _sure(users[name])
    if names and not names & set(users):
        raise Failed(
            f"no application in beeyard.yml has a database that is in the backup, which holds "
            f"{', '.join(sorted(names))}"
        )
    return tally.facts()


def verify(stream: IO[bytes], settings: Mapping[str, Any]) -> dict[str, Any]:
    tally = Tally()
    with scratch(settings["scratch_image"]) as root:
        for name, lines in _databases(stream, settings):
            say(f"{name}: restoring into a scratch server")
            user = mariadb.like_an_application(root, name)
            mariadb.feed(user, by_who_restores(lines, name))
            _dump(user, name, tally, _nothing)
    return tally.facts()


def restore(stream: IO[bytes], settings: Mapping[str, Any]) -> dict[str, Any]:
    """A database that no application of the cluster has any more is left out, with a word; it
    counts as it is in the backup."""
    users = _users(settings)
    tally = Tally()
    for name, lines in _databases(stream, settings):
        if name not in users:
            say(f"{name}: left out: no application of that name has a database in beeyard.yml")
            _count(name, lines, tally)
            continue
        user = _sure(users[name])
        say(f"{name}: restoring")
        if ended := mariadb.end_others(user):
            say(f"{name}: {ended} connections were ended")
        mariadb.feed(user, by_who_restores(lines, name))
        _dump(user, name, tally, _nothing)
    return tally.facts()


def _users(settings: Mapping[str, Any]) -> dict[str, mariadb.User | Failed]:
    """Who restores each database, or why nobody can: asked before anything is touched, and of no
    matter for one that the backup does not have."""
    found: dict[str, mariadb.User | Failed] = {}
    for one in settings["databases"]:
        try:
            found[str(one["name"])] = _user(settings, one)
        except Failed as error:
            found[str(one["name"])] = error
    return found


def _sure(user: mariadb.User | Failed) -> mariadb.User:
    if isinstance(user, Failed):
        raise user
    return user


def _count(name: str, lines: Iterator[bytes], tally: Tally) -> None:
    digest = Digest(name, tally)
    for line in lines:
        digest.line(line)


def _nothing(_: bytes) -> None:
    """For what is only looked at."""


def _dump(user: mariadb.User, name: str, tally: Tally, hand_on: Callable[[bytes], Any]) -> None:
    """Dump a database line by line, and count what is in it. A row is one line, held in memory."""
    digest = Digest(name, tally)
    with mariadb.dump(user, name) as lines:
        for line in lines:
            digest.line(line)
            hand_on(line)


def _databases(
    stream: IO[bytes], settings: Mapping[str, Any]
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Each dump's name and lines; those of one have to be read before the next is asked for. What
    is there of one that broke off (`left_out`) is passed over."""
    first = stream.readline()
    if not first.startswith(_FIRST):
        raise Damaged("this is no backup of databases")
    start = _mark(first.removeprefix(_FIRST).strip(), "")[:-1]
    following = [stream.readline()]

    def lines() -> Iterator[bytes]:
        for line in stream:
            if line.startswith(start):
                following.append(line)
                return
            yield line
        following.append(b"")

    while mark := following.pop():
        inner = lines()
        # Where none begins, it is the end of one that was left out before it began.
        name = mark.removeprefix(start).strip().decode() if mark.startswith(start) else None
        if name is not None and name not in settings.get("left_out", ()):
            yield name, inner
        for _ in inner:
            pass


def _mark(word: bytes, name: str) -> bytes:
    return _FIRST + word + b" database " + name.encode() + b"\n"


def _user(settings: Mapping[str, Any], one: Mapping[str, Any]) -> mariadb.User:
    """The application's own user, which has all rights in its database, and none elsewhere: the
    one of the two whose turn it is."""
    try:
        password = Path(one["password"]).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Failed(
            f"the password of {one['name']} is not on this node ({error.strerror}): "
            "it is in /etc/beeyard/secrets of the first manager"
        ) from error
    why = []
    for name in users_of(str(one["name"])):
        user = mariadb.User(name, password, settings["address"], settings["port"])
        if not (words := mariadb.refused(user)):
            return user
        why.append(f"{name}: {words}")
    raise Failed(
        f"the database server lets in none of the users of {one['name']} with the password in "
        f"{one['password']} ({'; '.join(why)}): where a rotation was cut short, run `beeyard "
        "rotate database-password` again"
    )
