"""One tree of errors. Each message is written for the person who reads it."""


class TimeOffError(Exception):
    """Base of everything that TimeOff raises on purpose."""


class ConfigError(TimeOffError):
    """The environment does not describe an application that can run."""


class LockTimeoutError(TimeOffError):
    """Another replica held a named lock for longer than the deadline."""


class DatabaseUnavailableError(TimeOffError):
    """The database did not answer before the deadline."""


class RefusedError(TimeOffError):
    """A rule says no. `field` names the form field that the message belongs to, if any."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class NotAllowedError(TimeOffError):
    """The person is signed in, but this is not theirs to do."""


class NotFoundError(TimeOffError):
    """There is no such thing, or it is not this person's to know about."""


class ThrottledError(TimeOffError):
    """Too many failed sign-ins; try again later."""
