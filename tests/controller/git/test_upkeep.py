"""Making repositories, tidying them, and finding out what nobody was told of."""

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from beeyard.controller.git import (
    NOTHING,
    GitError,
    Repositories,
    Repository,
    commit,
    maintain,
    missed,
    resolve,
)
from controller.git.served import Served, Work


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    return Repositories(tmp_path / "repositories")


class TestMaking:
    def test_many_make_one_at_once(self, repositories: Repositories) -> None:
        async def make() -> set[Repository]:
            return set(await asyncio.gather(*(repositories.create("app") for _ in range(5))))

        assert len(asyncio.run(make())) == 1
        assert [path.name for path in repositories.folder.iterdir()] == ["app.git"]

    def test_what_is_there_stays(self, repositories: Repositories, work: Work) -> None:
        made = asyncio.run(repositories.create("app"))
        work.commit()
        work.git("push", "--quiet", str(made.path), "main")
        again = asyncio.run(repositories.create("app"))
        assert asyncio.run(resolve(again, "refs/heads/main")) == work.head()

    @pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "A", "-x", "beeyard", "x\n", "ä"])
    def test_other_names_are_none(self, repositories: Repositories, name: str) -> None:
        assert asyncio.run(repositories.find(name)) is None
        with pytest.raises(GitError, match="can't name an application"):
            asyncio.run(repositories.create(name))
        assert list(repositories.folder.iterdir()) == []

    def test_all_are_listed_but_for_those_that_are_broken(
        self, repositories: Repositories, caplog: pytest.LogCaptureFixture
    ) -> None:
        for name in ("two", "one"):
            asyncio.run(repositories.create(name))
        (repositories.folder / "Other.git").mkdir()
        (repositories.folder / "file.git").touch()
        assert [one.application for one in asyncio.run(repositories.all())] == ["one", "two"]
        assert "file.git is no folder" in caplog.text

    def test_a_folder_that_can_not_be_written_is_named(self, repositories: Repositories) -> None:
        repositories.folder.rmdir()
        repositories.folder.write_text("a file")
        with pytest.raises(GitError, match="the repository of app can't be opened"):
            asyncio.run(repositories.create("app"))


class TestMaintaining:
    def test_many_packs_become_one_and_nothing_is_lost(
        self, served: Served, work: Work, application: str
    ) -> None:
        commits = []
        for _ in range(3):
            commits.append(work.commit())
            work.git("push", "--quiet", served.url(application), "main")
        work.git("push", "--quiet", "--force", served.url(application), f"{commits[0]}:main")
        repository = Repository(application, served.path(application))
        assert len(packs(repository)) == 3
        assert asyncio.run(maintain(repository, 3))
        assert len(packs(repository)) <= 2
        # Left behind by the forced push, and kept for runs that are tried again.
        for one in commits:
            assert asyncio.run(commit(repository, one)).id == one
        assert not asyncio.run(maintain(repository, 3))
        work.git(f"--git-dir={repository.path}", "fsck", "--strict")

    def test_what_killed_processes_left_is_removed_when_it_is_old(
        self, served: Served, work: Work, application: str
    ) -> None:
        work.commit()
        work.git("push", "--quiet", served.url(application), "main")
        path = served.path(application)
        old = [
            path / "refs/heads/main.lock",
            path / "packed-refs.lock",
            path / "objects/tmp_objdir-incoming-x",
            path / "objects/pack/tmp_pack_x",
        ]
        new = [path / "refs/heads/new.lock", path / "objects/pack/tmp_pack_y"]
        for one in (*old, *new):
            one.mkdir() if "objdir" in one.name else one.touch()
        for one in old:
            days_ago = time.time() - 2 * 86_400
            os.utime(one, (days_ago, days_ago))
        repository = Repository(application, path)
        asyncio.run(maintain(repository))
        assert [one.exists() for one in (*old, *new)] == [False] * 4 + [True] * 2
        work.commit()
        work.git("push", "--quiet", served.url(application), "main")


def packs(repository: Repository) -> list[Path]:
    return list((repository.path / "objects/pack").glob("*.pack"))


class TestMissed:
    def test_what_is_known_is_not_missed(
        self, served: Served, work: Work, application: str
    ) -> None:
        one = work.commit()
        work.git("push", "--quiet", served.url(application), "main")
        repository = Repository(application, served.path(application))
        assert asyncio.run(missed(repository, {"refs/heads/main": one})) == ()

    def test_the_rest_comes_as_pushes_with_who_and_when(
        self, served: Served, work: Work, application: str
    ) -> None:
        one, two = work.commit(), work.commit()
        work.git("tag", "--annotate", "-m", "v1", "v1")
        work.git("push", "--quiet", served.url(application), "main", "v1", f"{one}:refs/heads/back")
        repository = Repository(application, served.path(application))
        known = {"refs/heads/main": one, "refs/heads/back": two, "refs/heads/gone": two}
        back, gone, main, tag = asyncio.run(missed(repository, known))
        assert (back.ref, back.before, back.after, back.forced) == (
            "refs/heads/back",
            two,
            one,
            True,
        )
        assert (gone.before, gone.after, gone.pusher) == (two, NOTHING, "")
        assert (main.before, main.after, main.forced) == (one, two, False)
        assert (tag.before, tag.after) == (NOTHING, work.head("refs/tags/v1"))
        for push in (back, main, tag):
            assert push.pusher == "operator"
            assert abs(datetime.now(UTC) - push.at) < timedelta(minutes=5)

    def test_without_a_log_it_is_nobodys(
        self, served: Served, work: Work, application: str
    ) -> None:
        one = work.commit()
        work.git("push", "--quiet", served.url(application), "main")
        log = served.path(application) / "logs/refs/heads/main"
        repository = Repository(application, served.path(application))
        for content in ("", "nonsense\n", log.read_text().replace(one, "1" * 40)):
            log.write_text(content)
            (push,) = asyncio.run(missed(repository, {}))
            assert (push.after, push.pusher) == (one, "")
        log.unlink()
        (push,) = asyncio.run(missed(repository, {}))
        assert (push.after, push.pusher) == (one, "")
