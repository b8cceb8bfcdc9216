"""A team's stack file, and what becomes of it."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from beeyard.apps import Bundle, Rendered, load_stack, render
from beeyard.apps.ports import host_ports
from beeyard.errors import AppError
from beeyard.swarm import Capabilities

STACK = """\
version: "3.8"
x-common: &common
  replicas: 2
  labels: {team: yes}
services:
  web:
    build: {context: ., args: {B: "2", A: "1"}, target: final}
    image: "${REGISTRY:-none}/web"
    user: "0123"
    ports: ["${PORT:-80}:8000"]
    configs: [{source: settings, target: /settings, mode: 0444}]
    secrets: [key, {source: url, uid: "33"}]
    deploy:
      <<: *common
      endpoint_mode: vip
  worker:
    image: worker:1.10
    env_file: [worker.env, more.env]
    configs: [settings]
    deploy: *common
configs:
  settings: {file: ./settings.ini}
secrets:
  key: {file: ./key}
  url: {external: true, name: shop_url}
"""
NAMED = {
    ("configs", "settings"): "shop_settings.5f",
    ("secrets", "key"): "shop_key.a1",
    ("secrets", "url"): "shop_url.b2",
}


def written(folder: Path, text: str = STACK) -> Path:
    path = folder / "stack.yml"
    path.write_text(text)
    for name in ("worker.env", "more.env"):
        (folder / name).write_text(f"FROM={name}\n")
    return path


def rendered(
    folder: Path,
    text: str = STACK,
    *,
    ipvs: bool = True,
    images: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    single_writers: Collection[str] = (),
    full: Collection[str] = (),
) -> Rendered:
    return render(
        load_stack(written(folder, text)),
        environment=environment or {},
        image_for={"web": "r/web@sha256:1"} if images is None else images,
        named=NAMED,
        capabilities=Capabilities(ipvs=ipvs),
        single_writers=single_writers,
        full=full,
    )


def as_docker_reads(bundle: Bundle) -> Any:
    """By YAML 1.1: `0444` is octal."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = "1.1"
    return yaml.load(bundle.text)


def order(deploy: Mapping[str, Any]) -> tuple[str, str]:
    return deploy["update_config"]["order"], deploy["rollback_config"]["order"]


def test_what_is_not_ours_stays_as_it_was_written(tmp_path: Path) -> None:
    text = rendered(tmp_path).bundle.text
    assert "mode: 0444" in text, "octal for the Docker CLI"
    assert text.count("team: yes") == 2, "true for the Docker CLI"
    assert 'user: "0123"' in text, "a text for the Docker CLI"
    assert "image: worker:1.10" in text
    assert '"${PORT:-80}:8000"' in text


def test_anchors_and_merge_keys_are_resolved_and_extensions_dropped(tmp_path: Path) -> None:
    text = rendered(tmp_path).bundle.text
    assert [mark for mark in ("&", "*", "<<", "x-common") if mark in text] == []
    services = as_docker_reads(rendered(tmp_path).bundle)["services"]
    assert [services[name]["deploy"]["replicas"] for name in ("web", "worker")] == [2, 2]
    assert services["web"]["deploy"]["endpoint_mode"] == "vip"
    assert "endpoint_mode" not in services["worker"]["deploy"]


def test_what_fills_it_and_its_files_go_with_it(tmp_path: Path) -> None:
    bundle = rendered(tmp_path, environment={"PORT": "81"}).bundle
    assert bundle.environment == {"PORT": "81"}
    assert bundle.files == {"worker.env": "FROM=worker.env\n", "more.env": "FROM=more.env\n"}


def test_variables_taken_over_by_name_alone_are_written_out(tmp_path: Path) -> None:
    text = """\
services:
  list: {image: a, environment: [TOKEN, HOME, "A=b"], env_file: worker.env}
  mapping: {image: a, environment: {TOKEN: , HOME: , A: b}}
"""
    written(tmp_path, text)
    (tmp_path / "worker.env").write_text("# TOKEN\nTOKEN\nHOME\nKEY\nA=b\n")
    environment = {"TOKEN": "t=1", "KEY": "first\nsecond"}
    bundle = render(
        load_stack(tmp_path / "stack.yml"),
        environment=environment,
        image_for={},
        named={},
        capabilities=Capabilities(ipvs=True),
    ).bundle
    services = as_docker_reads(bundle)["services"]
    assert services["list"]["environment"] == ["TOKEN=${TOKEN}", "HOME", "A=b"]
    assert services["mapping"]["environment"] == {"TOKEN": "${TOKEN}", "HOME": None, "A": "b"}
    assert bundle.files == {"worker.env": "# TOKEN\nTOKEN=t=1\nHOME\nKEY\nA=b\n"}


