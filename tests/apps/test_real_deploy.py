"""Build, push, `docker stack deploy` and convergence on a real Swarm, and what is said where they
fail."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from beeyard.apps import (
    BuildPlan,
    BuiltImage,
    Bundle,
    Context,
    Credentials,
    LocalBuilder,
    ManagerBuilder,
    ensure_image,
    load_stack,
    registry_login,
    render,
)
from beeyard.apps.bundle import mixed
from beeyard.apps.contents import contents, ensure
from beeyard.apps.deploy import stack_deploy, with_replicas
from beeyard.errors import AppError, SwarmError
from beeyard.process import Command
from beeyard.secret import Secret
from beeyard.swarm import Manager, Patience, Progress, Service, Snapshot, await_converged

pytestmark = [pytest.mark.real, pytest.mark.slow(1)]

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


def bundle(
    name: str, path: Path, manager: Manager, images: Mapping[str, str], **variables: str
) -> Bundle:
    """A team's stack file for this Swarm, with what it takes from files kept there."""
    stack = load_stack(path)
    own = contents(stack, name)
    ensure(manager.client, name, own)
    return render(
        stack,
        environment=variables,
        image_for=images,
        named={(one.section, one.key): one.name for one in own},
        capabilities=manager.snapshot().capabilities,
    ).bundle


def roll_out(
    name: str,
    what: Bundle,
    swarm: Any,
    manager: Manager,
    *,
    patience: Patience = QUICK,
    heard: list[Progress] | None = None,
) -> Snapshot:
    """Deploy a stack and wait until it runs."""
    stack_deploy(name, what, swarm.on("manager-1"))
    return await_converged(
        manager,
        [f"{name}_{service}" for service in what.services],
        patience=patience,
        progress=(heard if heard is not None else []).append,
    )


def service_of(manager: Manager, name: str) -> Service:
    return next(one for one in manager.snapshot().services if one.name == name)


def tasks_of(manager: Manager, name: str) -> list[str]:
    return sorted(task.id for task in service_of(manager, name).running)


def environment_of(manager: Manager, name: str) -> list[str]:
    api: Any = manager.client.api
    container = api.inspect_service(name)["Spec"]["TaskTemplate"]["ContainerSpec"]
    return sorted(container.get("Env") or [])


def one_service(image: str, command: str, extra: str = "") -> Bundle:
    return Bundle(
        f"version: '3.8'\nservices:\n  web:\n    image: {image}\n"
        f"    command: ['/bin/sh', '-c', {command!r}]\n{extra}"
    )


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

    images = {"web": first.reference}

    def made(greeting: str) -> Bundle:
        return bundle("shop", folder / "stack.yml", manager, images, GREETING=greeting)

    heard: list[Progress] = []
    with removed_after(real_swarm, "shop"):
        (web,) = roll_out("shop", made("hello"), real_swarm, manager, heard=heard).stack("shop")
        assert len(set(web.nodes)) == 2
        assert web.endpoint_mode == "dnsrr"
        assert [(port.published, port.mode) for port in web.ports] == [(8081, "host")]
        assert web.image == first.reference
        assert (heard[-1].running, heard[-1].wanted, heard[-1].note) == (2, 2, "")
        assert environment_of(manager, "shop_web") == ["FROM_FILE=yes", "GREETING=hello"]

        (same,) = roll_out("shop", made("hello"), real_swarm, manager).stack("shop")
        assert [task.id for task in same.running] == [task.id for task in web.running]
        assert same.definition == web.definition

        (other,) = roll_out("shop", made("ho"), real_swarm, manager).stack("shop")
        assert other.definition != web.definition
        assert all(task.current for task in other.running)
        assert other.update is not None
        assert other.update.state == "completed"
        assert manager.task_log(other.running[0].id) == ["one" + "serving"]
        assert environment_of(manager, "shop_web") == ["FROM_FILE=yes", "GREETING=ho"]
    left = real_swarm.on("manager-1").run(Command(["sh", "-c", "ls -d /tmp/tmp.* || true"]))
    assert left.stdout == "", "environment files stay on no node"


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


MIXED = """\
version: "3.8"
services:
  web:
    image: "${IMAGE}"
    command: ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.2; done"]
    environment: [TAKEN, "WRITTEN=${TAKEN}", "PRICE=5$$"]
    env_file: app.env
    configs: [settings]
  worker:
    image: "${IMAGE}"
    command: ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.2; done"]
    environment: {TAKEN: , WRITTEN: "${NONE:-${TAKEN}}"}
    env_file: [app.env]
    configs: [settings]
configs:
  settings: {file: ./said}
"""


