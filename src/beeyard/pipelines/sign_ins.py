"""Sign-ins to registries, out of what Docker's own client keeps them in."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from docker import auth

from beeyard.errors import PipelineError
from beeyard.pipelines.plan import Credentials
from beeyard.secret import Secret


def sign_ins(name: str, text: Secret) -> dict[str, Credentials]:
    """By host, those in a secret that holds a `config.json`; `name` is the secret's, for messages.

    Raises PipelineError if it holds something else.
    Source: docs.drone.io, "Images", "Pulling Private Images"; docs.docker.com, "docker login".
    """
    try:
        entries: Any = json.loads(text.reveal())["auths"]
        return dict(_all(entries))
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise PipelineError(
            f"the secret {name} is no Docker config.json with sign-ins",
            # Not the error's own words: they may show a part of it.
            why=f"{type(error).__name__} where `auths` was looked for",
            fix='it is to be such as {"auths": {"registry.example.com": {"auth": "…"}}}',
        ) from None


def host_of(registry: str) -> str:
    """A registry as its images name it: `https://index.docker.io/v1/` is `docker.io`."""
    host = urlsplit(registry).netloc if "://" in registry else registry.partition("/")[0]
    return str(auth.resolve_index_name(host))


def _all(entries: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, Credentials]]:
    for registry, entry in entries.items():
        if "auth" in entry:
            decoded = base64.b64decode(entry["auth"], validate=True).decode()
            username, _, password = decoded.partition(":")
        else:
            username, password = entry["username"], entry["password"]
        yield host_of(registry), Credentials(username, Secret(password))
