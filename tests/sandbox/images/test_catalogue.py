"""The catalogue of images as data: what it promises to the one who builds from it."""

import pytest

from beeyard.sandbox.images.catalogue import DEBIAN, IMAGES, ONLY_PULLED, Image, on_hub


def test_a_parent_is_begun_before_its_children() -> None:
    """Two are built at a time: a child that waits for a parent behind it would wait for ever."""
    begun = {DEBIAN}
    for image in IMAGES:
        assert set(image.parents) <= begun, image.name
        begun.add(image.name)


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)
def test_a_context_takes_every_parent_and_brings_no_image_of_its_own(image: Image) -> None:
    _, dockerfile = image.context()["Dockerfile"]
    lines = dockerfile.decode().splitlines()
    arguments = {line[4:].partition("=")[0] for line in lines if line.startswith("ARG ")}
    origins = {line.split()[1] for line in lines if line.startswith("FROM ")}
    assert arguments == {parent.upper() for parent in image.parents}
    assert origins == {f"${{{argument}}}" for argument in arguments}


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)
def test_what_lies_in_a_folder_of_programs_is_one(image: Image) -> None:
    modes = {path: mode for path, (mode, _) in image.context().items()}
    assert {mode for path, mode in modes.items() if "bin/" in path} <= {0o755}
    assert not [path for path in modes if "__pycache__" in path]


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("traefik:v3", "library/traefik:v3"),
        ("portainer/agent:2.27.9", "portainer/agent:2.27.9"),
    ],
)
def test_official_images_lie_under_library(name: str, repository: str) -> None:
    assert on_hub(name) == repository


def test_nothing_is_both_stood_in_for_and_only_pulled() -> None:
    assert not {image.stands_for for image in IMAGES} & set(ONLY_PULLED)
