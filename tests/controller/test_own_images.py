"""By which names pipelines that are not trusted may build images."""

import pytest

from beeyard.controller.runner.own_images import require_own_images
from beeyard.errors import PipelineError
from beeyard.pipelines.plan import JobStep
from beeyard.secret import Secret

REGISTRY = "registry.shop.example.com"
ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team"


def built(repo: str, image: str = "plugins/docker") -> None:
    step = JobStep("publish", image, environment={"PLUGIN_REPO": Secret(repo)})
    require_own_images("shop", [REGISTRY, ECR], [step])


@pytest.mark.parametrize(
    "repo",
    [
        f"{REGISTRY}/shop",
        f"{REGISTRY}/shop/web",
        f"{REGISTRY}/shop-web:1",
        f"{ECR}/shop",
        f"{ECR}/shop/web:1",
        "shop-tests",
        "docker.io/shop",
        "ghcr.io/anybody/anything",
        "",
    ],
)
def test_its_own_and_what_other_registries_decide(repo: str) -> None:
    built(repo)


@pytest.mark.parametrize(
    "repo",
    [
        f"{REGISTRY}/beeyard-controller",
        f"{REGISTRY}/other",
        f"{REGISTRY}/shopping",
        f"{ECR}/other",
        f"{ECR}/shopping",
        f"{ECR.partition('/')[0]}/shop",
        "python",
        "docker.io/library/python",
        "index.docker.io/python",
        "plugins/docker",
        f"{REGISTRY}/shop,python",
    ],
)
@pytest.mark.parametrize(
    "image", ["plugins/docker", "plugins/docker:20", "docker.io/plugins/docker"]
)
def test_a_name_that_is_somebody_elses_is_refused(repo: str, image: str) -> None:
    with pytest.raises(PipelineError, match="can't be run") as caught:
        built(repo, image)
    assert "is not this application's to build" in str(caught.value.why)


def test_other_plugins_are_let_be() -> None:
    built("python", "appleboy/drone-ssh")
