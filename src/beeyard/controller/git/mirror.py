"""Commits from a forge, fetched into the application's own repository: from there on they are read,
and cloned by runners, as if they had been pushed here."""

from beeyard.controller.git.environment import git
from beeyard.controller.git.errors import GitError
from beeyard.controller.git.history import resolve
from beeyard.controller.git.names import is_id
from beeyard.controller.git.repositories import Repository
from beeyard.controller.git.run import failed
from beeyard.process import CommandTimeout
from beeyard.process_stream import TooMuchOutput, capture
from beeyard.secret import Secret

#: Where they are kept; nobody is shown these refs.
KEPT = "refs/forge/"
_PATIENCE = 600.0
# Asked by git for what it needs to sign in; the value comes by its environment.
_HELPER = '!f() { echo username=token; echo "password=$BEEYARD_FORGE_TOKEN"; }; f'


async def mirror(repository: Repository, url: str, commit: str, token: Secret | None) -> None:
    """Have a commit of `url`, which is https, with all of its history. Does nothing if it is there.

    Raises GitError.
    """
    if not is_id(commit):
        raise GitError(f"`{commit[:60]}` is no commit's name")
    if await resolve(repository, commit) is not None:
        return
    settings = [("protocol.https.allow", "always"), ("fetch.fsckObjects", "true")]
    more = {"GIT_ALLOW_PROTOCOL": "https"}
    if token is not None:
        settings.append(("credential.helper", _HELPER))
        more["BEEYARD_FORGE_TOKEN"] = token.reveal()
    # By its name, as forges allow: what a ref leads to may have moved on.
    command = git(
        repository.path,
        *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options"),
        *(url, f"+{commit}:{KEPT}{commit}"),
        settings=settings,
        more=more,
        timeout=_PATIENCE,
    )
    try:
        done = await capture(command, inherit=False)
    except (TooMuchOutput, CommandTimeout) as error:
        raise failed(repository, "fetch", error.what) from error
    if done.code != 0:
        raise failed(repository, "fetch", done.said)