def test_what_is_not_due_is_left_as_it_is(folder: Path, real_swarm: Any, manager: Manager) -> None:
    """Not a task of it is replaced, though all that decides how it runs has another value."""

    def made(mark: str) -> Bundle:
        (folder / "stack.yml").write_text(MIXED)
        (folder / "app.env").write_text(f"TAKEN_TOO\nFROM_FILE={mark}\n")
        (folder / "said").write_text(mark)
        given = {"TAKEN": mark, "TAKEN_TOO": mark, "IMAGE": real_swarm.tiny}
        return bundle("mix", folder / "stack.yml", manager, {}, **given)

    def environments(mark: str) -> dict[str, list[str]]:
        both = [f"FROM_FILE={mark}", f"TAKEN={mark}", f"TAKEN_TOO={mark}"]
        return {
            "mix_web": sorted([*both, "PRICE=5$", f"WRITTEN={mark}"]),
            "mix_worker": sorted([*both, "WRITTEN=${TAKEN}"]),
        }

    with removed_after(real_swarm, "mix"):
        old, new = made("old"), made("new")
        roll_out("mix", old, real_swarm, manager)
        assert {name: environment_of(manager, name) for name in environments("")} == (
            environments("old")
        )
        web, worker = tasks_of(manager, "mix_web"), tasks_of(manager, "mix_worker")

        roll_out("mix", mixed(new, old, ["web"]), real_swarm, manager)
        assert tasks_of(manager, "mix_worker") == worker
        assert environment_of(manager, "mix_worker") == environments("old")["mix_worker"]
        assert not set(tasks_of(manager, "mix_web")) & set(web)
        assert environment_of(manager, "mix_web") == environments("new")["mix_web"]
        web = tasks_of(manager, "mix_web")

        roll_out("mix", new, real_swarm, manager)
        assert tasks_of(manager, "mix_web") == web
        assert environment_of(manager, "mix_worker") == environments("new")["mix_worker"]


@pytest.mark.parametrize(("name", "version"), [("older", "version: '3.3'\n"), ("silent", "")])
def test_a_file_of_an_older_version_is_taken(
    folder: Path, real_swarm: Any, manager: Manager, name: str, version: str
) -> None:
    """What is added to it (an order, a name) is of a later one."""
    (folder / "stack.yml").write_text(
        f"""\
{version}services:
  web:
    image: {real_swarm.tiny}
    command: ["/bin/sh", "-c", "cat /settings; {SERVES}"]
    configs: [settings]
configs:
  settings: {{file: ./said}}
"""
    )
    with removed_after(real_swarm, name):
        what = bundle(name, folder / "stack.yml", manager, {})
        (web,) = roll_out(name, what, real_swarm, manager).stack(name)
        assert web.update_order == "start-first"
        assert manager.task_log(web.running[0].id) == ["one" + "serving"]


def test_numbers_of_replicas_are_those_that_are_given(real_swarm: Any, manager: Manager) -> None:
    what = one_service(real_swarm.tiny, SERVES)
    with removed_after(real_swarm, "counted"):
        roll_out("counted", with_replicas(what, {"web": 3, "other": 2}), real_swarm, manager)
        assert len(tasks_of(manager, "counted_web")) == 3
        assert what.services["web"].get("deploy") is None


def test_a_container_that_exits_is_named_with_its_last_lines(
    real_swarm: Any, manager: Manager
) -> None:
    what = one_service(
        real_swarm.tiny,
        "echo no database here; exit 3",
        "    deploy: {restart_policy: {delay: 100ms}}\n",
    )
    with removed_after(real_swarm, "exits"), pytest.raises(SwarmError) as caught:
        roll_out("exits", what, real_swarm, manager)
    error = caught.value
    assert error.where is not None
    assert error.where.startswith("service exits_web, task exits_web.1 on ")
    assert error.why is not None
    assert "given up after" in error.why
    assert "non-zero exit (3)" in error.why
    assert "no database here" in error.why


def test_a_task_that_is_never_healthy_is_named(real_swarm: Any, manager: Manager) -> None:
    check = "{test: ['CMD', '/bin/sh', '-c', 'exit 1'], interval: 500ms, retries: 1}"
    what = one_service(real_swarm.tiny, SERVES, f"    healthcheck: {check}\n")
    patience = Patience(deadline=20, settle=0, failures=1)
    with removed_after(real_swarm, "sick"), pytest.raises(SwarmError) as caught:
        roll_out("sick", what, real_swarm, manager, patience=patience)
    assert "health check" in str(caught.value.why)
    assert "health check" in str(caught.value.fix)


def test_a_service_that_no_node_takes_ends_at_the_deadline(
    real_swarm: Any, manager: Manager
) -> None:
    nowhere = "    deploy: {placement: {constraints: [node.labels.disk == ssd]}}\n"
    what = one_service(real_swarm.tiny, SERVES, nowhere)
    with removed_after(real_swarm, "homeless"), pytest.raises(SwarmError) as caught:
        roll_out("homeless", what, real_swarm, manager, patience=Patience(deadline=2))
    assert "0 of 1 replicas run" in caught.value.what
    assert "no suitable node" in str(caught.value.why)
    assert "placement" in str(caught.value.fix)


def test_a_rollback_by_swarm_is_a_failure(real_swarm: Any, manager: Manager) -> None:
    update = "    deploy: {update_config: {failure_action: rollback, monitor: 5s}}\n"
    well = one_service(real_swarm.tiny, SERVES, update)
    broken = one_service(real_swarm.tiny, "echo broken version; exit 9", update)
    with removed_after(real_swarm, "back"):
        roll_out("back", well, real_swarm, manager)
        with pytest.raises(SwarmError) as caught:
            roll_out("back", broken, real_swarm, manager)
        assert "rollback" in caught.value.what
        assert "broken version" in str(caught.value.why)


def test_a_stack_that_docker_refuses_is_shown_its_words(real_swarm: Any) -> None:
    what = one_service(real_swarm.tiny, SERVES, "    networks: [nowhere]\n")
    with pytest.raises(AppError, match="Docker refused the stack") as caught:
        stack_deploy("refused", what, real_swarm.on("manager-1"))
    assert "nowhere" in str(caught.value.why)
