"""The session: a signed cookie, so that every replica with the same key understands it."""

import secrets
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

MAX_AGE_SECONDS = 12 * 3600


@dataclass
class WebSession:
    """What a browser's cookie says. `csrf` is a secret between this session and its forms."""

    csrf: str
    user_id: int | None = None
    version: int = 0
    notice: str | None = None

    def sign_in(self, user_id: int, version: int) -> None:
        """Become somebody; what forms knew before no longer counts."""
        self.user_id, self.version = user_id, version
        self.csrf = secrets.token_urlsafe(24)

    def sign_out(self) -> None:
        """Become nobody."""
        self.user_id, self.version = None, 0
        self.csrf = secrets.token_urlsafe(24)


class SessionCookie:
    """Reads and writes sessions. The first of `keys` signs; all of them are accepted."""

    def __init__(self, keys: tuple[str, ...], secure: bool) -> None:
        # itsdangerous signs with the last key.
        self._serializer = URLSafeTimedSerializer(list(reversed(keys)), salt="timeoff.session")
        self._secure = secure
        # The prefix makes browsers refuse the cookie from other hosts of the same domain.
        self.name = "__Host-timeoff" if secure else "timeoff"

    def load(self, request: Request) -> WebSession:
        """The request's session; a new one if the cookie is missing, forged or too old."""
        try:
            data: dict[str, Any] = self._serializer.loads(
                request.cookies.get(self.name, ""), max_age=MAX_AGE_SECONDS
            )
            return WebSession(**data)
        except (BadData, TypeError):
            return WebSession(csrf=secrets.token_urlsafe(24))

    def save(self, session: WebSession, response: Response) -> None:
        """Send the session to the browser, good for another MAX_AGE_SECONDS."""
        response.set_cookie(
            self.name,
            str(self._serializer.dumps(vars(session))),
            max_age=MAX_AGE_SECONDS,
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )
