"""What is no Git at all, or only nearly."""

import pytest

from beeyard.controller.git.pktline import FLUSH, packet
from controller.git.processes import at_work
from controller.git.raw import compressed, created, head, pack_of, post, posted
from controller.git.served import Served, Work, new_work, until

ONE = "1" * 40


@pytest.fixture(scope="module")
def there(strict: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    work = new_work(tmp_path_factory.mktemp("malformed") / "work")
    work.commit()
    work.git("push", "--quiet", strict.url("malformed"), "main")
    return "malformed"


NO_PUSHES = {
    "no packets": b"hello, world",
    "a length that is none": b"zzzz",
    "a length with a sign": b"+0a1" + b"x" * 200,
    "a length with a space": b" 0a1" + b"x" * 200,
    "a length below its own": b"0003",
    "a divider": b"0001",
    "cut off in a packet": b"00ff" + b"x",
    "cut off before the flush": packet(created(ONE).encode()),
    "an id too short": head(f"{'0' * 39} {ONE} refs/heads/x"),
    "an id of other letters": head(f"{'g' * 40} {ONE} refs/heads/x"),
    "an id in capitals": head(f"{'A' * 40} {ONE} refs/heads/x"),
    "no ref": head(f"{'0' * 40} {ONE} "),
    "nothing": head(""),
    "a NUL in a later line": head(created(ONE), created(ONE, "refs/heads/a\0b")),
    "a signed push": packet(b"push-cert\0report-status\n") + FLUSH,
    "capabilities that are no text": packet(created(ONE).encode() + b"\0\xff") + FLUSH,
    "no end of options": head(created(ONE), capabilities="push-options") + b"0005x",
}


@pytest.mark.parametrize("body", NO_PUSHES.values(), ids=NO_PUSHES)
def test_what_is_no_push_is_refused(strict: Served, there: str, body: bytes) -> None:
    status, words = posted(strict.port, there, "git-receive-pack", body)
    assert status == 400
    assert words
    assert at_work(strict.path(there)) == []
    assert len(strict.pushed(there)) == 1


def test_an_empty_request_is_no_push(strict: Served, there: str) -> None:
    assert posted(strict.port, there, "git-receive-pack", b"")[0] == 400


def test_a_client_may_ask_whether_it_may_push(strict: Served, there: str) -> None:
    assert posted(strict.port, there, "git-receive-pack", FLUSH) == (200, b"")


def test_a_head_has_a_limit(served: Served, work: Work, application: str) -> None:
    work.commit()
    work.git("push", "--quiet", served.url(application), "main")
    body = head(*(created(ONE, f"refs/heads/{number:060}") for number in range(40_000)))
    status, words = posted(served.port, application, "git-receive-pack", body)
    assert status == 400
    assert b"too many branches and tags" in words


def test_a_pack_that_is_none_is_refused_in_words(strict: Served, there: str, work: Work) -> None:
    commit = work.commit()
    body = head(created(commit, "refs/heads/new")) + b"this is no pack"
    status, words = posted(strict.port, there, "git-receive-pack", body)
    assert status == 200
    assert b"ng refs/heads/new unpacker error" in words
    assert len(strict.pushed(there)) == 1


def test_a_commit_whose_files_are_not_sent_is_refused(
    strict: Served, there: str, work: Work
) -> None:
    commit = work.commit(a_txt="a")
    only = work.git("pack-objects", "--quiet", "part", data=f"{commit}\n".encode()).stdout.strip()
    pack = (work.folder / f"part-{only}.pack").read_bytes()
    body = head(created(commit, "refs/heads/new")) + pack
    status, words = posted(strict.port, there, "git-receive-pack", body)
    assert status == 200
    assert b"ng refs/heads/new" in words
    assert len(strict.pushed(there)) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"no gzip", b"the body is no gzip\n"),
        (compressed(FLUSH)[:-3], b"the compressed body is cut off\n"),
        (compressed(FLUSH) + b"x", b"something follows the compressed body\n"),
    ],
)
def test_a_broken_compression_is_refused(
    strict: Served, there: str, body: bytes, words: bytes
) -> None:
    said = posted(strict.port, there, "git-upload-pack", body, "Content-Encoding: gzip")
    assert said == (400, words)
    until(lambda: at_work(strict.path(there)) == [])


