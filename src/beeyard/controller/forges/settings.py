"""What is known of an application's forge: where its code is kept besides the cluster's remote."""

import re
from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import urlsplit

from beeyard.config.sections import Forge
from beeyard.controller.forges.signature import signing_key
from beeyard.errors import ConfigError
from beeyard.secret import Secret

#: The forges that are understood. Forgejo counts as `gitea`.
Kind = Literal["github", "gitea", "gitlab"]
#: A webhook's secret has that many characters at least: shorter ones can be guessed offline from
#: one delivery and its signature.
SHORTEST_SECRET = 16


@dataclass(frozen=True)
class Settings:
    """How an application and its forge know each other.

    secret      what deliveries are signed with; for GitLab, one that begins with `whsec_` is a
                signing token, any other the secret token
    repository  its path on the forge: `namespace/name`
    clone_url   where it is cloned from; a delivery does not get to say
    api         root of the forge's API, without a slash at the end
    token       for commit statuses; None: none are sent

    Raises ConfigError where the secret is none.
    """

    kind: Kind
    secret: Secret
    repository: str
    clone_url: str
    api: str
    token: Secret | None = None

    def __post_init__(self) -> None:
        secret = self.secret.reveal()
        if len(secret) < SHORTEST_SECRET:
            raise ConfigError(
                f"the webhook's secret for {self.repository} is too short",
                why=f"it has {len(secret)} characters, and {SHORTEST_SECRET} is the least",
                fix="take a random one: `openssl rand -hex 32`",
            )
        if self.kind == "gitlab" and secret.startswith("whsec_") and signing_key(secret) is None:
            raise ConfigError(
                f"the signing token for {self.repository} is broken",
                why="what follows `whsec_` is not base64",
                fix="copy it again from the webhook's page in GitLab",
            )

    @classmethod
    def of(cls, forge: Forge, secret: Secret, token: Secret | None = None) -> Self:
        """The settings from an application's `forge` in `beeyard.yml`. Raises ConfigError."""
        parts = urlsplit(forge.repository)
        path = parts.path.strip("/").removesuffix(".git")
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)+", path):
            raise ConfigError(
                f"{forge.repository} does not lead to a repository",
                fix="give the URL that it is cloned from: https://HOST/OWNER/NAME.git",
            )
        api = forge.api or _usual_api(forge.kind, parts.netloc.rpartition("@")[2])
        return cls(forge.kind, secret, path, forge.repository, api.rstrip("/"), token)


def _usual_api(kind: Kind, host: str) -> str:
    """Where a forge's API is. Sources: docs.github.com "Getting started with the REST API" (also of
    Enterprise Server), docs.gitlab.com "REST API", docs.gitea.com "API Usage"."""
    if kind == "github":
        return "https://api.github.com" if host == "github.com" else f"https://{host}/api/v3"
    return f"https://{host}/api/v4" if kind == "gitlab" else f"https://{host}/api/v1"
