"""What comes into a workspace: of a folder on this machine, and of a commit in a repository."""

import io
import os
import socket
import tarfile
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from beeyard.pipelines.archive import SourceError, all_below, tar_of
from beeyard.pipelines.cancel import Cancel
from beeyard.pipelines.git_source import GitSource
from beeyard.pipelines.plan import Credentials
from beeyard.pipelines.source import FolderSource, Source
from beeyard.secret import Secret
from beeyard.testing import FakeRunner
from pipelines.repositories import PASSWORD, USER, Repository, served

FILE = frozenset({"file"})


def unpack(pieces: Iterable[bytes]) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar:
        return {one.name: one for one in tar.getmembers()}


def contents(source: Source, folder: Path, said: list[str] | None = None) -> Path:
    """Where a source's archive was unpacked."""
    said = [] if said is None else said
    with source.archive(said.append, Cancel()) as pieces:
        data = io.BytesIO(b"".join(pieces))
    with tarfile.open(fileobj=data) as tar:
        tar.extractall(folder, filter="tar")
    return folder


def names(folder: Path) -> set[str]:
    """Files and links, without Git's own."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if (path.is_file() or path.is_symlink()) and ".git" not in path.parts
    }


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


# The archive.


def test_an_archive_has_what_there_is_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir(mode=0o750)
    (tmp_path / "bin" / "run").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "run").chmod(0o755)
    (tmp_path / "link").symlink_to("bin/run")
    (tmp_path / "away").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / ("long " * 50)).write_text("x" * 1000)
    found = unpack(tar_of(tmp_path, all_below(tmp_path)))
    assert set(found) == {"bin", "bin/run", "link", "away", "long " * 50}
    assert (found["bin"].isdir(), found["bin"].mode) == (True, 0o750)
    assert (found["bin/run"].mode, found["bin/run"].size) == (0o755, 10)
    assert (found["link"].linkname, found["away"].linkname) == ("bin/run", "/etc")
    assert {one.uid for one in found.values()} == {0}


def test_folders_come_with_their_files_and_only_once(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/b/1", "a/b/2", "a/3"):
        (tmp_path / name).touch()
    data = b"".join(tar_of(tmp_path, ["a/b/1", "a/b/2", "a/3", "a/b/1", "gone"]))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getnames() == ["a", "a/b", "a/b/1", "a/b/2", "a/3"]


def test_names_need_not_be_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9")
    path.touch()
    assert path.name in unpack(tar_of(tmp_path, all_below(tmp_path)))


def test_a_file_that_shrinks_or_grows_meanwhile_does_not_break_it(tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        (tmp_path / name).write_bytes(b"x" * 2000)
    pieces = []
    for piece in tar_of(tmp_path, ["1", "2", "3"]):
        pieces.append(piece)
        if b"2" in piece[:1]:
            (tmp_path / "2").write_bytes(b"y" * 10)
        if b"3" in piece[:1]:
            (tmp_path / "3").write_bytes(b"z" * 5000)
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar:
        second, third = tar.extractfile("2"), tar.extractfile("3")
        assert second is not None
        assert third is not None
        assert second.read() == b"y" * 10 + bytes(1990)
        assert third.read() == b"z" * 2000


def test_a_large_file_comes_in_pieces(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(50 * 2**20)
    sizes = [len(piece) for piece in tar_of(tmp_path, ["large"])]
    assert sum(sizes) == 512 + 50 * 2**20 + 1024
    assert max(sizes) <= 2**20


# A folder.


def test_of_a_folder_comes_what_git_would_take(repository: Repository, tmp_path: Path) -> None:
    repository.commit("src/kept.txt")
    repository.commit("src/deleted.txt")
    repository.commit(".gitignore", "node_modules\n*.env\n")
    (repository.folder / "src" / "deleted.txt").unlink()
    (repository.folder / "src" / "kept.txt").write_text("changed\n")
    (repository.folder / "new \N{SNOWMAN}.txt").touch()
    (repository.folder / "secret.env").touch()
    (repository.folder / "node_modules").mkdir()
    (repository.folder / "node_modules" / "x.js").touch()
    got = contents(FolderSource(repository.folder), tmp_path / "got")
    assert names(got) == {"src/kept.txt", ".gitignore", "new \N{SNOWMAN}.txt"}
    assert (got / "src" / "kept.txt").read_text() == "changed\n"
    assert Repository.git(_at(got), "rev-parse", "HEAD") == repository.git("rev-parse", "HEAD")


def _at(folder: Path) -> Repository:
    """A repository that is there already."""
    found = Repository.__new__(Repository)
    found.folder = folder
    return found


def test_of_a_folder_within_a_repository_comes_that_alone(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit("a/1.txt")
    repository.commit("b/2.txt")
    got = contents(FolderSource(repository.folder / "a"), tmp_path / "got")
    assert names(got) == {"1.txt"}


def test_of_a_folder_that_git_does_not_know_comes_everything(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "x.env").touch()
    said: list[str] = []
    assert names(contents(FolderSource(folder), tmp_path / "got", said)) == {"x.env"}
    assert said == [f"copying all of {folder}: Git does not know it"]


def test_a_submodule_comes_with_its_files(repository: Repository, tmp_path: Path) -> None:
    other = Repository(tmp_path / "other")
    other.commit("lib.txt")
    repository.commit()
    repository.git("-c", "protocol.file.allow=always", "submodule", "add", other.url, "sub")
    got = contents(FolderSource(repository.folder), tmp_path / "got")
    assert {"sub/lib.txt", "a.txt"} <= names(got)


def test_what_git_refuses_is_said(tmp_path: Path) -> None:
    runner = FakeRunner().expect("git", ..., code=128, stderr="fatal: detected dubious ownership")
    with (
        pytest.raises(SourceError) as raised,
        FolderSource(tmp_path, runner).archive(lambda _: None, Cancel()),
    ):
        pass
    assert raised.value.why == "fatal: detected dubious ownership"


def test_without_git_everything_comes(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    runner = FakeRunner().expect("git", ..., missing=True)
    with FolderSource(tmp_path, runner).archive(lambda _: None, Cancel()) as pieces:
        assert set(unpack(pieces)) == {"a"}


def test_copying_ends_with_the_wish_to_stop(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(10 * 2**20))
    cancel = Cancel()
    with FolderSource(tmp_path).archive(lambda _: None, cancel) as pieces:
        iterator = iter(pieces)
        next(iterator)
        cancel.set()
        with pytest.raises(SourceError, match="not copied to the end"):
            next(iterator)


# A repository.


def test_a_branch_is_checked_out_under_its_name(repository: Repository, tmp_path: Path) -> None:
    first = repository.commit(text="1\n")
    second = repository.commit(text="2\n")
    repository.commit(text="3\n")
    said: list[str] = []
    source = GitSource(repository.url, "refs/heads/main", second, schemes=FILE)
    got = contents(source, tmp_path / "got", said)
    git = _at(got).git
    assert (got / "a.txt").read_text() == "2\n"
    assert git("rev-parse", "HEAD", "--abbrev-ref", "HEAD").split() == [second, "main"]
    assert git("rev-parse", "origin/main", "HEAD~1").split() == [second, first]
    assert git("status", "--porcelain") == ""
    assert git("remote", "get-url", "origin") == repository.url
    assert said[0].endswith("-- origin +refs/heads/main:refs/remotes/origin/main")


def test_a_tag_is_checked_out_and_can_be_described(repository: Repository, tmp_path: Path) -> None:
    commit = repository.commit()
    repository.git("tag", "--annotate", "--message", "one", "v1.0")
    got = contents(
        GitSource(repository.url, "refs/tags/v1.0", commit, schemes=FILE), tmp_path / "got"
    )
    assert _at(got).git("describe", "--exact-match") == "v1.0"


def test_a_pull_request_is_checked_out_by_its_own_reference(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit(text="main\n")
    repository.git("checkout", "--quiet", "-b", "other")
    commit = repository.commit(text="theirs\n")
    repository.git("update-ref", "refs/pull/7/head", commit)
    repository.git("checkout", "--quiet", "main")
    repository.git("branch", "--quiet", "-D", "other")
    source = GitSource(repository.url, "refs/pull/7/head", commit, schemes=FILE)
    assert (contents(source, tmp_path / "got") / "a.txt").read_text() == "theirs\n"


@pytest.mark.parametrize("moved_on", [0, 1, 5])
def test_a_depth_is_kept_and_the_commit_is_had_all_the_same(
    repository: Repository, tmp_path: Path, moved_on: int
) -> None:
    for index in range(4):
        commit = repository.commit(text=f"{index}\n")
    for index in range(moved_on):
        repository.commit(text=f"later {index}\n")
    source = GitSource(repository.url, "refs/heads/main", commit, depth=2, schemes=FILE)
    got = contents(source, tmp_path / "got")
    assert (got / "a.txt").read_text() == "3\n"
    assert _at(got).git("rev-list", "--count", "HEAD") in {"1", "2"}


def test_a_branch_that_is_gone_by_now_is_no_hindrance(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit(text="main\n")
    repository.git("checkout", "--quiet", "-b", "short-lived")
    commit = repository.commit(text="2\n")
    repository.git("tag", "keeps-it")
    repository.git("checkout", "--quiet", "main")
    repository.git("branch", "--quiet", "-D", "short-lived")
    source = GitSource(repository.url, "refs/heads/short-lived", commit, schemes=FILE)
    assert (contents(source, tmp_path / "got") / "a.txt").read_text() == "2\n"


def test_a_commit_that_is_not_there_is_said(repository: Repository, tmp_path: Path) -> None:
    repository.commit()
    source = GitSource(repository.url, "refs/heads/main", "0" * 40, depth=1, schemes=FILE)
    with pytest.raises(SourceError) as raised:
        contents(source, tmp_path / "got")
    assert raised.value.what == f"commit {'0' * 40} can't be fetched"
    assert raised.value.where == repository.url
    assert raised.value.why


HOSTILE = (
    "--upload-pack=touch ran",
    "-x",
    "$(touch ran)",
    "`touch ran`",
    ";touch ran",
    "../../ran",
    "a b",
    "main:refs/heads/other",
    "*",
    "HEAD",
    "main",
    "",
)


@pytest.mark.parametrize("ref", [*HOSTILE, *(f"refs/heads/{one}" for one in HOSTILE)])
def test_a_hostile_reference_runs_nothing_and_reaches_no_place(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ref: str
) -> None:
    """Some of these are names of branches that Git takes; then they are just that."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    commit = repository.commit()
    source = GitSource(repository.url, ref, commit, schemes=FILE)
    if repository.is_name(ref):
        got = contents(source, tmp_path / "got")
        assert names(got) == {"a.txt"}
        assert _at(got).git("symbolic-ref", "HEAD") == ref
    else:
        with pytest.raises(SourceError, match="that is no reference's full name"):
            contents(source, tmp_path / "got")
    assert not list(tmp_path.rglob("ran"))


