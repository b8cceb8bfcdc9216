"""One-off tasks, secrets and the maintenance page by the command line, on a whole cluster."""

import os
import pty
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from beeyard.apps.probe import MAINTENANCE
from beeyard.apps.traffic import Prober
from beeyard.apps.urls import AppUrl
from cluster.yard import DOMAIN, Running

pytestmark = pytest.mark.cluster
HOST = f"timeoff.{DOMAIN}"
KEY = "timeoff_secret_key"


def services(cluster: Running) -> set[str]:
    said = cluster.docker_on("manager-1", "service", "ls", "--format", "{{.Name}}")
    return {name for name in said.split() if name.startswith("timeoff_")}


def secret(cluster: Running) -> dict[str, Any]:
    (found,) = (row for row in cluster.yard.json("secret", "ls", "timeoff") if row["name"] == KEY)
    assert isinstance(found, dict)
    return found


def test_a_task_runs_once_with_what_the_service_has(cluster: Running) -> None:
    script = "import os, sys; print(sorted(os.listdir('/run/secrets'))); sys.exit(7)"
    run = ("run", "timeoff", "web", "--entrypoint", "python", "--", "-c", script)
    said = cluster.yard.run(*run, code=7)
    assert said == f"{['timeoff_database_url', 'timeoff_demo_password', KEY]}\n"
    assert services(cluster) == {"timeoff_web"}


def test_a_task_reaches_the_database(cluster: Running) -> None:
    assert cluster.yard.json("run", "timeoff", "web", "--", "migrate")["code"] == 0


def test_a_command_inside_a_task_has_the_terminal(cluster: Running) -> None:
    ours, its = pty.openpty()
    script = "tty; read word; echo got $word; exit 5"
    try:
        inside = cluster.yard.start(
            *("exec", "timeoff", "web", "--", "sh", "-c", script), stdin=its, stdout=its, stderr=its
        )
        os.close(its)
        os.write(ours, b"honey\n")
        assert inside.wait(60) == 5
        said = os.read(ours, 10_000).decode().split("\r\n")
    finally:
        os.close(ours)
    assert "/dev/pts/0" in said
    assert "got honey" in said


def test_a_secret_is_set_and_the_next_deploy_brings_it(cluster: Running, tmp_path: Path) -> None:
    assert secret(cluster)["version"] == KEY, "made by up"
    (tmp_path / "key").write_text("another key of this application\n")
    done = cluster.yard.json("secret", "set", "timeoff", KEY, "--from-file", str(tmp_path / "key"))
    assert (done["wanted"], done["running"]) == (True, False)
    row = secret(cluster)
    assert (row["version"], row["state"]) == (done["version"], "next deploy")
    assert row["outdated"] == ["timeoff_web"]

    assert cluster.yard.json("deploy", "timeoff")["changed"] is True

    row = secret(cluster)
    assert (row["version"], row["state"], row["used_by"]) == (
        done["version"],
        "in use",
        ["timeoff_web"],
    )
    refused = cluster.yard.json("secret", "rm", "timeoff", KEY, code=9)
    assert f"service timeoff_web: {done['version']}" in refused["why"]


@pytest.mark.slow(4)
def test_the_page_stands_in_for_the_application_and_no_request_is_lost(
    cluster: Running, ca: Path
) -> None:
    port = urlsplit(cluster.url("timeoff")).port or 443
    tasks = cluster.docker_on("manager-1", "service", "ps", "-q", "timeoff_web")
    address = AppUrl(HOST, "/", port, "web", "timeoff")
    with Prober([address], "127.0.0.1", ca.read_text(), rate=20) as users:
        assert cluster.yard.json("maintenance", "timeoff", "on")["changed"] is True
        for answer in (ask(port, ca), ask(port, ca, b"x" * 3_000_000)):
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "60"
            assert MAINTENANCE in answer.headers
            assert "Back soon" in answer.text
        status = cluster.status
        assert status["ok"] is True
        assert "503 maintenance" in {url["answer"] for url in status["urls"]}
        assert cluster.yard.json("deploy", "timeoff")["changed"] is False
        assert services(cluster) == {"timeoff_web", "timeoff_maintenance"}

        assert cluster.yard.json("maintenance", "timeoff", "off")["changed"] is True
        assert MAINTENANCE not in ask(port, ca).headers
    assert users.traffic().requests > 0
    assert users.traffic().failed == 0, users.traffic().reasons
    assert services(cluster) == {"timeoff_web"}
    assert cluster.docker_on("manager-1", "service", "ps", "-q", "timeoff_web") == tasks
    configs = cluster.docker_on("manager-1", "config", "ls", "--format", "{{.Name}}")
    assert "timeoff.maintenance" not in configs


def ask(port: int, ca: Path, body: bytes | None = None) -> httpx.Response:
    """GET, or POST of a body."""
    context = ssl.create_default_context(cafile=str(ca))
    with httpx.Client(verify=context, trust_env=False, timeout=30) as client:
        return client.request(
            "GET" if body is None else "POST",
            f"https://127.0.0.1:{port}/",
            headers={"Host": f"{HOST}:{port}"},
            extensions={"sni_hostname": HOST},
            content=body,
        )