def test_an_environment_file_that_is_no_text(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / "more.env").write_bytes(b"A=\xff\n")
    with pytest.raises(AppError, match="is no text") as caught:
        render(
            load_stack(path),
            environment={},
            image_for={"web": "a"},
            named=NAMED,
            capabilities=Capabilities(ipvs=True),
        )
    assert caught.value.where == str(tmp_path / "more.env")


def test_images_by_service_go_before_the_files_own(tmp_path: Path) -> None:
    images = {"web": "r/web@sha256:1", "worker": "worker:1.10@sha256:2"}
    services = as_docker_reads(rendered(tmp_path, images=images).bundle)["services"]
    assert {name: service["image"] for name, service in services.items()} == images
    assert "build" not in services["web"]
    only_web = as_docker_reads(rendered(tmp_path).bundle)["services"]
    assert only_web["worker"]["image"] == "worker:1.10"


@pytest.mark.parametrize("text", [STACK, "services: {web: {command: [a]}}\n"])
def test_a_service_without_an_image_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(AppError, match="the service `web` has no image"):
        rendered(tmp_path, text, images={})


def test_secrets_and_configs_go_by_the_swarms_names_and_stay_where_they_were(
    tmp_path: Path,
) -> None:
    document = as_docker_reads(rendered(tmp_path).bundle)
    web, worker = document["services"]["web"], document["services"]["worker"]
    assert web["configs"] == [{"source": "shop_settings.5f", "target": "/settings", "mode": 0o444}]
    assert worker["configs"] == [{"source": "shop_settings.5f", "target": "settings"}]
    assert web["secrets"] == [
        {"source": "shop_key.a1", "target": "key"},
        {"source": "shop_url.b2", "uid": "33", "target": "url"},
    ]
    outside = {name: {"external": True, "name": name} for name in NAMED.values()}
    assert document["configs"] | document["secrets"] == outside


@pytest.mark.parametrize(
    ("version", "becomes"),
    [
        ("version: '3.8'\n", "3.8"),
        ("version: '3.12'\n", "3.12"),
        ("version: '3.1'\n", "3.8"),
        ("version: 3\n", "3.8"),
        ("", "3.8"),
        ("version: '2.4'\n", "2.4"),
    ],
)
def test_the_version_of_the_format_knows_what_was_added(
    tmp_path: Path, version: str, becomes: str
) -> None:
    text = f"{version}services: {{web: {{image: a}}}}\n"
    document = as_docker_reads(rendered(tmp_path, text, images={}).bundle)
    assert document["version"] == becomes


def test_a_new_task_starts_first_where_the_file_says_nothing(tmp_path: Path) -> None:
    text = """\
services:
  silent: {image: a}
  half: {image: a, deploy: {update_config: {parallelism: 2}}}
  says: {image: a, deploy: {update_config: {order: stop-first}, rollback_config: }}
  job: {image: a, deploy: {mode: "${MODE}"}}
"""
    made = rendered(tmp_path, text, images={}, environment={"MODE": "replicated-job"})
    deploys = {
        name: service["deploy"]
        for name, service in as_docker_reads(made.bundle)["services"].items()
    }
    assert order(deploys["silent"]) == ("start-first", "start-first")
    assert deploys["half"]["update_config"] == {"parallelism": 2, "order": "start-first"}
    assert order(deploys["says"]) == ("stop-first", "start-first")
    assert deploys["job"] == {"mode": "${MODE}"}
    assert made.adaptations == tuple(
        f"{name}: a new task starts before the old one stops (order start-first)"
        for name in ("silent", "half")
    )


def test_with_ports_of_the_node_the_old_task_stops_first(tmp_path: Path) -> None:
    text = """\
services:
  silent: {image: a, ports: [{target: 80, published: 80, mode: host}]}
  says:
    image: a
    ports: [{target: 81, published: 81, mode: host}]
    deploy: {update_config: {order: start-first}}
  routed: {image: a, ports: ["82:82"]}
"""
    made = rendered(tmp_path, text, images={})
    services = as_docker_reads(made.bundle)["services"]
    orders = {name: order(service["deploy"]) for name, service in services.items()}
    assert orders == {
        "silent": ("stop-first", "stop-first"),
        "says": ("stop-first", "stop-first"),
        "routed": ("start-first", "start-first"),
    }
    assert [line.partition(": ")[0] for line in made.adaptations] == ["silent", "says", "routed"]
    assert made.adaptations[0] == (
        "silent: each task stops before its successor starts (order stop-first), "
        "for both would need the same port of a node"
    )


