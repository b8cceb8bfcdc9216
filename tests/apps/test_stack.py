"""A team's stack file, and what becomes of it."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from beeyard.apps import load_stack, render
from beeyard.apps.ports import host_ports
from beeyard.errors import AppError
from beeyard.swarm import Capabilities

WITH_IPVS = Capabilities(ipvs=True)
WITHOUT_IPVS = Capabilities(ipvs=False)

STACK = """\
version: "3.8"
x-common: &common
  replicas: 2
  labels: {team: yes}
services:
  web:
    build: {context: ., args: {B: "2", A: "1"}, target: final}
    image: "${REGISTRY:-none}/web"
    ports: ["${PORT:-80}:8000"]
    configs: [{source: settings, target: /settings, mode: 0444}]
    deploy:
      <<: *common
      endpoint_mode: vip
  worker:
    image: worker:1.10
    env_file: [worker.env, more.env]
    deploy: *common
configs:
  settings: {file: ./settings.ini}
"""


def written(folder: Path, text: str = STACK) -> Path:
    path = folder / "stack.yml"
    path.write_text(text)
    return path


def as_docker_reads(text: str) -> Any:
    return YAML(typ="safe").load(text)


def test_what_is_not_ours_stays_letter_for_letter(tmp_path: Path) -> None:
    rendered = render(
        load_stack(written(tmp_path)), image_for={"web": "r/web@sha256:1"}, capabilities=WITH_IPVS
    )
    assert "mode: 0444" in rendered.text, "octal for the Docker CLI"
    assert "team: yes" in rendered.text, "true for the Docker CLI"
    assert "image: worker:1.10" in rendered.text
    assert '"${PORT:-80}:8000"' in rendered.text
    assert "<<: *common" in rendered.text
    assert rendered.adaptations == ()


def test_a_service_that_builds_gets_its_image(tmp_path: Path) -> None:
    rendered = render(
        load_stack(written(tmp_path)), image_for={"web": "r/web@sha256:1"}, capabilities=WITH_IPVS
    )
    services = as_docker_reads(rendered.text)["services"]
    assert services["web"]["image"] == "r/web@sha256:1"
    assert "build" not in services["web"]
    assert services["worker"]["image"] == "worker:1.10"
    assert rendered.services == ("web", "worker")


def test_a_service_that_builds_and_got_no_image_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="the service `web` has no image"):
        render(load_stack(written(tmp_path)), image_for={}, capabilities=WITH_IPVS)


def test_without_ipvs_names_and_ports_are_the_tasks_own_and_that_is_said(tmp_path: Path) -> None:
    rendered = render(
        load_stack(written(tmp_path)),
        image_for={"web": "r/web@sha256:1"},
        capabilities=WITHOUT_IPVS,
    )
    services = as_docker_reads(rendered.text)["services"]
    assert [services[name]["deploy"]["endpoint_mode"] for name in ("web", "worker")] == [
        "dnsrr"
    ] * 2
    assert [services[name]["deploy"]["replicas"] for name in ("web", "worker")] == [2, 2]
    assert services["web"]["ports"] == [
        {"target": 8000, "published": "${PORT:-80}", "protocol": "tcp", "mode": "host"}
    ]
    assert [line.split(":")[0] for line in rendered.adaptations] == ["web", "web", "worker"]
    assert "no IPVS" in rendered.adaptations[0]
    again = render(
        load_stack(written(tmp_path, rendered.text)), image_for={}, capabilities=WITHOUT_IPVS
    )
    assert again.adaptations == ()


def test_rendering_leaves_the_stack_as_it_was(tmp_path: Path) -> None:
    stack = load_stack(written(tmp_path))
    first = render(stack, image_for={"web": "a"}, capabilities=WITHOUT_IPVS)
    assert render(stack, image_for={"web": "a"}, capabilities=WITHOUT_IPVS) == first


def test_how_it_is_built_and_what_files_it_names(tmp_path: Path) -> None:
    stack = load_stack(written(tmp_path))
    assert stack.builds["web"].args == (("A", "1"), ("B", "2"))
    assert stack.builds["web"].target == "final"
    assert list(stack.builds) == ["web"]
    assert stack.files == ("./settings.ini", "more.env", "worker.env")


@pytest.mark.parametrize(
    ("text", "what", "place"),
    [
        ("services: [", "the stack file is not valid YAML", ":1:12"),
        ("version: '3.8'\n", "the stack file has no services", ""),
        ("services:\n  web: hello\n", "the service `web` is no mapping", ":2"),
        ("services:\n  a: {image: x}\n  a: {image: y}\n", "is not valid YAML", ":3:3"),
    ],
)
def test_a_file_that_is_no_stack_is_refused_at_its_place(
    tmp_path: Path, text: str, what: str, place: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(AppError, match=what) as caught:
        load_stack(path)
    assert caught.value.where == f"{path}{place}"


def test_a_missing_file_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="can't be read"):
        load_stack(tmp_path / "stack.yml")


def test_build_keys_that_cannot_be_followed_are_refused(tmp_path: Path) -> None:
    stack = load_stack(written(tmp_path, "services: {web: {build: {context: ., network: host}}}"))
    with pytest.raises(AppError, match="can't follow: network"):
        _ = stack.builds


@pytest.mark.parametrize(
    ("port", "published", "target", "protocol"),
    [
        ("8080:80", 8080, 80, "tcp"),
        ("53:5353/udp", 53, 5353, "udp"),
        ("127.0.0.1:8080:80", 8080, 80, "tcp"),
        ("${PORT:-80}:8000", "${PORT:-80}", 8000, "tcp"),
        (8080, None, 8080, "tcp"),
    ],
)
def test_short_ports_become_ports_of_the_node(
    port: Any, published: Any, target: int, protocol: str
) -> None:
    ((entry,), _) = host_ports([port], "here")
    assert entry.get("published") == published
    assert (entry["target"], entry["protocol"], entry["mode"]) == (target, protocol, "host")


def test_ranges_of_ports_are_spelt_out() -> None:
    entries, moved = host_ports(["3000-3002:4000-4002"], "here")
    assert [(e["published"], e["target"]) for e in entries] == [
        (3000, 4000),
        (3001, 4001),
        (3002, 4002),
    ]
    assert moved == ["3000", "3001", "3002"]
    with pytest.raises(AppError, match="differ in length"):
        host_ports(["3000-3002:4000"], "here")


def test_ports_of_the_node_stay_as_they_are() -> None:
    port = {"target": 80, "published": 80, "mode": "host"}
    assert host_ports([port], "here") == ([port], [])
    assert host_ports([{"target": 80, "published": 80}], "here") == (
        [{"target": 80, "published": 80, "mode": "host"}],
        ["80"],
    )
