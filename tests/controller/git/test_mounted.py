"""The remote as a part of a larger application, as the controller mounts it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Host, Mount

from beeyard.controller.git import GitRemote, check_git
from beeyard.errors import ToolError
from controller.git.served import OPERATOR, Work, running, serving


def by_path(remote: GitRemote) -> Starlette:
    return Starlette(routes=[Mount("/code", app=remote)])


def by_host(remote: GitRemote) -> Starlette:
    return Starlette(routes=[Host("127.0.0.1", app=remote)])


def in_fastapi(remote: GitRemote) -> FastAPI:
    application = FastAPI()
    application.mount("/", remote)
    return application


@pytest.mark.parametrize(("mount", "path"), [(by_path, "/code"), (by_host, ""), (in_fastapi, "")])
def test_it_works_where_it_is_mounted(
    work: Work, tmp_path: Path, mount: Callable[[GitRemote], Starlette], path: str
) -> None:
    commit = work.commit()
    with (
        serving(tmp_path / "repositories") as served,
        running(mount(served.remote)) as port,
    ):
        url = f"http://any:{OPERATOR}@127.0.0.1:{port}{path}"
        work.git("push", "--quiet", f"{url}/app.git", "main")
        assert commit in work.git("ls-remote", f"{url}/app.git").stdout
        for other in ("/x/app.git", "/code/code/app.git"):
            assert work.git("ls-remote", f"{url}{other}", check=False).code == 128


def test_a_git_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(check_git())
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.30.2\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ToolError, match=r"needs Git 2\.39 or newer") as caught:
        asyncio.run(check_git())
    assert caught.value.why == "`git version` says: git version 2.30.2"
