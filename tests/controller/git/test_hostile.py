"""Names, repositories and files made to run something, or to lead somewhere."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from beeyard.controller.git import (
    GitError,
    Repositories,
    Repository,
    archive,
    changed_paths,
    commit,
    file_at,
    log,
    maintain,
    refs,
    resolve,
)
from beeyard.controller.git.environment import environment
from beeyard.process import Command
from beeyard.process_stream import capture
from controller.git.raw import created, head, pack_of, posted
from controller.git.served import Served, Work, new_work

# All that git-check-ref-format(1) lets through.
NAMES = [
    "$(touch marker)",
    "`touch marker`",
    ";touch${IFS}marker",
    "a|b&c>d<e",
    "--upload-pack=touch${IFS}marker",
    "-x",
    "--help",
    "'quoted\"",
    "%2e%2e%2f",
    "{}",
    "a=b",
    "!x",
    "#x",
    "über/ß",
    "HEAD",
    "refs/heads/main",
    "end-of-options",
    "\u202egnp",
]


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A file that is there if something was run that should not have been."""
    return tmp_path / "marker"


@pytest.mark.parametrize("kind", ["refs/heads/", "refs/tags/"])
def test_names_are_names_and_nothing_else(
    served: Served, work: Work, application: str, kind: str
) -> None:
    commits = [work.commit(), work.commit()]
    names = [kind + name.replace(" ", "${IFS}") for name in NAMES]
    for moved in commits:
        # Made, then moved: that is when Git is asked whether it was forced.
        work.git(
            "push",
            "--quiet",
            "--force",
            served.url(application),
            *(f"{moved}:{name}" for name in names),
        )
    assert sorted(one.ref for one in served.pushed(application)) == sorted([*names, *names])
    work.git("clone", "--quiet", served.url(application), str(work.folder / "copy"))
    repository = Repository(application, served.path(application))
    assert asyncio.run(refs(repository)) == dict.fromkeys(names, commits[-1])
    for name in names:
        assert asyncio.run(resolve(repository, name)) == commits[-1]
    made = [*served.path(application).rglob("marker*"), *Path().glob("marker*")]
    assert made == []


@pytest.mark.parametrize(
    "name",
    [
        "refs/heads/../../config",
        "refs/heads/a..b",
        "refs/heads/.x",
        "refs/heads/x.lock",
        "refs/heads/a b",
        "refs/heads/a\nb",
        "refs/heads/x^",
        "refs/heads/x~1",
        "refs/heads/a:b",
        "refs/heads/",
        "refs/heads//x",
        "refs/heads/x/",
        "refs/heads/@{1}",
        "refs/heads/x\\y",
        "refs/heads/*",
        "refs/heads/x.",
        "HEAD",
        "config",
        "../x",
        "/etc/passwd",
        "refs",
        "refs/beeyard/x",
        "refs/replace/" + "1" * 40,
        "--help",
    ],
)
def test_names_that_git_forbids_are_refused(
    served: Served, target: tuple[str, str, bytes], name: str
) -> None:
    application, one, pack = target
    before = tree(served.repositories.folder)
    body = head(created(one, name)) + pack
    status, words = posted(served.port, application, "git-receive-pack", body)
    assert status == 200
    assert b"ng " + name.encode() in words
    assert tree(served.repositories.folder) == before
    with pytest.raises(GitError):
        asyncio.run(resolve(Repository(application, served.path(application)), name))


@pytest.fixture(scope="module")
def target(served: Served, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, bytes]:
    """An application with a repository, and a commit with its pack to push onto it."""
    work = new_work(tmp_path_factory.mktemp("hostile") / "work")
    commit = work.commit()
    work.git("push", "--quiet", served.url("target"), "main:refs/heads/base")
    return "target", commit, pack_of(work, commit)


def tree(folder: Path) -> set[Path]:
    """What is there and beside it, but for objects: those of a push that is refused may stay."""
    there = {path for path in folder.rglob("*") if "objects" not in path.parts}
    return there | set(folder.parent.iterdir())


@pytest.mark.parametrize("name", [".git", "..", ".GIT", "a/b"])
def test_a_tree_that_would_write_elsewhere_is_refused(
    served: Served, work: Work, application: str, name: str
) -> None:
    work.commit()
    blob = work.git("hash-object", "-w", "--stdin", data=b"evil").stdout.strip()
    entry = f"100644 {name}\0".encode() + bytes.fromhex(blob)
    literally = ("hash-object", "-t", "tree", "-w", "--stdin", "--literally")
    tree = work.git(*literally, data=entry).stdout.strip()
    commit = work.git("commit-tree", "-m", "x", tree).stdout.strip()
    pushed = work.git(
        "push", served.url(application), "main", f"{commit}:refs/heads/x", check=False
    )
    assert pushed.code == 1
    assert "fsck error" in pushed.stderr
    assert served.pushed(application) == []


