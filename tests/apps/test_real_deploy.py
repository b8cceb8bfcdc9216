"""Build, push, deploy and convergence on a real Swarm, and what is said where they fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from beeyard.apps import (
    BuildPlan,
    BuiltImage,
    Context,
    Credentials,
    Deployment,
    LocalBuilder,
    ManagerBuilder,
    deploy,
    ensure_image,
    load_stack,
    registry_login,
    render,
)
from beeyard.errors import AppError, SwarmError
from beeyard.process import Command
from beeyard.secret import Secret
from beeyard.swarm import Manager, Patience, Progress

pytestmark = pytest.mark.real

QUICK = Patience(deadline=40, settle=1, failures=2)
SERVES = "echo serving; trap 'exit 0' TERM; while :; do sleep 0.2; done"


def write_app(folder: Path, tiny: str, said: str = "one") -> Path:
    """A team's folder: Dockerfile, .dockerignore, stack.yml."""
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(
        f'FROM {tiny}\nCOPY said /said\nRUN ["/bin/sh", "-c", "echo built $(cat /said)"]\n'
        f'CMD ["/bin/sh", "-c", "cat /said; {SERVES}"]\n'
    )
    (folder / "said").write_text(said)
    (folder / ".dockerignore").write_text("stack.yml\n*.log\n")
    (folder / "app.env").write_text("FROM_FILE=yes\n")
    (folder / "stack.yml").write_text(
        """\
version: "3.8"
services:
  web:
    build: .
    env_file: app.env
    environment:
      GREETING: "${GREETING}"
    ports: ["8081:80"]
    configs:
      - source: settings
        mode: 0444
    deploy:
      replicas: 2
      update_config: {order: start-first, monitor: 1s, parallelism: 2}
configs:
  settings:
    file: ./said
"""
    )
    return folder / "stack.yml"


@pytest.fixture
def folder(tmp_path: Path, real_swarm: Any) -> Path:
    write_app(tmp_path / "shop", real_swarm.tiny)
    return tmp_path / "shop"


@pytest.fixture(scope="session")
def credentials(real_swarm: Any) -> Credentials:
    found = registry_login(real_swarm.on("manager-1"), real_swarm.registry, ["admin"])
    assert found is not None
    return found


@contextmanager
def removed_after(real_swarm: Any, *stacks: str) -> Iterator[None]:
    try:
        yield
    finally:
        for stack in stacks:
            real_swarm.on("manager-1").run(Command(["docker", "stack", "rm", stack]))


def build(folder: Path, swarm: Any, manager: Manager, credentials: Credentials) -> BuiltImage:
    stack = load_stack(folder / "stack.yml")
    context = Context.of(folder, stack.builds["web"])
    return ensure_image(
        BuildPlan.of(context, swarm.registry, "shop"),
        builder=ManagerBuilder(manager.client),
        manager=manager.client,
        credentials=credentials,
    )


def roll_out(
    name: str,
    path: Path,
    swarm: Any,
    manager: Manager,
    *,
    image: str | None = None,
    greeting: str = "hello",
    patience: Patience = QUICK,
    heard: list[Progress] | None = None,
) -> Deployment:
    rendered = render(
        load_stack(path),
        image_for={"web": image or swarm.tiny},
        capabilities=manager.snapshot().capabilities,
    )
    return deploy(
        name,
        rendered,
        runner=swarm.on("manager-1"),
        manager=manager,
        env={"GREETING": greeting},
        patience=patience,
        progress=(heard if heard is not None else []).append,
    )


def one_service(folder: Path, command: str, extra: str = "") -> Path:
    path = folder / "one.yml"
    path.write_text(
        "version: '3.8'\nservices:\n  web:\n    image: replaced\n"
        f"    command: ['/bin/sh', '-c', {command!r}]\n{extra}"
    )
    return path


def test_the_sign_in_is_read_from_the_manager(real_swarm: Any, credentials: Credentials) -> None:
    assert credentials == Credentials("ci", Secret("registry-password"))
    assert "registry-password" not in repr(credentials)
    assert registry_login(real_swarm.on("manager-1"), "other.example.com") is None


def test_an_app_is_built_pushed_and_rolled_out_and_again_changes_nothing(
    folder: Path, real_swarm: Any, manager: Manager, credentials: Credentials
) -> None:
    first = build(folder, real_swarm, manager, credentials)
    assert (first.built, first.pushed) == (True, True)
    assert first.reference.startswith(f"{real_swarm.registry}/shop@sha256:")
    again = build(folder, real_swarm, manager, credentials)
    assert again == BuiltImage(first.reference, first.tag, built=False, pushed=False)

    path = folder / "stack.yml"
    heard: list[Progress] = []
    with removed_after(real_swarm, "shop"):
        made = roll_out("shop", path, real_swarm, manager, image=first.reference, heard=heard)
        assert [(c.service, c.kind) for c in made.changes] == [("shop_web", "created")]
        (web,) = made.snapshot.stack("shop")
        assert len(set(web.nodes)) == 2
        assert web.endpoint_mode == "dnsrr"
        assert [(port.published, port.mode) for port in web.ports] == [(8081, "host")]
        assert web.image == first.reference
        assert (heard[-1].running, heard[-1].wanted, heard[-1].note) == (2, 2, "")

        same = roll_out("shop", path, real_swarm, manager, image=first.reference)
        assert same.changes == ()
        (still,) = same.snapshot.stack("shop")
        assert [task.id for task in still.running] == [task.id for task in web.running]

        other = roll_out("shop", path, real_swarm, manager, image=first.reference, greeting="ho")
        assert [(c.service, c.kind) for c in other.changes] == [("shop_web", "updated")]
        (web,) = other.snapshot.stack("shop")
        assert all(task.current for task in web.running)
        assert web.update is not None
        assert web.update.state == "completed"
        assert manager.task_log(web.running[0].id) == ["one" + "serving"]