def test_where_no_place_is_left_dockers_order_stays(tmp_path: Path) -> None:
    text = """\
services:
  silent: {image: a}
  says: {image: a, deploy: {update_config: {order: start-first}}}
"""
    made = rendered(tmp_path, text, images={}, full=("silent", "says"))
    services = as_docker_reads(made.bundle)["services"]
    assert "order" not in services["silent"]["deploy"]["update_config"]
    assert services["says"]["deploy"]["update_config"]["order"] == "start-first"
    assert made.adaptations[0] == (
        "silent: each task stops before its successor starts (Docker's order), for "
        "`max_replicas_per_node` leaves no place for one more"
    )


def test_environment_files_may_have_variables_in_their_names(tmp_path: Path) -> None:
    text = "services: {web: {image: a, env_file: '${KIND}.env'}}\n"
    made = rendered(tmp_path, text, images={}, environment={"KIND": "worker"})
    assert made.bundle.files == {"worker.env": "FROM=worker.env\n"}
    assert as_docker_reads(made.bundle)["services"]["web"]["env_file"] == "${KIND}.env"


def test_of_a_single_writer_there_are_never_two(tmp_path: Path) -> None:
    text = """\
services:
  silent: {image: a}
  says: {image: a, deploy: {update_config: {order: "${ORDER}"}}}
  knows: {image: a, deploy: {update_config: {order: stop-first}}}
  many: {image: a}
"""
    made = rendered(
        tmp_path,
        text,
        images={},
        environment={"ORDER": "start-first"},
        single_writers=("silent", "says", "knows"),
    )
    services = as_docker_reads(made.bundle)["services"]
    assert {name: order(service["deploy"]) for name, service in services.items()} == {
        "silent": ("stop-first", "stop-first"),
        "says": ("stop-first", "stop-first"),
        "knows": ("stop-first", "stop-first"),
        "many": ("start-first", "start-first"),
    }
    why = "(order stop-first), for both would write the same SQLite file"
    said = [line.partition(": ")[0] for line in made.adaptations if line.endswith(why)]
    assert said == ["silent", "says"]


def test_without_ipvs_names_and_ports_are_the_tasks_own_and_that_is_said(tmp_path: Path) -> None:
    made = rendered(tmp_path, ipvs=False)
    services = as_docker_reads(made.bundle)["services"]
    deploys = [services[name]["deploy"] for name in ("web", "worker")]
    assert [deploy["endpoint_mode"] for deploy in deploys] == ["dnsrr"] * 2
    assert [order(deploy)[0] for deploy in deploys] == ["stop-first", "start-first"]
    assert services["web"]["ports"] == [
        {"target": 8000, "published": "${PORT:-80}", "protocol": "tcp", "mode": "host"}
    ]
    said = [line.partition(": ")[0] for line in made.adaptations]
    assert said == ["web", "web", "web", "worker", "worker"]
    assert "no IPVS" in made.adaptations[0]


def test_what_was_rendered_is_rendered_to_the_same(tmp_path: Path) -> None:
    first = rendered(tmp_path, ipvs=False)
    again = rendered(tmp_path, first.bundle.text, ipvs=False, images={})
    assert again.adaptations == ()
    assert as_docker_reads(again.bundle) == as_docker_reads(first.bundle)


def test_rendering_leaves_the_stack_as_it_was(tmp_path: Path) -> None:
    stack = load_stack(written(tmp_path))

    def made() -> Rendered:
        return render(
            stack,
            environment={},
            image_for={"web": "a"},
            named=NAMED,
            capabilities=Capabilities(ipvs=False),
        )

    assert made() == made()


def test_how_it_is_built_and_what_files_it_names(tmp_path: Path) -> None:
    stack = load_stack(written(tmp_path))
    assert stack.builds["web"].args == (("A", "1"), ("B", "2"))
    assert stack.builds["web"].target == "final"
    assert list(stack.builds) == ["web"]
    assert stack.env_files({}) == ("more.env", "worker.env")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("../outside.env", "which is not below its folder"),
        ("/etc/hostname", "which is not below its folder"),
        ("missing.env", "names a file that does not exist"),
    ],
)
def test_files_are_read_below_its_folder_only(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / "outside.env").write_text("A=1\n")
    folder = tmp_path / "app"
    folder.mkdir()
    with pytest.raises(AppError, match=what):
        load_stack(written(folder)).read_file(name)


@pytest.mark.parametrize(
    ("text", "what", "place"),
    [
        ("services: [", "the stack file is not valid YAML", ":1:12"),
        ("version: '3.8'\n", "the stack file has no services", ""),
        ("services:\n  web: hello\n", "the service `web` is no mapping", ":2"),
        ("services:\n  web:\n    deploy: 3\n", "`deploy` of the service `web` is no mapping", ":3"),
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
