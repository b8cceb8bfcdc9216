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
from scratch import scratch
from words import Damaged, Failed, say

_FIRST = b"-- beeyard "


def versions(settings: Mapping[str, Any]) -> dict[str, str]:
    first = settings["databases"][0]
    server = mariadb.ask(_user(settings, first), "SELECT VERSION()")
    return {"mariadb-dump": mariadb.version(), "server": server}


def write(out: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Where `may_be_gone` is set, a database that is not there is left out."""
    word = secrets.token_hex(16).encode()
    out.write(_FIRST + word + b"\n")
    tally = Tally()
    for one in settings["databases"]:
        name = str(one["name"])
        user = _user(settings, one)
        if settings.get("may_be_gone") and not mariadb.is_there(user, name):
            say(f"{name}: there is no such database: nothing of it to keep")
            continue
        out.write(_mark(word, name))
        _dump(user, name, tally, out.write)
    return tally.facts()


def read(stream: IO[bytes], settings: Mapping[str, Any]) -> dict[str, Any]:
    tally = Tally()
    for name, lines in _databases(stream, settings):
        digest = Digest(name, tally)
        for line in lines:
            digest.line(line)
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
    users = {str(one["name"]): _user(settings, one) for one in settings["databases"]}
    tally = Tally()
    for name, lines in _databases(stream, settings):
        say(f"{name}: restoring")
        ended = mariadb.end_others(users[name])
        if ended:
            say(f"{name}: {ended} connections were ended")
        mariadb.feed(users[name], by_who_restores(lines, name))
        _dump(users[name], name, tally, _nothing)
    return tally.facts()


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
    """Each dump's name and lines; those of one have to be read before the next is asked for."""
    first = stream.readline()
    if not first.startswith(_FIRST):
        raise Damaged("this is no backup of databases")
    start = _mark(first.removeprefix(_FIRST).strip(), "")[:-1]
    known = {str(one["name"]) for one in settings["databases"]}
    following = [stream.readline()]

    def lines() -> Iterator[bytes]:
        for line in stream:
            if line.startswith(start):
                following.append(line)
                return
            yield line
        following.append(b"")

    while mark := following.pop():
        name = mark.removeprefix(start).strip().decode()
        if name not in known:
            raise Failed(f"the backup has a database {name}, and the cluster has none of that name")
        inner = lines()
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