def test_a_branch_named_like_an_option_is_just_a_branch(
    repository: Repository, tmp_path: Path
) -> None:
    commit = repository.commit()
    name = "refs/heads/--upload-pack=touch${IFS}ran"
    repository.git("update-ref", name, commit)
    got = contents(GitSource(repository.url, name, commit, schemes=FILE), tmp_path / "got")
    assert names(got) == {"a.txt"}
    assert not list(tmp_path.rglob("ran"))


@pytest.mark.parametrize("commit", ["HEAD", "--all", "abc", "0" * 39, "0" * 41, "G" * 40, ""])
def test_only_a_whole_commit_is_one(tmp_path: Path, commit: str) -> None:
    with pytest.raises(SourceError, match="that is no commit's name"):
        contents(GitSource("https://127.0.0.1:1/x", "refs/heads/main", commit), tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c 'touch ran'",
        "file:///etc",
        "/etc",
        "../x",
        "-x",
        "--upload-pack=x",
        "git@example.com:x",
        "",
    ],
)
def test_only_some_schemes_are_cloned(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceError, match="the repository's URL is not one that is cloned"):
        contents(GitSource(url, "refs/heads/main", "0" * 40), tmp_path)


def test_what_a_repository_holds_is_not_run(repository: Repository, tmp_path: Path) -> None:
    repository.commit(".gitattributes", "* filter=evil\n")
    repository.commit(".gitmodules", '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% ran\n')
    (repository.folder / "link").symlink_to("/etc/passwd")
    repository.git("add", "--all")
    commit = repository.commit("a.txt")
    repository.git("config", "filter.evil.smudge", "touch ran")
    got = contents(
        GitSource(repository.url, "refs/heads/main", commit, schemes=FILE), tmp_path / "got"
    )
    assert (got / "link").is_symlink()
    assert not list(tmp_path.rglob("ran"))


