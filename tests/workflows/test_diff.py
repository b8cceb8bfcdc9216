"""What changed between two releases, without what is secret."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from apps.example import NOW, release
from beeyard.apps import Bundle, Entry, Hook, Release, Verdict
from beeyard.errors import AppError
from beeyard.workflows.diff import described, difference, masked


def deployer(*releases: Release, next_one: Release | None = None) -> Any:
    """As far as a difference asks: what is kept, all of which succeeded, and what would be made."""
    entries = [Entry(one, "verifying", Verdict("succeeded", NOW)) for one in releases]
    return SimpleNamespace(
        name="shop", store=SimpleNamespace(all=lambda: entries), plan=lambda: (next_one, None)
    )


def of(number: int, image: str) -> Release:
    return release(f"services:\n  web:\n    image: {image}\n", number)


def changed(*numbers: int | None, **made: Any) -> list[str]:
    first, second = (*numbers, None, None)[:2]
    lines = difference(deployer(of(1, "a"), of(2, "b"), of(3, "c"), **made), first, second)
    return [line.replace("     image: ", "") for line in lines if "@@" not in line]


@pytest.mark.parametrize(
    ("numbers", "head", "lines"),
    [
        ((), ["--- release 3", "+++ release 4"], ["-    image: c", "+    image: d"]),
        ((1,), ["--- release 1", "+++ release 3"], ["-    image: a", "+    image: c"]),
        ((1, 2), ["--- release 1", "+++ release 2"], ["-    image: a", "+    image: b"]),
        ((2, 1), ["--- release 2", "+++ release 1"], ["-    image: b", "+    image: a"]),
        ((3,), [], []),
    ],
)
def test_from_which_to_which(numbers: tuple[int, ...], head: list[str], lines: list[str]) -> None:
    found = changed(*numbers, next_one=of(4, "d"))
    assert found[:2] == head
    assert [line for line in found[2:] if line[0] in "+-"] == lines


def test_the_first_release_is_all_new() -> None:
    lines = difference(deployer(next_one=of(1, "a")), None, None)
    assert lines[:2] == ["--- nothing", "+++ release 1"]
    assert lines[3:] == ["+services:", "+  web:", "+    image: a"]


def test_a_release_that_is_not_kept() -> None:
    with pytest.raises(AppError, match="shop has no release 9"):
        difference(cast(Any, deployer(of(1, "a"))), 9, None)


def test_all_that_decides_what_runs_is_in_it() -> None:
    one = release(
        bundle=Bundle("services:\n  web: {image: a}\n", {"B": "2", "A": "1"}, {"web.env": "C=3\n"}),
        pre_deploy=Hook("web", ("migrate", "--all"), 60),
        post_deploy=Hook("db", ("true",), 60),
    )
    assert list(described(one)) == [
        "services:",
        "  web:",
        "    image: a",
        "${A} = 1",
        "${B} = 2",
        "file web.env",
        "  C=3",
        "pre-deploy: web: migrate --all",
        "post-deploy: db: true",
    ]


def test_that_a_secret_is_another_one_is_seen_but_not_which() -> None:
    def with_secrets(number: int, mark: str) -> Release:
        text = f"""\
services:
  web:
    environment:
      PASSWORD: {mark}-stack
      PRIVATE: |
        {mark}-first line
        {mark}-second line
    command: serve --token {mark}-option
    labels: {{my_secret: {mark}-label}}
"""
        environment = {"DB_PASSWORD": f"{mark}-variable", "SSH_KEY": f"{mark}-one\n{mark}-two"}
        files = {"web.env": f"API_KEY={mark}-file\n"}
        return release(number=number, bundle=Bundle(text, environment, files))

    old, new = with_secrets(1, "hush"), with_secrets(2, "quiet")
    lines = difference(deployer(old, new), 1, 2)
    assert [line for line in lines if "hush" in line or "quiet" in line] == []
    taken, put = ([line[1:] for line in lines[3:] if line[0] == sign] for sign in "-+")
    assert len(taken) == 7
    assert taken == put


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("      PASSWORD: hunter2", "      PASSWORD: ***"),
        ("      - DB_PASSWORD=hunter2 and more", "      - DB_PASSWORD=***"),
        ('      - "MYSQL_PWD=hunter2"', '      - "MYSQL_PWD=***'),
        ("MAIL_PASSPHRASE=hunter2", "MAIL_PASSPHRASE=***"),
        ("  api-key: hunter2", "  api-key: ***"),
        ("  SIGNING_KEY: hunter2", "  SIGNING_KEY: ***"),
        ("      - --token=hunter2", "      - --token=***"),
        ("${SECRET_KEY} = hunter2", "${SECRET_KEY} = ***"),
        ("  command: app --db-password=hunter2 -v", "  command: app --db-password=*** -v"),
        ("  command: app --password hunter2 -v", "  command: app --password *** -v"),
        ("  command: TOKEN=hunter2 app", "  command: TOKEN=*** app"),
        (
            "  traefik.http.middlewares.my-auth.basicauth.users: me:$$2y$$hunter2",
            "  traefik.http.middlewares.my-auth.basicauth.users: ***",
        ),
        (
            "  DATABASE_URL: mysql://shop:hunter2@db.test:3306/shop",
            "  DATABASE_URL: mysql://shop:***@db.test:3306/shop",
        ),
        ("${URL} = amqp://a:hunter2@q", "${URL} = amqp://a:***@q"),
    ],
)
def test_secrets_are_masked(line: str, shown: str) -> None:
    assert masked(line) == shown
    assert masked(shown) == shown


@pytest.mark.parametrize(
    "line",
    [
        "      PASSWORD_FILE: /run/secrets/password",
        "      - DB_PASSWORD_FILE=/run/secrets/password",
        "    secrets:",
        "    - source: shop_password.a1b2",
        "      target: password",
        "  shop_password.a1b2:",
        "      image: registry.example.com/secret@sha256:1",
        "  URL: https://shop.example.com:8443/path",
        "      traefik.http.routers.web.rule: Host(`token.example.com`)",
        "${DOMAIN} = shop.example.com",
        "--- release 1",
    ],
)
def test_what_is_no_secret_is_shown(line: str) -> None:
    assert masked(line) == line