def hostile(path: Path, marker: Path) -> None:
    """Whatever in a repository runs a program: hooks, settings, and settings elsewhere."""
    run = f"touch '{marker}'"
    script = f"#!/bin/sh\n{run}\n"
    (path / "hooks").mkdir()
    for name in (
        "pre-receive",
        "update",
        "post-receive",
        "post-update",
        "reference-transaction",
        "proc-receive",
        "pre-auto-gc",
        "fsmonitor-watchman",
        "post-index-change",
        "evil",
    ):
        (path / "hooks" / name).write_text(script)
        (path / "hooks" / name).chmod(0o755)
    evil = path / "hooks" / "evil"
    (path / "included").write_text(f"[core]\n\thooksPath = {path}/hooks\n")
    with (path / "config").open("a") as config:
        config.write(
            f"[core]\n\trepositoryformatversion = 1\n\thooksPath = {path}/hooks\n"
            f"\tfsmonitor = {evil}\n\tsshCommand = {evil}\n"
            f"\talternateRefsCommand = {evil}\n\tpager = {evil}\n\teditor = {evil}\n"
            f"\tgitProxy = {evil}\n\taskPass = {evil}\n"
            f"[include]\n\tpath = {path}/included\n[uploadpack]\n\tpackObjectsHook = {evil}\n"
            f"[receive]\n\tprocReceiveRefs = refs\n\tautogc = true\n[gc]\n\tauto = 1\n"
            f"\trecentObjectsHook = {evil}\n"
            f"[gpg]\n\tprogram = {evil}\n[log]\n\tshowSignature = true\n"
            f'[diff]\n\texternal = {evil}\n[diff "evil"]\n\tcommand = {evil}\n'
            f'\ttextconv = {evil}\n[filter "evil"]\n\tsmudge = {evil}\n\tclean = {evil}\n'
            f'\trequired = true\n[tar "tar"]\n\tcommand = {evil}\n[alias]\n'
            f"\tarchive = !{evil}\n\tlog = !{evil}\n[pager]\n\tlog = {evil}\n"
            f'[protocol]\n\tallow = always\n[protocol "ext"]\n\tallow = always\n'
            f'[extensions]\n\tpartialClone = evil\n[remote "evil"]\n\turl = ext::{evil}\n'
            f"\tpromisor = true\n\tuploadpack = {evil}\n[credential]\n\thelper = !{evil}\n"
        )
    (path / "info").mkdir(exist_ok=True)
    (path / "info/attributes").write_text("* diff=evil filter=evil\n")


@pytest.fixture
def attacked(served: Served, work: Work, application: str, marker: Path) -> Repository:
    """A repository with a commit, whose folder somebody has prepared."""
    work.commit(a_txt="a", _gitattributes="* filter=evil diff=evil\n")
    work.git("push", "--quiet", served.url(application), "main")
    hostile(served.path(application), marker)
    return Repository(application, served.path(application))


def test_the_traps_work(attacked: Repository, work: Work, marker: Path) -> None:
    """Else the tests below would show nothing: with Git alone, a push to it runs a hook, an archive
    a filter, and a look at what is not there a transport."""
    work.commit()
    work.git("push", "--quiet", str(attacked.path), "main", check=False)
    assert marker.exists()
    marker.unlink()
    work.git(f"--git-dir={attacked.path}", "archive", "--output=/dev/null", "main", check=False)
    assert marker.exists()
    marker.unlink()
    work.git(f"--git-dir={attacked.path}", "cat-file", "-p", "1" * 40, check=False)
    assert marker.exists()


def test_a_push_and_a_clone_run_nothing(
    served: Served, work: Work, application: str, attacked: Repository, marker: Path
) -> None:
    work.commit(b_txt="b")
    work.git("push", "--quiet", served.url(application), "main", "main:new")
    work.git("push", "--quiet", served.url(application), "--delete", "new")
    work.git("clone", "--quiet", served.url(application), str(work.folder / "copy"))
    assert not marker.exists()
    assert b"evil" not in (attacked.path / "config").read_bytes()


