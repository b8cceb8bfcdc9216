"""From `forge` in `beeyard.yml` to what deliveries and statuses need."""

import pytest

from beeyard.config.sections import Forge
from beeyard.controller.forges.settings import Settings
from beeyard.errors import ConfigError
from controller.forges.payloads import SECRET, TOKEN


@pytest.mark.parametrize(
    ("kind", "url", "repository", "api"),
    [
        ("github", "https://github.com/acme/shop.git", "acme/shop", "https://api.github.com"),
        (
            "github",
            "https://git.example.com/acme/shop",
            "acme/shop",
            "https://git.example.com/api/v3",
        ),
        (
            "gitea",
            "https://git.example.com/acme/shop.git",
            "acme/shop",
            "https://git.example.com/api/v1",
        ),
        (
            "gitlab",
            "https://bot@lab.example.com:8443/acme/web/shop.git",
            "acme/web/shop",
            "https://lab.example.com:8443/api/v4",
        ),
    ],
)
def test_the_api_is_where_forges_of_that_kind_have_it(
    kind: str, url: str, repository: str, api: str
) -> None:
    found = Settings.of(Forge.model_validate({"kind": kind, "repository": url}), SECRET, TOKEN)
    assert (found.repository, found.api, found.clone_url) == (repository, api, url)
    assert repr(found).count("***") == 2


def test_the_api_can_be_said() -> None:
    forge = Forge.model_validate(
        {
            "kind": "gitea",
            "repository": "https://example.com/code/acme/shop.git",
            "api": "https://example.com/code/api/v1/",
        }
    )
    assert Settings.of(forge, SECRET).api == "https://example.com/code/api/v1"


@pytest.mark.parametrize("url", ["https://example.com/", "https://example.com/shop.git"])
def test_a_url_that_leads_to_no_repository_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        Settings.of(Forge.model_validate({"kind": "github", "repository": url}), SECRET)