def test_a_sign_in_reaches_git_by_its_environment_alone(
    repository: Repository, tmp_path: Path
) -> None:
    commit = repository.commit()
    with served(tmp_path) as url:
        source = GitSource(
            f"{url}/repository/.git",
            "refs/heads/main",
            commit,
            depth=1,
            credentials=Credentials(USER, Secret(PASSWORD)),
        )
        said: list[str] = []
        got = contents(source, tmp_path / "got", said)
    assert names(got) == {"a.txt"}
    assert PASSWORD not in "".join(said)
    assert PASSWORD not in (got / ".git" / "config").read_text()
    assert "credential" not in (got / ".git" / "config").read_text()


def test_a_sign_in_within_the_url_is_taken_out_of_it(
    repository: Repository, tmp_path: Path
) -> None:
    commit = repository.commit()
    with served(tmp_path) as url:
        inside = url.replace("http://", "http://ci:p%3Ass%20w%40rd@")
        source = GitSource(f"{inside}/repository/.git", "refs/heads/main", commit)
        got = contents(source, tmp_path / "got")
    assert names(got) == {"a.txt"}
    assert f"url = {url}/repository/.git" in (got / ".git" / "config").read_text()


def test_a_wrong_sign_in_is_said_and_nobody_is_asked(
    repository: Repository, tmp_path: Path
) -> None:
    commit = repository.commit()
    with served(tmp_path) as url:
        source = GitSource(
            f"{url}/repository/.git",
            "refs/heads/main",
            commit,
            credentials=Credentials(USER, Secret("wr0ng")),
        )
        with pytest.raises(SourceError) as raised:
            contents(source, tmp_path / "got")
    assert "Authentication failed" in str(raised.value.why)
    assert "wr0ng" not in str(raised.value.why)


def test_what_fails_is_tried_again(repository: Repository, tmp_path: Path) -> None:
    commit = repository.commit()
    said: list[str] = []
    with pytest.raises(SourceError):
        contents(
            GitSource("http://127.0.0.1:1/none", "refs/heads/main", commit, retries=2),
            tmp_path / "got",
            said,
        )
    assert len([line for line in said if line.startswith("fatal: ")]) == 2 * 3


def test_a_clone_ends_with_the_wish_to_stop(tmp_path: Path) -> None:
    """As where a server says nothing."""
    cancel = Cancel()

    def accept(silent: socket.socket) -> None:
        connection, _ = silent.accept()
        cancel.set()
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = GitSource(
            f"http://127.0.0.1:{silent.getsockname()[1]}/none", "refs/heads/main", "0" * 40
        )
        thread = threading.Thread(target=accept, args=(silent,), daemon=True)
        thread.start()
        with (
            pytest.raises(SourceError) as raised,
            source.archive(lambda _: None, cancel),
        ):
            pass
        thread.join(10)
    assert raised.value.why == "cancelled"
