"""The git remote, as a part that is mounted into an ASGI application.

It has to be mounted outside of whatever reads bodies or answers on its own account (Starlette's
BaseHTTPMiddleware does): it streams both ways, and has to see that a client hangs up.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from beeyard.controller.git.access import Authenticate, Identity, identify
from beeyard.controller.git.commands import Head, Report, read_head
from beeyard.controller.git.errors import ClientGone, GitError, ProtocolError, Refusal
from beeyard.controller.git.exchange import Answer, Body, Receive, Scope, Send
from beeyard.controller.git.fetch import advertise, fetch
from beeyard.controller.git.follow import Audience, OnPush, follow
from beeyard.controller.git.head import settle_head
from beeyard.controller.git.pktline import FLUSH, Packets
from beeyard.controller.git.push import Push, pushes
from beeyard.controller.git.receive import ONLY, RESULT, Receiving
from beeyard.controller.git.repositories import Repositories, Repository
from beeyard.controller.git.request import Request, read_request
from beeyard.controller.git.settings import Settings
from beeyard.errors import BeeyardError

# What some of Git's reasons for refusing a ref mean for the pusher.
_MEANS = {
    "failed to update ref": "it was moved meanwhile: `git fetch`, then push again",
    "deny updating a hidden ref": ONLY,
}

_log = logging.getLogger(__name__)


class GitRemote:
    """`/<application>.git` over smart HTTP, for all applications.

    repositories  where they are
    authenticate  who asks, and what they may
    known         whether the cluster has an application: only then is its repository made
    on_push       what becomes of a push, see `OnPush`
    """

    def __init__(
        self,
        repositories: Repositories,
        authenticate: Authenticate,
        known: Callable[[str], bool],
        on_push: OnPush,
        settings: Settings | None = None,
    ) -> None:
        self._repositories = repositories
        self._authenticate = authenticate
        self._known = known
        self._on_push = on_push
        self._settings = settings or Settings()
        self._places = asyncio.Semaphore(self._settings.at_once)
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Let go of those who follow a run: the controller ends, and the runs go on elsewhere."""
        self._leaving.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the git remote knows nothing of {scope['type']}")
        answer = Answer(send, patience=self._settings.patience)
        try:
            await self._serve(scope, receive, answer)
        except Refusal as refusal:
            await _say(answer, refusal.status, refusal.words, *refusal.headers)
        except ProtocolError as error:
            await _say(answer, 400, f"{error}\n")
        except ClientGone:
            await _say(answer, 408, "nothing came for too long\n")
        except BeeyardError as error:
            _log.error("%s: %s", error.what, error.why)
            await _say(answer, 500, f"{error.what}; the controller's log has more\n")

    async def _serve(self, scope: Scope, receive: Receive, answer: Answer) -> None:
        request = read_request(scope)
        body = Body(receive, gzipped=request.gzipped, patience=self._settings.patience)
        identity = await self._admit(request)
        repository = await self._repository(request)
        git_protocol = request.headers.get(b"git-protocol", b"")
        if request.advertise:
            async with self._places:
                await advertise(repository, request.service, git_protocol, answer)
        elif request.action == "read":
            async with self._places:
                await fetch(repository, git_protocol, body, answer, self._settings.fetch)
        else:
            await self._take(repository, identity, body, answer)

    async def _admit(self, request: Request) -> Identity:
        """Who asks, if they may. Raises Refusal."""
        header = request.headers.get(b"authorization")
        identity = await identify(self._authenticate, header, request.address)
        if not self._authenticate.may(identity, request.action, request.application):
            role = "a viewer" if request.action == "read" else "an operator"
            raise Refusal(
                403,
                f"{identity.name} may not {request.action} {request.application}: that takes the "
                f"role of {role}\n",
            )
        return identity

    async def _repository(self, request: Request) -> Repository:
        """The repository, made if it may be. Raises Refusal, GitError."""
        application = request.application
        if request.action == "push":
            if not self._known(application):
                raise Refusal(
                    404,
                    f"this cluster has no application `{application}`: add it to beeyard.yml, then "
                    "run `beeyard up`\n",
                )
            return await self._repositories.create(application)
        found = await self._repositories.find(application)
        if found is None:
            raise Refusal(404, f"nothing has been pushed to {application} yet\n")
        return found

    async def _take(
        self, repository: Repository, identity: Identity, body: Body, answer: Answer
    ) -> None:
        """Take a push, do what follows it, and answer."""
        packets = Packets(body.read)
        head = await read_head(packets, self._settings.head)
        if not head.changes:
            # A client that has much to send asks first whether it may: see git-config(1),
            # `http.postBuffer`.
            await answer.start(RESULT)
            await answer.finish()
            return
        receiving = Receiving(repository, identity.name, body, answer, self._settings.push)
        async with self._places:
            report = await receiving.run(head, packets)
            pushed = await _pushed(repository, head, report, identity)
        await self._follow(head, report, pushed, body, answer)
        await answer.finish(FLUSH if head.bands else b"")

    async def _follow(
        self, head: Head, report: Report, pushed: Sequence[Push], body: Body, answer: Answer
    ) -> None:
        gone = asyncio.create_task(body.until_gone())
        audience = Audience(answer, head.bands, gone, self._leaving, self._settings.keep_alive)
        try:
            for ref, why in report.refused:
                if why in _MEANS:
                    await audience.say(f"{ref}: {_MEANS[why]}")
            if pushed:
                await follow(self._on_push(pushed), audience, stay=pushed[0].follow)
        finally:
            gone.cancel()
            await asyncio.wait([gone])


async def _pushed(
    repository: Repository, head: Head, report: Report, identity: Identity
) -> tuple[Push, ...]:
    accepted = frozenset(report.accepted)
    pushed = await pushes(repository, head.changes, accepted, identity.name, head.options)
    try:
        await settle_head(repository, pushed)
    except GitError:
        # The code is there, and the next push tries again.
        _log.exception("the default branch of %s is not set", repository.application)
    return pushed


async def _say(answer: Answer, status: int, words: str, *headers: tuple[bytes, bytes]) -> None:
    """Answer in words, if nothing was answered yet: else the server cuts the connection."""
    if not answer.started:
        await answer.words(status, words, *headers)
