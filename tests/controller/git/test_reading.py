"""Reading a repository for the rest of the controller."""

import asyncio
import os
import tarfile
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from beeyard.controller.git import (
    NOTHING,
    Commit,
    GitError,
    Repositories,
    Repository,
    Signature,
    archive,
    changed_paths,
    commit,
    default_branch,
    file_at,
    is_ancestor,
    log,
    refs,
    resolve,
)
from controller.git.served import Work, new_work

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """A working copy with three commits on `main`, one on `side`, and tags."""
    work = new_work(tmp_path_factory.mktemp("reading") / "work")
    work.commit("first\n\nwith a body\n\n", a_txt="one", _drone_yml="kind: pipeline\n")
    work.git("tag", "light")
    work.commit("second", a_txt="two", b__c_txt="three")
    work.git("tag", "--annotate", "-m", "heavy", "heavy")
    work.git("mv", "a.txt", "moved.txt")
    work.commit("third: über")
    work.git("branch", "side", "light")
    return work


@pytest.fixture(scope="module")
def repository(copy: Work, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = run(Repositories(tmp_path_factory.mktemp("read")).create("app"))
    copy.git("push", "--quiet", str(made.path), "--all")
    copy.git("push", "--quiet", str(made.path), "--tags")
    return made


class TestHistory:
    def test_refs_are_listed_with_what_they_name(self, copy: Work, repository: Repository) -> None:
        assert run(refs(repository)) == {
            "refs/heads/main": copy.head("main"),
            "refs/heads/side": copy.head("light"),
            "refs/tags/heavy": copy.head("refs/tags/heavy"),
            "refs/tags/light": copy.head("light"),
        }

    def test_names_lead_to_commits(self, copy: Work, repository: Repository) -> None:
        second = copy.head("main~1")
        tag = copy.head("refs/tags/heavy")
        assert tag != second
        for name in ("refs/tags/heavy", tag, second):
            assert run(resolve(repository, name)) == second
        assert run(resolve(repository, "refs/heads/none")) is None
        assert run(resolve(repository, "1" * 40)) is None
        assert run(resolve(repository, copy.head("main^{tree}"))) is None

    @pytest.mark.parametrize(
        "name",
        [
            "main",
            "HEAD",
            "",
            "-x",
            "--all",
            "refs/heads/main~1",
            "refs/heads/x@{0}",
            "1" * 39,
            "refs/heads/main^{tree}",
            ":/first",
            "refs/../config",
        ],
    )
    def test_other_names_are_refused(self, repository: Repository, name: str) -> None:
        for question in (
            resolve(repository, name),
            log(repository, name, 1),
            is_ancestor(repository, name, "1" * 40),
            is_ancestor(repository, "1" * 40, name),
            changed_paths(repository, NOTHING, name),
            file_at(repository, name, "a.txt", 10),
        ):
            with pytest.raises(GitError, match="names no commit, branch or tag"):
                run(question)

    def test_the_default_branch_has_a_name(self, repository: Repository) -> None:
        assert run(default_branch(repository)) == "main"

    def test_a_commit_has_its_facts(self, copy: Work, repository: Repository) -> None:
        found = run(commit(repository, "refs/tags/light"))
        who = found.author
        assert found == Commit(copy.head("light"), (), who, who, "first\n\nwith a body")
        assert (who.name, who.email) == ("Somebody", "somebody@example.com")
        assert abs((datetime.now(UTC) - who.at).total_seconds()) < 600
        assert found.title == "first"
        assert run(commit(repository, "refs/heads/main")).parents == (copy.head("main~1"),)

    def test_there_is_no_commit_where_there_is_none(self, repository: Repository) -> None:
        with pytest.raises(GitError, match="has no commit 1111"):
            run(commit(repository, "1" * 40))

    def test_the_log_is_newest_first(self, repository: Repository) -> None:
        found = run(log(repository, "refs/heads/main", 2))
        assert [one.title for one in found] == ["third: über", "second"]
        assert len(run(log(repository, "refs/heads/main", 99))) == 3

    def test_ancestors_are_told_apart(self, copy: Work, repository: Repository) -> None:
        assert run(is_ancestor(repository, "refs/heads/side", "refs/heads/main"))
        assert not run(is_ancestor(repository, "refs/heads/main", "refs/heads/side"))
        assert run(is_ancestor(repository, copy.head("main"), "refs/heads/main"))
        with pytest.raises(GitError):
            run(is_ancestor(repository, "1" * 40, "refs/heads/main"))

    def test_changed_files_are_named(self, copy: Work, repository: Repository) -> None:
        first, second = copy.head("main~2"), copy.head("main~1")
        assert run(changed_paths(repository, first, second)) == ("a.txt", "b/c.txt")
        assert run(changed_paths(repository, second, "refs/heads/main")) == ("a.txt", "moved.txt")
        assert run(changed_paths(repository, NOTHING, first)) == (".drone.yml", "a.txt")
        assert run(changed_paths(repository, first, first)) == ()

    def test_what_a_commit_says_of_itself_is_only_words(
        self, repository: Repository, copy: Work
    ) -> None:
        """Fields that end others, bytes of other alphabets, times that never were."""
        tree = copy.git("rev-parse", "main^{tree}").stdout.strip()
        raw = (
            f"tree {tree}\nauthor %H\x1b[31m <a@b\r> 99999999999999 +9999\n"
            "committer \udcff\udcfe <> 1 +0000\n\n%x00 title\x01 \udcff\n"
        ).encode(errors="surrogateescape")
        made = copy.git(
            "hash-object", "-t", "commit", "-w", "--stdin", "--literally", data=raw
        ).stdout.strip()
        copy.git("push", "--quiet", str(repository.path), f"{made}:refs/heads/odd")
        found = run(commit(repository, "refs/heads/odd"))
        epoch = datetime.fromtimestamp(0, UTC)
        assert found.id == made
        assert found.author == Signature("%H\x1b[31m", "a@b\r", epoch)
        assert found.committer.email == ""
        assert found.message == "%x00 title\x01 \ufffd"


class TestFiles:
    def test_a_file_is_read_as_it_was(self, copy: Work, repository: Repository) -> None:
        assert run(file_at(repository, copy.head("light"), "a.txt", 3)) == b"one"
        assert run(file_at(repository, copy.head("main~1"), "a.txt", 3)) == b"two"
        assert run(file_at(repository, "refs/heads/main", "b/c.txt", 10)) == b"three"
        assert run(file_at(repository, "refs/tags/heavy", ".drone.yml", 99)) == b"kind: pipeline\n"

    @pytest.mark.parametrize("path", ["a.txt", "b/d.txt", "no/such", "*.txt", ":(top)a.txt", "-x"])
    def test_one_that_is_not_there_is_none(self, repository: Repository, path: str) -> None:
        assert run(file_at(repository, "refs/heads/main", path, 10)) is None

    def test_one_that_is_too_large_is_not_read(self, copy: Work, repository: Repository) -> None:
        with pytest.raises(GitError, match=r"a\.txt has 3 bytes, and 2 is the most"):
            run(file_at(repository, copy.head("light"), "a.txt", 2))

    @pytest.mark.parametrize("path", ["", "/a", "../a", "a/../b", "./a", "a//b", "a/", "a\0b"])
    def test_a_path_stays_within(self, repository: Repository, path: str) -> None:
        with pytest.raises(GitError, match="no path within a repository"):
            run(file_at(repository, "refs/heads/main", path, 10))

    def test_neither_folder_nor_link_is_a_file(
        self, copy: Work, repository: Repository, tmp_path: Path
    ) -> None:
        work = other_copy(repository, tmp_path)
        (work.folder / "link").symlink_to("/etc/passwd")
        work.commit()
        work.git("push", "--quiet", "origin", "HEAD:refs/heads/links")
        for path in ("b", "link"):
            with pytest.raises(GitError, match="is no file"):
                run(file_at(repository, "refs/heads/links", path, 99))

    def test_a_commit_that_is_not_there_has_no_files(self, repository: Repository) -> None:
        with pytest.raises(GitError, match="`git ls-tree` failed"):
            run(file_at(repository, "1" * 40, "a.txt", 10))


def other_copy(repository: Repository, folder: Path) -> Work:
    work = new_work(folder / "other")
    work.git("remote", "add", "origin", str(repository.path))
    work.git("pull", "--quiet", "origin", "main")
    return work


class TestArchive:
    def test_it_has_what_a_checkout_has(self, repository: Repository, tmp_path: Path) -> None:
        work = other_copy(repository, tmp_path)
        (work.folder / "inside").symlink_to("b/c.txt")
        (work.folder / "run.sh").write_text("#!/bin/sh\n")
        (work.folder / "run.sh").chmod(0o755)
        work.commit(_gitattributes="b export-ignore\n*.subst export-subst\n", x_subst="$Format:%H$")
        work.git("push", "--quiet", "origin", "HEAD:refs/heads/archived")
        target = tmp_path / "target"
        target.mkdir()
        run(archive(repository, "refs/heads/archived", target))
        found = sorted(str(path.relative_to(target)) for path in target.rglob("*"))
        assert found == [
            ".drone.yml",
            ".gitattributes",
            "b",
            "b/c.txt",
            "inside",
            "moved.txt",
            "run.sh",
            "x.subst",
        ]
        assert (target / "x.subst").read_text() == "$Format:%H$"
        assert (target / "inside").read_text() == "three"
        assert os.access(target / "run.sh", os.X_OK)

    @pytest.mark.parametrize("to", ["/etc/passwd", "../../outside", "b/../../../outside"])
    def test_links_that_lead_out_are_refused(
        self, repository: Repository, tmp_path: Path, to: str
    ) -> None:
        work = other_copy(repository, tmp_path)
        (work.folder / "link").symlink_to(to)
        work.commit()
        work.git("push", "--quiet", "origin", f"HEAD:refs/heads/out{abs(hash(to))}")
        target = tmp_path / "deep" / "target"
        target.mkdir(parents=True)
        with pytest.raises(GitError, match="may not be written"):
            run(archive(repository, work.head(), target))
        assert not (target / "link").is_symlink()

    def test_no_file_is_written_through_a_link(
        self, repository: Repository, tmp_path: Path
    ) -> None:
        """A tree that has a name twice: a link, and a folder with files to go where it leads."""
        work = other_copy(repository, tmp_path)
        outside = tmp_path / "outside"
        outside.mkdir()
        blob = work.git("hash-object", "-w", "--stdin", data=b"evil").stdout.strip()
        link = work.git("hash-object", "-w", "--stdin", data=str(outside).encode()).stdout.strip()
        inner = work.git("mktree", data=f"100644 blob {blob}\tevil\n".encode()).stdout.strip()
        entries = b"".join(
            mode + b" a\0" + bytes.fromhex(name)
            for mode, name in ((b"120000", link), (b"40000", inner))
        )
        tree = work.git(
            "hash-object", "-t", "tree", "-w", "--stdin", "--literally", data=entries
        ).stdout.strip()
        made = work.git("commit-tree", "-m", "x", tree).stdout.strip()
        work.git("push", "--quiet", "origin", f"{made}:refs/heads/twice")
        target = tmp_path / "target"
        target.mkdir()
        with pytest.raises(GitError):
            run(archive(repository, made, target))
        assert list(outside.iterdir()) == []

    def test_it_has_a_limit(self, repository: Repository, tmp_path: Path) -> None:
        work = other_copy(repository, tmp_path)
        work.commit(zeros="\0" * 5_000_000)
        work.git("push", "--quiet", "origin", "HEAD:refs/heads/zeros")
        target = tmp_path / "target"
        target.mkdir()
        with pytest.raises(GitError, match="have more than 1000000 bytes"):
            run(archive(repository, work.head(), target, 1_000_000))
        assert sum(path.stat().st_size for path in target.rglob("*")) < 1_100_000

    def test_a_commit_that_is_not_there_is_named(
        self, repository: Repository, tmp_path: Path
    ) -> None:
        with pytest.raises(GitError, match="`git archive` failed") as caught:
            run(archive(repository, "1" * 40, tmp_path))
        assert "not a tree object" in str(caught.value.why)

    def test_python_has_the_filter(self) -> None:
        """Which links are refused by: since 3.11.4."""
        assert callable(tarfile.data_filter)
