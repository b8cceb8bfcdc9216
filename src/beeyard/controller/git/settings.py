"""How much the git remote takes, and for how long it waits."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Limits of the git remote.

    push        bytes of a push, as Git packs them
    head        bytes of the names of what is pushed: about 100 for each branch or tag
    fetch       bytes of a client's wishes when it fetches: about 50 for each branch it has
    at_once     processes of Git at the same time; who comes later waits
    patience    seconds for which a client may neither send nor take anything
    keep_alive  seconds after which a pusher who follows, and to whom there is nothing to say, gets
                an empty packet: proxies end what is silent for a minute
    """

    push: int = 1 << 30
    head: int = 4 << 20
    fetch: int = 32 << 20
    at_once: int = 16
    patience: float = 120.0
    keep_alive: float = 10.0
