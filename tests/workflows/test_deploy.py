"""What a deploy finds out before it changes anything."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from apps.example import release
from beeyard.apps import Bundle, Hook, Stack, load_stack
from beeyard.errors import AppError, render
from beeyard.process import Command, LocalRunner
from beeyard.workflows import Cluster
from beeyard.workflows.deploy import Deployer, _images_asked_for, _same


def stack(folder: Path, **services: str) -> Stack:
    """A stack file whose services have an `image` or a `build`."""
    lines = [f"  {name}: {{{source}: a}}\n" for name, source in services.items()]
    (folder / "stack.yml").write_text("services:\n" + "".join(lines))
    return load_stack(folder / "stack.yml")


class TestImagesAskedFor:
    @pytest.mark.parametrize(
        ("services", "image", "expected"),
        [
            ({"web": "build"}, None, {}),
            ({"web": "build"}, "r/a:1", {"web": "r/a:1"}),
            ({"web": "image"}, "r/a:1", {"web": "r/a:1"}),
            ({"db": "image", "web": "build"}, "r/a:1", {"web": "r/a:1"}),
            ({"db": "image", "web": "build"}, "db=r/a:1", {"db": "r/a:1"}),
            ({"api": "build", "web": "build"}, "web=r/a:1", {"web": "r/a:1"}),
        ],
    )
    def test_it_is_clear_which_service_is_meant(
        self,
        tmp_path: Path,
        services: dict[str, str],
        image: str | None,
        expected: dict[str, str],
    ) -> None:
        assert _images_asked_for(stack(tmp_path, **services), image) == expected

    @pytest.mark.parametrize("source", ["build", "image"])
    def test_it_is_not(self, tmp_path: Path, source: str) -> None:
        with pytest.raises(AppError) as caught:
            _images_asked_for(stack(tmp_path, api=source, web=source), "r/a:1")
        assert render(caught.value) == (
            "error: `r/a:1` could be the image of several services: api, web\n"
            "  do:    say of which: --image api=r/a:1"
        )

    def test_there_is_no_such_service(self, tmp_path: Path) -> None:
        with pytest.raises(AppError) as caught:
            _images_asked_for(stack(tmp_path, web="build"), "wbe=r/a:1")
        assert render(caught.value) == (
            "error: `wbe=r/a:1` is the image of no service: there is no wbe\n"
            "  do:    name one of: web"
        )


class TestCommit:
    """With a real repository, in which the application is a folder."""

    @pytest.fixture(autouse=True)
    def _own_configuration(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
            monkeypatch.setenv(name, "/dev/null")
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "shop"
        folder.mkdir()
        (folder / "stack.yml").write_text("services: {web: {image: a}}\n")
        return folder

    @pytest.fixture
    def commit(
        self, tmp_path: Path, folder: Path, make_cluster: Callable[..., Cluster]
    ) -> Callable[[], str | None]:
        cluster = make_cluster(applications={"shop": {"path": "shop"}})
        hosts = cast(Any, SimpleNamespace(cluster=cluster))
        return Deployer(hosts, cast(Any, None), "shop")._commit

    def git(self, folder: Path, *words: str) -> str:
        who = ["-c", "user.name=me", "-c", "user.email=me@example.com"]
        return LocalRunner().run(Command(["git", "-C", str(folder), *who, *words])).stdout.strip()

    def made(self, folder: Path) -> str:
        self.git(folder.parent, "init", "--quiet")
        self.git(folder.parent, "add", ".")
        self.git(folder.parent, "commit", "--quiet", "--message", "first")
        return self.git(folder, "rev-parse", "HEAD")

    def test_where_nothing_has_changed(
        self, folder: Path, commit: Callable[[], str | None]
    ) -> None:
        first = self.made(folder)
        assert len(first) == 40
        assert commit() == first

    @pytest.mark.parametrize(
        ("name", "mark"), [("shop/stack.yml", "+"), ("shop/new", "+"), ("elsewhere", "")]
    )
    def test_files_of_the_folder_that_have_changed_are_marked(
        self, folder: Path, commit: Callable[[], str | None], name: str, mark: str
    ) -> None:
        first = self.made(folder)
        (folder.parent / name).write_text("changed")
        assert commit() == f"{first}{mark}"

    def test_where_there_is_no_repository(self, commit: Callable[[], str | None]) -> None:
        assert commit() is None

    def test_a_repository_without_a_commit(
        self, folder: Path, commit: Callable[[], str | None]
    ) -> None:
        self.git(folder.parent, "init", "--quiet")
        assert commit() is None

    def test_a_machine_without_git(
        self, tmp_path: Path, commit: Callable[[], str | None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert commit() is None


class TestSame:
    def test_number_and_origin_are_none_of_it(self) -> None:
        assert _same(release(number=1), release(number=2, secrets=("a",)))

    @pytest.mark.parametrize(
        "changes",
        [
            {"bundle": Bundle("services: {web: {image: a}}\n", {"A": "1"})},
            {"images": {"web": "b"}},
            {"pre_deploy": Hook("web", ("true",), 1)},
            {"post_deploy": Hook("web", ("true",), 1)},
        ],
        ids=lambda changes: next(iter(changes)),
    )
    def test_what_runs_and_what_runs_around_it_is(self, changes: dict[str, Any]) -> None:
        assert not _same(release(**changes), release())