def test_a_compressed_push_is_taken(served: Served, work: Work, application: str) -> None:
    commit = work.commit()
    work.git("push", "--dry-run", served.url(application), "main")
    body = compressed(head(created(commit)) + pack_of(work, commit))
    status, words = posted(
        served.port, application, "git-receive-pack", body, "Content-Encoding: gzip"
    )
    assert (status, b"ok refs/heads/main" in words) == (200, True)
    assert served.pushed(application)[0].after == commit


def test_little_that_stands_for_very_much_is_not_unpacked(strict: Served, there: str) -> None:
    bomb = compressed(b"0000" * 25_000_000)
    assert len(bomb) < 200_000
    status, words = posted(strict.port, there, "git-upload-pack", bomb, "Content-Encoding: gzip")
    assert (status, words) == (413, b"a fetch may ask with 10000 bytes at most\n")


def test_what_is_no_fetch_is_refused(strict: Served, there: str) -> None:
    status, words = posted(strict.port, there, "git-upload-pack", b"hello, world")
    assert (status, words) == (400, b"Git did not understand the request\n")


@pytest.mark.parametrize("name", [b"refs/heads/\xff", b"refs/tags/a\xc3"])
def test_a_name_that_is_no_text_is_refused_by_its_name(
    strict: Served, there: str, name: bytes
) -> None:
    line = created(ONE, "").encode() + name
    status, words = posted(strict.port, there, "git-receive-pack", head(line))
    assert status == 200
    assert b"ng " + name + b" no UTF-8" in words
    assert b"names of branches and tags are UTF-8" in words


def test_a_client_without_bands_gets_the_report_alone(
    served: Served, work: Work, application: str
) -> None:
    commit = work.commit()
    work.git("push", "--dry-run", served.url(application), "main")
    body = head(created(commit), capabilities="report-status") + pack_of(work, commit)
    status, words = posted(served.port, application, "git-receive-pack", body)
    report = packet(b"unpack ok\n") + packet(b"ok refs/heads/main\n") + FLUSH
    assert (status, words) == (200, report)
    assert served.pushed(application)[0].after == commit


def test_a_client_that_wants_no_report_gets_none(
    served: Served, work: Work, application: str
) -> None:
    commit = work.commit()
    work.git("push", "--dry-run", served.url(application), "main")
    body = head(created(commit), capabilities="") + pack_of(work, commit)
    assert posted(served.port, application, "git-receive-pack", body) == (200, b"")
    assert served.pushed(application)[0].after == commit


def test_one_that_wants_no_report_hears_of_a_refusal(strict: Served, there: str) -> None:
    line = created(ONE, "").encode() + b"refs/heads/\xff"
    status, words = posted(strict.port, there, "git-receive-pack", head(line, capabilities=""))
    assert (status, words) == (403, b"names of branches and tags are UTF-8\n")


def test_a_body_is_asked_for_only_where_it_is_wanted(
    served: Served, work: Work, application: str
) -> None:
    """`Expect: 100-continue`, which Git's client sends before a large body."""
    work.commit()
    work.git("push", "--quiet", served.url(application), "main")
    expect = ["Expect: 100-continue"]
    with post(served.port, application, "git-receive-pack", expect) as connection:
        connection.read_until(b"HTTP/1.1 100 ")
        connection.send(FLUSH)
        connection.send(b"")
        assert connection.answer() == (200, b"")
    served.unknown.add(application)
    with post(served.port, application, "git-receive-pack", expect) as connection:
        assert connection.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 404 ")
