"""Why a delivery is not taken. `status` is that of the answer (RFC 9110)."""

from typing import ClassVar

from beeyard.errors import PipelineError


class HookError(PipelineError):
    """A delivery that nothing comes of."""

    status: ClassVar[int] = 400


class Unreadable(HookError):
    """It is not JSON, or not sent as such."""


class NotGenuine(HookError):
    """Whoever sent it does not know the secret. It never says more than that."""

    status = 401

    def __init__(self) -> None:
        super().__init__(
            "the delivery is not genuine",
            why="no such application has a webhook, or the signature is not of its secret",
            fix="see that the forge and beeyard have the same secret: docs/webhooks.md",
        )


class Late(HookError):
    """Its body did not arrive in time."""

    status = 408


class Replayed(HookError):
    """The very same was taken before."""

    status = 409


class TooLarge(HookError):
    """It has more bytes than are taken."""

    status = 413


class Unusable(HookError):
    """It is JSON, but not what the forge sends, or names what can't be."""

    status = 422


class Busy(HookError):
    """There is no room for it now; the same may be sent again."""

    status = 503
