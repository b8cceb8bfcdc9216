"""Users, tokens and pipelines' secrets by the command line, with a real controller behind it.

What finds the API is put aside: it needs a cluster, and its TLS. All else is as it runs.
"""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from beeyard.cli import access, audit, pipeline_secrets
from beeyard.cli.options import Options
from beeyard.workflows.ci import Api
from cli.said import MINIMAL, Cli, WriteFile
from controller.serving import ADMIN, Controller, controller

PASSWORD, VALUE = "correct horse battery", "s3cr3t of the pipeline"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with controller(tmp_path_factory.mktemp("controller")) as made:
        yield made


@pytest.fixture
def token() -> list[str]:
    """Whose token is shown: the last one here."""
    return [ADMIN]


@pytest.fixture(autouse=True)
def _api(running: Controller, token: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def opened(_: Options) -> Iterator[Api]:
        headers = {"Authorization": f"Bearer {token[-1]}"}
        with httpx.Client(headers=headers, trust_env=False) as client:
            yield Api(client, "ci.shop.example.com", httpx.URL(running.url))

    for module in (access, audit, pipeline_secrets):
        monkeypatch.setattr(module, "opened_api", opened)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Put something on standard input."""

    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return give


def test_a_user_comes_and_goes(cli: Cli, pipe: Callable[[bytes], None]) -> None:
    said = cli("user", "set", "ada", "--role", "viewer")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[0] == "ada is viewer"
    assert "beeyard token create --user ada" in said.out
    pipe(f"{PASSWORD}\n".encode())
    made = cli("--json", "user", "set", "ada", "--role", "operator", "--password-stdin")
    assert made.data == {"name": "ada", "role": "operator", "signs_in": True}
    assert "ada" in cli("user", "ls").out
    assert made.data in cli("user", "ls", "--json").data
    assert cli("user", "rm", "ada").out == "removed ada\n"
    gone = cli("user", "rm", "ada")
    assert (gone.code, gone.first_line) == (12, "error: there is no user ada")


def test_the_password_is_that_of_standard_input(
    cli: Cli, running: Controller, pipe: Callable[[bytes], None]
) -> None:
    pipe(f"{PASSWORD}\n".encode())
    assert cli("user", "set", "eve", "--role", "viewer", "--password-stdin").code == 0
    body = {"user": "eve", "password": PASSWORD}
    assert httpx.post(f"{running.url}/api/session", json=body).status_code == 201
    pipe(b"")
    said = cli("user", "set", "eve", "--role", "viewer", "--password-stdin")
    assert (said.code, said.first_line) == (3, "error: the value is empty")
    pipe(b"short")
    said = cli("user", "set", "eve", "--role", "viewer", "--password-stdin")
    assert said.first_line == "error: a password has 12 to 1000 characters"


def test_a_token_is_alone_on_standard_output(
    cli: Cli, running: Controller, token: list[str]
) -> None:
    cli("user", "set", "bob", "--role", "operator")
    said = cli(
        *("token", "create", "--user", "bob", "--name", "laptop", "--expires", "90d"),
        *("--application", "shop1"),
    )
    assert said.code == 0, said.err
    value = said.out.removesuffix("\n")
    assert value.startswith("by_")
    assert value not in said.err
    assert "git remote add beeyard https://git.shop.example.com/shop1.git" in said.err
    with running.api(value) as own:
        assert own.get("/api/me").json() == {
            "user": "bob",
            "role": "operator",
            "application": "shop1",
        }
    listed = cli("token", "ls", "--json").data
    made = next(one for one in listed if one["name"] == "laptop")
    end = datetime.fromisoformat(made["expires"]) - datetime.now(UTC)
    assert timedelta(days=89) < end < timedelta(days=91)
    assert made["id"] in cli("token", "ls").out
    assert value not in str(listed)
    token.append(value)
    refused = cli("user", "ls")
    assert refused.first_line == "error: bob may not do that: it takes the role admin"
    token.pop()
    assert cli("token", "rm", made["id"], "--json").data == {"removed": made["id"]}
    with running.api(value) as own:
        assert own.get("/api/me").status_code == 401


def test_a_token_needs_a_user_who_may(cli: Cli) -> None:
    said = cli("token", "create", "--name", "mine")
    assert (said.code, said.first_line) == (12, "error: whose token is it to be?")
    assert "--user NAME" in said.fix
    assert cli("token", "create", "--name", "x", "--user", "nobody").first_line == (
        "error: there is no user nobody"
    )
    cli("user", "set", "kim", "--role", "viewer")
    assert cli("token", "create", "--name", "x", "--user", "kim").first_line == (
        "error: kim is viewer: no token of theirs can be operator"
    )
    several = ("token", "create", "--name", "x", "--user", "kim", "--role", "viewer")
    assert cli(*several, "--application", "shopp").first_line == (
        "error: there is no application shopp"
    )
    for wrong in ("soon", "90", "0d", "99999999999d", "-3d"):
        assert cli(*several, f"--expires={wrong}").code == 2
    assert cli(*several, "--expires", "2020-01-31").first_line == (
        "error: this token would have expired already"
    )


def test_the_end_of_a_token() -> None:
    assert access.end_of("12h", NOW) == NOW + timedelta(hours=12)
    assert access.end_of("90d", NOW) == NOW + timedelta(days=90)
    assert access.end_of("4w", NOW) == NOW + timedelta(weeks=4)
    assert access.end_of("2030-01-31", NOW) == datetime(2030, 1, 31, tzinfo=UTC)


def test_a_pipelines_secret(cli: Cli, running: Controller, pipe: Callable[[bytes], None]) -> None:
    pipe(f"{VALUE}\n".encode())
    said = cli("pipeline", "secret", "set", "shop1", "registry_password", "--pull-requests")
    assert (said.code, said.out, said.err) == (0, "registry_password is set\n", "")
    (listed,) = cli("pipeline", "secret", "ls", "shop1", "--json").data
    assert (listed["name"], listed["allow_pull_request"]) == ("registry_password", True)
    shown = cli("pipeline", "secret", "ls", "shop1").out
    assert "registry_password" in shown
    assert VALUE not in shown
    assert VALUE not in running.said()
    removed = cli("pipeline", "secret", "rm", "shop1", "registry_password")
    assert removed.out == "removed registry_password\n"
    assert cli("pipeline", "secret", "rm", "shop1", "registry_password").first_line == (
        "error: shop1 has no secret `registry_password`"
    )


@pytest.mark.parametrize("name", ["..", "a/b", "a b", "-"])
def test_a_secrets_name_can_be_no_path(cli: Cli, pipe: Callable[[bytes], None], name: str) -> None:
    pipe(VALUE.encode())
    said = cli("pipeline", "secret", "set", "shop1", "--", name)
    assert said.code == 12
    assert f"`{name}`" in said.first_line
    assert VALUE not in said.err


def test_a_value_that_is_no_text_is_not_shown(cli: Cli, pipe: Callable[[bytes], None]) -> None:
    pipe(b"secret\xff\xfe")
    said = cli("pipeline", "secret", "set", "shop1", "key")
    assert (said.code, said.first_line) == (3, "error: the value is no text")
    assert "secret\\xff" not in said.err
    pipe(VALUE.encode())
    assert cli("pipeline", "secret", "set", "shopp", "key").first_line == (
        "error: there is no application shopp"
    )


def test_the_audit_log_is_listed(cli: Cli) -> None:
    cli("user", "set", "zoe", "--role", "viewer")
    (newest,) = cli("audit", "ls", "-n", "1", "--json").data
    assert (newest["what"], newest["on"], newest["user"]) == ("user.set", "zoe", "operator-cli")
    listed = cli("audit", "ls", "-n", "1").out
    assert f"{newest['n']}" in listed
    assert "user.set" in listed
    assert cli("audit", "ls", "-n", "0").code == 2


def test_a_cluster_without_a_log_has_none_to_verify(cli: Cli, file: WriteFile) -> None:
    file(f"{MINIMAL}infrastructure: [registry]\n")
    assert cli("audit", "verify").first_line == "error: this cluster keeps no audit log"
