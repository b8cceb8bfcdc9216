"""Settings of `appleboy/drone-ssh` as a plan. Each rule is of that plugin's DOCS.md, where nothing
else is said."""

from pathlib import Path

import pytest

from beeyard.sandbox.images.contexts.plugins.plugin.settings import Refusal
from beeyard.sandbox.images.contexts.plugins.plugin.ssh_plan import UNSUPPORTED, Plan, plan, split

LEAST = {"host": "foo.example.com", "password": "p", "script": "echo hello,echo world"}


def planned(environment: dict[str, str] | None = None, /, **settings: str) -> Plan:
    given = {f"PLUGIN_{name.upper()}": value for name, value in {**LEAST, **settings}.items()}
    return plan({**(environment or {}), **given})


def test_the_least_that_is_asked_for() -> None:
    made = planned()
    (login,) = made.hosts
    assert str(login) == "root@foo.example.com:22"
    assert (login.timeout, made.command_timeout, made.in_turn) == (30.0, 600.0, False)
    assert (made.command, made.given, made.proxy) == ("echo hello\necho world", "", None)


def test_each_host_may_have_its_port() -> None:
    made = planned(host="foo.example.com:1234,bar.example.com,[2001:db8::1]:5678", port="2222")
    assert [(login.host, login.port) for login in made.hosts] == [
        ("foo.example.com", 1234),
        ("bar.example.com", 2222),
        ("2001:db8::1", 5678),
    ]


def test_a_proxy_has_a_login_of_its_own() -> None:
    proxy = planned(
        proxy_host="10.130.33.145", proxy_user="ubuntu", proxy_port="2200", proxy_password="x"
    ).proxy
    assert proxy is not None
    assert (str(proxy), proxy.password) == ("ubuntu@10.130.33.145:2200", "x")


def test_secrets_may_come_without_a_setting() -> None:
    secrets = {"SSH_USERNAME": "deploy", "SSH_KEY": "k", "SSH_PASSPHRASE": "open"}
    (login,) = planned(secrets, password="").hosts
    assert (login.username, login.key, login.passphrase) == ("deploy", "k", "open")


def test_a_key_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k\n")
    (login,) = planned(password="", key_path=str(tmp_path / "key")).hosts
    assert login.key == "k\n"


def test_variables_go_ahead_of_the_script_where_nobody_sees_them() -> None:
    made = planned({"commit": "it's", "AWS_KEY": "k"}, envs="commit,aws_key", script_stop="true")
    assert made.given == "export commit='it'\"'\"'s'\nexport AWS_KEY=k\n"
    length = len(made.given)
    assert made.command == f'eval "$(head -c {length})"\nset -e\necho hello\necho world'


@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ("echo hello,echo world", ["echo hello", "echo world"]),
        ('echo "a,b",echo c', ['echo "a,b"', "echo c"]),
        ("echo 'a,b', echo c", ["echo 'a,b'", " echo c"]),
        ("echo it's,echo c", ["echo it's", "echo c"]),
        ('echo \\",echo c', ['echo \\"', "echo c"]),
        ("first\nsecond\n,third", ["first\nsecond", "third"]),
        ("\n", []),
    ],
)
def test_a_list_is_parted_at_its_commas(script: str, lines: list[str]) -> None:
    assert split(script) == lines


@pytest.mark.parametrize(
    ("text", "seconds"), [("2m", 120.0), ("1m30s", 90.0), ("500ms", 0.5), ("1h", 3600.0)]
)
def test_times_have_units(text: str, seconds: float) -> None:
    assert planned(command_timeout=text).command_timeout == seconds


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_what_is_not_supported_is_refused_unless_it_is_off(name: str) -> None:
    with pytest.raises(Refusal, match=rf"{name}: "):
        planned(**{name: "true"})
    planned(**{name: "false"})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"host": ""}, "host is missing"),
        ({"script": ""}, "script is missing"),
        ({"password": ""}, "password, key and key_path are missing"),
        ({"host": "a:b:c"}, "`a:b:c` is no host"),
        ({"port": "ssh"}, "port: `ssh` is no port"),
        ({"host": "a:70000"}, "`70000` is no port"),
        # Since version 1.5.0 a time without unit is none.
        ({"command_timeout": "120"}, "write a time with its unit"),
        ({"fingerprint": "MD5:aa:bb"}, "begins with SHA256:"),
        ({"envs": "missing"}, "the step has no variable missing"),
        ({"envs": "a b"}, "can't be the name of a variable"),
        ({"key_path": "/nowhere"}, "key_path: /nowhere can't be read"),
        ({"protocol": "udp"}, "write tcp, tcp4 or tcp6"),
        ({"proxy_host": "p"}, "proxy_password, proxy_key and proxy_key_path are missing"),
        ({"hots": "x"}, "hots: this plugin has no such setting"),
    ],
)
def test_mistakes_in_words(settings: dict[str, str], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        planned(**settings)