def test_reading_runs_nothing_even_before_it_is_set_back(
    attacked: Repository, work: Work, marker: Path, tmp_path: Path
) -> None:
    """The environment alone holds, where somebody is quicker than the comparison."""
    target = tmp_path / "target"
    target.mkdir()
    # A filter that is named in the repository's own attributes is what only the comparison stops.
    (attacked.path / "info/attributes").unlink()
    config = attacked.path / "config"
    config.write_text(config.read_text().replace('[filter "evil"]', '[filter "other"]'))
    asyncio.run(read_all(attacked, work.head(), target))
    assert not marker.exists()
    assert (target / "a.txt").read_text() == "a"


async def read_all(repository: Repository, name: str, target: Path) -> None:
    await refs(repository)
    await commit(repository, name)
    await log(repository, "refs/heads/main", 5)
    await changed_paths(repository, "0" * 40, name)
    assert await file_at(repository, name, "a.txt", 10) == b"a"
    await archive(repository, name, target)
    with pytest.raises(GitError):
        # An object that is not there, and that the settings promise elsewhere.
        await commit(repository, "1" * 40)
    await maintain(repository)


@pytest.mark.parametrize("file", ["commondir", "config.worktree", "objects/info/alternates"])
def test_a_repository_that_points_elsewhere_is_not_opened(
    served: Served, work: Work, application: str, file: str
) -> None:
    work.commit()
    work.git("push", "--quiet", served.url(application), "main")
    (served.path(application) / file).write_text("/etc\n")
    for arguments in (
        ["ls-remote", served.url(application)],
        ["push", served.url(application), "main:x"],
    ):
        said = work.git(*arguments, check=False)
        assert said.code == 128
        assert f"the repository of {application} points elsewhere" in said.stderr


def test_a_link_in_a_repositorys_place_is_not_followed(
    served: Served, work: Work, application: str, tmp_path: Path
) -> None:
    work.commit()
    work.git("clone", "--quiet", "--bare", str(work.folder), str(tmp_path / "other.git"))
    served.path(application).symlink_to(tmp_path / "other.git")
    said = work.git("ls-remote", served.url(application), check=False)
    assert said.code == 128
    assert f"{served.path(application)} is no folder" in said.stderr
    served.path(application).unlink()


def test_whose_files_they_are_does_not_matter(served: Served, work: Work, application: str) -> None:
    """A network file system says what it likes. Git itself has this switch, for its own tests."""
    work.commit()
    work.git("push", "--quiet", served.url(application), "main")
    strange = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    argv = ["git", "upload-pack", "--http-backend-info-refs", str(served.path(application))]
    said = [
        asyncio.run(capture(Command(argv, env=variables, timeout=20), inherit=False))
        for variables in ({"PATH": os.environ["PATH"], **strange}, environment(more=strange))
    ]
    assert "dubious ownership" in said[0].said
    assert (said[1].code, work.head() in said[1].output.decode()) == (0, True)


def test_the_machines_own_settings_have_no_say(
    tmp_path: Path, work: Work, monkeypatch: pytest.MonkeyPatch, marker: Path
) -> None:
    home = tmp_path / "home"
    (home / ".config/git").mkdir(parents=True)
    run = f"touch '{marker}'; exit 1"
    (home / ".gitconfig").write_text(
        f'[core]\n\tfsmonitor = "{run}"\n[uploadpack]\n\tpackObjectsHook = "{run}"\n'
        f"[init]\n\ttemplateDir = {home}\n\tdefaultBranch = else\n[broken\n"
    )
    for name, value in {
        "HOME": home,
        "GIT_CONFIG_GLOBAL": home / ".gitconfig",
        "GIT_DIR": home,
        "GIT_TEMPLATE_DIR": home,
        "GIT_OBJECT_DIRECTORY": home,
        "GIT_TRACE": home / "trace",
        "GIT_EXEC_PATH": home,
    }.items():
        monkeypatch.setenv(name, str(value))
    repository = asyncio.run(Repositories(tmp_path / "r").create("app"))
    assert asyncio.run(refs(repository)) == {}
    assert (repository.path / "HEAD").read_text() == "ref: refs/heads/main\n"
    assert not (repository.path / ".gitconfig").exists()
    assert not (home / "trace").exists()


def test_hooks_and_settings_are_only_ours(tmp_path: Path) -> None:
    repository = asyncio.run(Repositories(tmp_path).create("app"))
    assert not (repository.path / "hooks").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.git"]
    shutil.rmtree(repository.path)
