"""Where images come from: here already, or pulled from a registry that asks for a password."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from docker import DockerClient

import registry as private
from beeyard.pipelines.cancel import Cancel
from beeyard.pipelines.docker_engine import DockerEngine
from beeyard.pipelines.docker_images import is_wanted
from beeyard.pipelines.engine import StepError
from beeyard.pipelines.model import Pull
from beeyard.pipelines.plan import Credentials
from beeyard.sandbox.images import Images
from beeyard.secret import Secret
from beeyard.waiting import SystemClock, wait_until
from pipelines.conftest import MINE
from pipelines.jobs import job, step

PASSWORD = private.PASSWORD
real = pytest.mark.real


@pytest.mark.parametrize(
    ("pull", "image", "present", "wanted"),
    [
        ("default", "golang", True, True),
        ("default", "golang:latest", True, True),
        ("default", "registry.example.com:5000/golang", True, True),
        ("default", "golang:1.24", True, False),
        ("default", "golang:1.24", False, True),
        ("default", f"golang@sha256:{'0' * 64}", True, False),
        ("always", "golang:1.24", True, True),
        ("if-not-exists", "golang", True, False),
        ("if-not-exists", "golang", False, True),
        ("never", "golang", False, False),
    ],
)
def test_when_an_image_is_pulled(pull: Pull, image: str, present: bool, wanted: bool) -> None:
    """docs.drone.io, "Images", "Pulling Images"."""
    assert is_wanted(pull, image, present=present) is wanted


@dataclass(frozen=True)
class Registry:
    """A registry of this machine's, with an image in it that the engine does not have."""

    host: str
    image: str


@pytest.fixture(scope="module")
def registry(
    engine: DockerClient, images: Images, tiny: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    made = private.container(images.hub, tmp_path_factory.mktemp("registry"), "127.0.0.1")
    containers: Any = engine.containers
    container = containers.run(
        made.image,
        entrypoint=list(made.argv),
        command=list(made.arguments),
        volumes=[f"{mount.source}:{mount.target}:ro" for mount in made.mounts],
        ports={f"{private.PORT}/tcp": ("127.0.0.1", None)},
        labels=MINE,
        detach=True,
    )
    try:
        yield _with_image(engine, _host(container), tiny)
    finally:
        container.remove(force=True, v=True)


def _host(container: Any) -> str:
    container.reload()
    host = f"127.0.0.1:{container.ports[f'{private.PORT}/tcp'][0]['HostPort']}"

    def answers() -> bool:
        try:
            return httpx.get(f"http://{host}/v2/", timeout=5).status_code == 401
        except httpx.TransportError:
            return False

    wait_until(answers, clock=SystemClock(), deadline=30, interval=0.1)
    return host


def _with_image(client: DockerClient, host: str, tiny: str) -> Registry:
    reference = f"{host}/tiny:1"
    client.images.get(tiny).tag(reference)
    try:
        said = client.images.push(
            reference,
            auth_config={"username": private.USER, "password": PASSWORD},
            decode=True,
            stream=True,
        )
        assert not [line for line in said if "error" in line]
    finally:
        client.images.remove(reference)
    return Registry(host, reference)


@pytest.fixture
def clean(engine: DockerClient, registry: Registry) -> Iterator[Registry]:
    """The registry's image is not on the engine, before and after."""
    yield registry
    if engine.images.list(registry.image):
        engine.images.remove(registry.image, force=True)


def fetch(
    engine: DockerEngine, image: str, pull: Pull = "default", password: str = "", host: str = ""
) -> list[str]:
    """What is said of pulling."""
    known = {host: Credentials(private.USER, Secret(password))} if host else {}
    one = job(step("a", image=image, pull=pull), credentials=known)
    said: list[str] = []
    engine.fetch(one, one.steps[0], said.append, Cancel())
    return said


@real
def test_an_image_is_pulled_with_the_sign_in_to_its_registry(
    docker_engine: DockerEngine, engine: DockerClient, clean: Registry
) -> None:
    assert fetch(docker_engine, clean.image, password=PASSWORD, host=clean.host) == [
        f"pulling {clean.image}"
    ]
    assert engine.images.list(clean.image)
    assert fetch(docker_engine, clean.image) == [], "it is here now"


@real
@pytest.mark.parametrize(("password", "other"), [("wrong", False), (PASSWORD, True), ("", True)])
def test_without_the_sign_in_to_its_registry_an_image_can_t_be_pulled(
    docker_engine: DockerEngine, clean: Registry, password: str, other: bool
) -> None:
    """That to another registry is not handed to this one."""
    with pytest.raises(StepError) as raised:
        fetch(
            docker_engine,
            clean.image,
            password=password,
            host="registry.example.com" if other else clean.host,
        )
    assert raised.value.what == f"the image {clean.image} can't be pulled"
    assert "no basic auth credentials" in str(raised.value.why) or "unauthorized" in str(
        raised.value.why
    )
    assert PASSWORD not in str(raised.value.why)


@real
def test_an_image_that_the_registry_does_not_have(
    docker_engine: DockerEngine, clean: Registry
) -> None:
    with pytest.raises(StepError) as raised:
        fetch(docker_engine, f"{clean.host}/none:1", password=PASSWORD, host=clean.host)
    assert "not found" in str(raised.value.why) or "unknown" in str(raised.value.why)


@real
def test_an_image_that_is_here_and_can_t_be_pulled(
    docker_engine: DockerEngine, engine: DockerClient, tiny: str
) -> None:
    latest = "registry.invalid/beeyard-tests:latest"
    engine.images.get(tiny).tag(latest)
    try:
        assert fetch(docker_engine, latest, "if-not-exists") == []
        assert fetch(docker_engine, latest, "never") == []
        said = fetch(docker_engine, latest)
        assert said[0] == f"pulling {latest}"
        assert said[1].startswith("it can't be pulled, so the one that is here is used: ")
        with pytest.raises(StepError, match="can't be pulled"):
            fetch(docker_engine, latest, "always")
    finally:
        engine.images.remove(latest)


@real
def test_an_image_that_may_not_be_pulled_and_is_not_here(docker_engine: DockerEngine) -> None:
    with pytest.raises(StepError) as raised:
        fetch(docker_engine, "registry.invalid/none:1", "never")
    assert raised.value.what == "the image registry.invalid/none:1 is not here"