def test_a_local_build_reaches_the_registry_by_the_manager(
    folder: Path, real_swarm: Any, manager: Manager, credentials: Credentials, engine: Any
) -> None:
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY said /said\n")
    (folder / "said").write_text("locally")
    plan = BuildPlan.of(
        Context.of(folder, load_stack(folder / "stack.yml").builds["web"]),
        real_swarm.registry,
        "local",
    )
    try:
        image = ensure_image(
            plan,
            builder=LocalBuilder(engine, manager.client),
            manager=manager.client,
            credentials=credentials,
        )
    finally:
        engine.images.remove(plan.reference)
    assert image.built
    real_swarm.on("worker-1").run(Command(["docker", "logout", real_swarm.registry]))
    assert real_swarm.on("manager-1").run(Command(["docker", "pull", image.reference])).code == 0


def test_a_build_that_fails_shows_its_last_lines(
    folder: Path, real_swarm: Any, manager: Manager, credentials: Credentials
) -> None:
    with (folder / "Dockerfile").open("a") as dockerfile:
        dockerfile.write('RUN ["/bin/sh", "-c", "echo no such thing as a wheel; exit 4"]\n')
    with pytest.raises(AppError, match="the image of shop could not be built") as caught:
        build(folder, real_swarm, manager, credentials)
    assert caught.value.why is not None
    assert "no such thing as a wheel" in caught.value.why
    assert "returned a non-zero code: 4" in caught.value.why


def test_a_push_without_sign_in_is_refused_in_words(
    folder: Path, real_swarm: Any, manager: Manager
) -> None:
    plan = BuildPlan.of(
        Context.of(folder, load_stack(folder / "stack.yml").builds["web"]),
        real_swarm.registry,
        "refused",
    )
    with pytest.raises(AppError) as caught:
        ensure_image(
            plan,
            builder=ManagerBuilder(manager.client),
            manager=manager.client,
            credentials=Credentials("ci", Secret("wrong")),
        )
    assert "unauthorized" in str(caught.value.why)
    assert "wrong" not in repr(caught.value.as_dict())


def test_a_container_that_exits_is_named_with_its_last_lines(
    tmp_path: Path, real_swarm: Any, manager: Manager
) -> None:
    path = one_service(
        tmp_path,
        "echo no database here; exit 3",
        "    deploy: {restart_policy: {delay: 100ms}}\n",
    )
    with removed_after(real_swarm, "exits"), pytest.raises(SwarmError) as caught:
        roll_out("exits", path, real_swarm, manager)
    error = caught.value
    assert error.where is not None
    assert error.where.startswith("service exits_web, task exits_web.1 on ")
    assert error.why is not None
    assert "given up after" in error.why
    assert "non-zero exit (3)" in error.why
    assert "no database here" in error.why


def test_a_task_that_is_never_healthy_is_named(
    tmp_path: Path, real_swarm: Any, manager: Manager
) -> None:
    check = "{test: ['CMD', '/bin/sh', '-c', 'exit 1'], interval: 500ms, retries: 1}"
    path = one_service(tmp_path, SERVES, f"    healthcheck: {check}\n")
    patience = Patience(deadline=20, settle=0, failures=1)
    with removed_after(real_swarm, "sick"), pytest.raises(SwarmError) as caught:
        roll_out("sick", path, real_swarm, manager, patience=patience)
    assert "health check" in str(caught.value.why)
    assert "health check" in str(caught.value.fix)


def test_a_service_that_no_node_takes_ends_at_the_deadline(
    tmp_path: Path, real_swarm: Any, manager: Manager
) -> None:
    path = one_service(
        tmp_path, SERVES, "    deploy: {placement: {constraints: [node.labels.disk == ssd]}}\n"
    )
    with removed_after(real_swarm, "homeless"), pytest.raises(SwarmError) as caught:
        roll_out("homeless", path, real_swarm, manager, patience=Patience(deadline=2))
    assert "0 of 1 replicas run" in caught.value.what
    assert "no suitable node" in str(caught.value.why)
    assert "placement" in str(caught.value.fix)


def test_a_rollback_by_swarm_is_a_failure(
    tmp_path: Path, real_swarm: Any, manager: Manager
) -> None:
    update = "    deploy: {update_config: {failure_action: rollback, monitor: 5s}}\n"
    with removed_after(real_swarm, "back"):
        roll_out("back", one_service(tmp_path, SERVES, update), real_swarm, manager)
        broken = one_service(tmp_path, "echo broken version; exit 9", update)
        with pytest.raises(SwarmError) as caught:
            roll_out("back", broken, real_swarm, manager)
        assert "rollback" in caught.value.what
        assert "broken version" in str(caught.value.why)


def test_a_stack_that_docker_refuses_is_shown_its_words(
    tmp_path: Path, real_swarm: Any, manager: Manager
) -> None:
    path = one_service(tmp_path, SERVES, "    networks: [nowhere]\n")
    with pytest.raises(AppError, match="Docker refused the stack") as caught:
        roll_out("refused", path, real_swarm, manager)
    assert "nowhere" in str(caught.value.why)
