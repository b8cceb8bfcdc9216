"""Pushes with Git's own client: what becomes of the refs, what is told of it, what is refused."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from beeyard.controller.git import NOTHING
from beeyard.process import LocalRunner
from controller.git.served import Served, Work, until


def facts(served: Served, application: str) -> list[tuple[str, str, str, bool]]:
    return [(one.ref, one.before, one.after, one.forced) for one in served.pushed(application)]


def test_the_first_push_makes_the_repository(served: Served, work: Work, application: str) -> None:
    commit = work.commit(README="hello")
    assert not served.path(application).exists()
    said = work.git("push", served.url(application), "main").stderr
    (push,) = served.pushed(application)
    assert (push.ref, push.before, push.after) == ("refs/heads/main", NOTHING, commit)
    assert (push.created, push.deleted, push.forced) == (True, False, False)
    assert push.pusher == "operator"
    assert timedelta() <= datetime.now(UTC) - push.at < timedelta(minutes=1)
    assert "remote: taken" in said
    listed = work.git("ls-remote", served.url(application)).stdout.split()
    assert listed == [commit, "HEAD", commit, "refs/heads/main"]


def test_a_branch_goes_on_is_forced_and_is_deleted(
    served: Served, work: Work, application: str
) -> None:
    work.git("remote", "add", "beeyard", served.url(application))
    first = work.commit()
    second = work.commit()
    work.git("push", "beeyard", f"{first}:refs/heads/side", "main")
    work.git("push", "beeyard", "main:side")
    work.git("push", "--force", "beeyard", f"{first}:side")
    work.git("push", "beeyard", "--delete", "side")
    assert facts(served, application) == [
        ("refs/heads/side", NOTHING, first, False),
        ("refs/heads/main", NOTHING, second, False),
        ("refs/heads/side", first, second, False),
        ("refs/heads/side", second, first, True),
        ("refs/heads/side", first, NOTHING, False),
    ]
    assert served.pushed(application)[-1].deleted


def test_tags_are_made_moved_and_deleted(served: Served, work: Work, application: str) -> None:
    first = work.commit()
    work.git("tag", "light")
    work.git("tag", "--annotate", "-m", "one", "heavy")
    heavy = work.head("refs/tags/heavy")
    work.git("push", served.url(application), "main", "light", "heavy")
    second = work.commit()
    work.git("push", "--force", served.url(application), "main:refs/tags/light")
    work.git("push", served.url(application), ":refs/tags/heavy")
    assert heavy != first
    assert facts(served, application) == [
        ("refs/heads/main", NOTHING, first, False),
        ("refs/tags/light", NOTHING, first, False),
        ("refs/tags/heavy", NOTHING, heavy, False),
        ("refs/tags/light", first, second, True),
        ("refs/tags/heavy", heavy, NOTHING, False),
    ]


def test_of_several_refs_the_refused_ones_are_not_told_of(
    served: Served, work: Work, application: str
) -> None:
    commit = work.commit()
    pushed = work.git(
        "push", served.url(application), "main", "main:refs/notes/x", "main:other", check=False
    )
    assert pushed.code == 1
    assert "[remote rejected] main -> refs/notes/x (deny updating a hidden ref)" in pushed.stderr
    assert "remote: refs/notes/x: only branches and tags are kept here" in pushed.stderr
    assert facts(served, application) == [
        ("refs/heads/main", NOTHING, commit, False),
        ("refs/heads/other", NOTHING, commit, False),
    ]


def test_an_atomic_push_is_all_or_nothing(served: Served, work: Work, application: str) -> None:
    work.commit()
    pushed = work.git(
        "push", "--atomic", served.url(application), "main", "main:refs/notes/x", check=False
    )
    assert pushed.code == 1
    assert "remote: only branches and tags are kept here" in pushed.stderr
    assert served.pushed(application) == []
    assert work.git("ls-remote", served.url(application)).stdout == ""


def test_the_default_branch_is_not_deleted(served: Served, work: Work, application: str) -> None:
    work.commit()
    work.git("push", served.url(application), "main")
    pushed = work.git("push", served.url(application), "--delete", "main", check=False)
    assert "(deletion of the current branch prohibited)" in pushed.stderr
    assert len(served.pushed(application)) == 1


@pytest.mark.parametrize(
    ("branches", "default"),
    [(["trunk"], "trunk"), (["a", "master", "trunk"], "master"), (["a", "main"], "main")],
)
def test_the_default_branch_is_one_that_exists(
    served: Served, work: Work, application: str, branches: list[str], default: str
) -> None:
    work.commit()
    work.git("push", served.url(application), *(f"main:refs/heads/{one}" for one in branches))
    listed = work.git("ls-remote", "--symref", served.url(application), "HEAD").stdout
    assert listed.startswith(f"ref: refs/heads/{default}\tHEAD\n")


def test_what_is_there_already_is_pushed_to_no_effect(
    served: Served, work: Work, application: str
) -> None:
    work.commit()
    work.git("push", served.url(application), "main")
    assert "Everything up-to-date" in work.git("push", served.url(application), "main").stderr
    assert len(served.pushed(application)) == 1


def test_push_options_arrive(served: Served, work: Work, application: str) -> None:
    work.commit()
    work.git("push", "-o", "ci.skip", "-o", "über=1", served.url(application), "main")
    (push,) = served.pushed(application)
    assert push.options == ("ci.skip", "über=1")
    assert push.skip
    assert push.follow


def test_a_shallow_clone_can_push(
    served: Served, work: Work, application: str, tmp_path: Path
) -> None:
    for _ in range(3):
        work.commit()
    work.git("push", served.url(application), "main")
    work.git("clone", "--quiet", "--depth=1", served.url(application), str(tmp_path / "shallow"))
    shallow = Work(tmp_path / "shallow")
    commit = shallow.commit()
    shallow.git("push", "origin", "main")
    assert served.pushed(application)[-1].after == commit
    assert not served.pushed(application)[-1].forced


def test_of_two_pushes_at_once_one_wins_and_the_other_is_told(
    served: Served, work: Work, application: str, tmp_path: Path
) -> None:
    base = work.commit()
    work.git("push", served.url(application), "main")
    # Both have looked at the branch before either moves it: that is what the hook waits for.
    gate = tmp_path / "gate"
    hook = f"#!/bin/sh\ntouch '{gate}.'$$\nwhile [ ! -e '{gate}' ]; do sleep 0.02; done\n"
    starter = LocalRunner()
    running = []
    commits = []
    for name in ("one", "two"):
        work.git("clone", "--quiet", served.url(application), str(tmp_path / name))
        each = Work(tmp_path / name)
        (each.folder / ".git/hooks").mkdir(exist_ok=True)
        (each.folder / ".git/hooks/pre-push").write_text(hook)
        (each.folder / ".git/hooks/pre-push").chmod(0o755)
        commits.append(each.commit(file_txt=name))
        running.append(starter.start(each.command("push", "origin", "main")))
    try:
        until(lambda: len(list(tmp_path.glob("gate.*"))) == 2)
        gate.touch()
        until(lambda: all(one.code is not None for one in running))
    finally:
        for one in running:
            one.stop()
    assert sorted(one.code or 0 for one in running) == [0, 1]
    loser = next(one for one in running if one.code == 1)
    assert "refs/heads/main: it was moved meanwhile: `git fetch`, then push again" in loser.said(30)
    second = served.pushed(application)[1:]
    assert [(one.before, one.forced) for one in second] == [(base, False)]
    assert second[0].after in commits


def test_what_git_moved_before_it_died_is_told_of(
    served: Served,
    work: Work,
    application: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else it would be there, pushed again to no effect, and never be deployed."""
    commit = work.commit()
    work.git("push", "--quiet", served.url(application), "main:refs/heads/base")
    dies = tmp_path / "bin" / "git"
    dies.parent.mkdir()
    dies.write_text(
        f"""#!/bin/sh
        case "$*" in *http-backend*) ;; *receive-pack*)
          {shutil.which("git")} "$@" > /dev/null; echo dead >&2; kill -9 $$ ;;
        esac
        exec {shutil.which("git")} "$@"
        """
    )
    dies.chmod(0o755)
    monkeypatch.setenv("PATH", f"{dies.parent}:{os.environ['PATH']}")
    pushed = work.git("push", served.url(application), "main", "main:refs/notes/x", check=False)
    assert pushed.code == 1
    assert "remote: `git receive-pack` failed" in pushed.stderr
    assert "[remote rejected] main -> refs/notes/x (Git failed)" in pushed.stderr
    assert "[new branch]      main -> main" in pushed.stderr
    assert "remote: taken" in pushed.stderr
    assert facts(served, application)[1:] == [("refs/heads/main", NOTHING, commit, False)]
