"""What is to be run where: the settings of `appleboy/drone-ssh` as a plan.

Source: appleboy/drone-ssh, "DOCS.md"; appleboy/ssh-action, "README.md", "Input variables".
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .settings import Refusal, Settings

_NOT_HERE = "the published plugin has it, this one has not"
#: Settings of the published plugin that this one has not.
UNSUPPORTED: Mapping[str, str] = dict.fromkeys(
    (
        "allenvs",
        "capture_stdout",
        "cipher",
        "debug",
        "envs_format",
        "proxy_cipher",
        "proxy_protocol",
        "proxy_use_insecure_cipher",
        "request_pty",
        "script_file",
        "script_path",
        "use_insecure_cipher",
    ),
    _NOT_HERE,
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ADDRESS = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True)
class Login:
    """A host and who we are there. `timeout`: seconds in which the connection has to stand.

    `key` is the private key itself; `fingerprint` of the host's key, `SHA256:…`, or empty: whatever
    key it shows is taken.
    """

    host: str
    port: int
    username: str
    password: str
    key: str
    passphrase: str
    fingerprint: str
    timeout: float

    def __str__(self) -> str:
        return f"{self.username}@{self.host}:{self.port}"


@dataclass(frozen=True)
class Plan:
    """A script for several hosts. `command` is what each is asked to run, `given` its input.

    `in_turn`: one host after the other; `command_timeout` in seconds.
    """

    hosts: Sequence[Login]
    proxy: Login | None
    lines: Sequence[str]
    command: str
    given: str
    in_turn: bool
    command_timeout: float
    family: str


def plan(environment: Mapping[str, str]) -> Plan:
    """What the settings ask for. Raises Refusal."""
    settings = Settings(environment)
    addresses = settings.words("host", "hosts")
    if not addresses:
        raise Refusal("host is missing")
    common = _login(settings, "", "SSH_")
    lines = split(settings.text("script"))
    if not lines:
        raise Refusal("script is missing")
    given = _exports(settings.words("envs"), environment)
    made = Plan(
        hosts=[_at(common, address) for address in addresses],
        proxy=_proxy(settings),
        lines=lines,
        command=_command(lines, given, stop=settings.truth("script_stop")),
        given=given,
        in_turn=settings.truth("sync"),
        command_timeout=settings.seconds("command_timeout", "10m"),
        family=_family(settings),
    )
    settings.refuse_others(UNSUPPORTED)
    return made


def split(script: str) -> list[str]:
    """The lines of a script: its list came joined by commas, of which none is in quotes.

    The published plugin parts quoted text as well (appleboy/drone-ssh, issue 60).
    """
    parts, quote, begun = [], "", 0
    for at, sign in enumerate(script):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and script[at - 1 : at] != "\\":
            quote = sign
        elif sign == ",":
            parts.append(script[begun:at])
            begun = at + 1
    # A quote that is never closed was an apostrophe.
    whole = script.split(",") if quote else [*parts, script[begun:]]
    return [line for part in whole if (line := part.strip("\r\n"))]


def _command(lines: Sequence[str], given: str, *, stop: bool) -> str:
    before = []
    if given:
        # The values come as its input: in a command, whoever is on that host could read them.
        before.append(f'eval "$(head -c {len(given.encode())})"')
    if stop:
        before.append("set -e")
    return "\n".join([*before, *lines])


def _exports(names: Sequence[str], environment: Mapping[str, str]) -> str:
    """Assignments of the variables; one asked for in lower case may be set in upper case."""
    found: dict[str, str] = {}
    for name in names:
        if not _NAME.fullmatch(name):
            raise Refusal(f"envs: `{name}` can't be the name of a variable")
        here = {each: environment[each] for each in (name, name.upper()) if each in environment}
        if not here:
            raise Refusal(f"envs: the step has no variable {name}; give it by `environment`")
        found |= here
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in found.items())


def _login(settings: Settings, prefix: str, variables: str) -> Login:
    """What holds for all hosts, or (`proxy_`) for the proxy."""
    login = Login(
        host="",
        port=_port(settings.text(f"{prefix}port", default="22"), f"{prefix}port"),
        username=settings.text(
            f"{prefix}username", f"{prefix}user", default="root", variable=f"{variables}USERNAME"
        ),
        password=settings.text(f"{prefix}password", variable=f"{variables}PASSWORD"),
        key=_key(settings, prefix, variables),
        passphrase=settings.text(f"{prefix}passphrase", variable=f"{variables}PASSPHRASE"),
        fingerprint=settings.text(f"{prefix}fingerprint").strip(),
        timeout=settings.seconds(f"{prefix}timeout", "30s"),
    )
    if login.fingerprint and not login.fingerprint.startswith("SHA256:"):
        raise Refusal(f"{prefix}fingerprint: it begins with SHA256:, as `ssh-keygen -l` shows it")
    return login


def _proxy(settings: Settings) -> Login | None:
    login = _login(settings, "proxy_", "PROXY_SSH_")
    address = settings.text("proxy_host")
    return _at(login, address, "proxy_") if address else None


def _at(login: Login, address: str, prefix: str = "") -> Login:
    """The login at one host, `name`, `name:port` or `[address]:port`."""
    found = _ADDRESS.fullmatch(address)
    if not found:
        raise Refusal(f"{prefix}host: `{address}` is no host; write name, name:port or [::1]:port")
    if not (login.password or login.key):
        raise Refusal(
            f"{prefix}password, {prefix}key and {prefix}key_path are missing: one it takes"
        )
    port = _port(found["port"], f"{prefix}host") if found["port"] else login.port
    return replace(login, host=found["six"] or found["host"], port=port)


def _port(text: str, setting: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Refusal(f"{setting}: `{text}` is no port")
    return int(text)


def _key(settings: Settings, prefix: str, variables: str) -> str:
    path = settings.text(f"{prefix}key_path")
    key = settings.text(f"{prefix}key", variable=f"{variables}KEY")
    if key or not path:
        return key
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise Refusal(f"{prefix}key_path: {path} can't be read: {error}") from error


def _family(settings: Settings) -> str:
    family = settings.text("protocol", default="tcp")
    if family not in {"tcp", "tcp4", "tcp6"}:
        raise Refusal(f"protocol is `{family}`: write tcp, tcp4 or tcp6")
    return family
