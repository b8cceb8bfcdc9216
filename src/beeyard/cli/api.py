"""What commands on the controller's API share."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import typer

from beeyard.cli.options import Options
from beeyard.cli.wiring import open_cluster
from beeyard.errors import ConfigError, PipelineError
from beeyard.secret import Secret
from beeyard.workflows import hosts_of
from beeyard.workflows.ci import Api, open_api


@contextmanager
def opened_api(options: Options) -> Iterator[Api]:
    """The API of the cluster of `beeyard.yml`. Raises ConfigError where it wants no pipelines."""
    with open_cluster(options) as cluster, open_api(hosts_of(cluster)) as api:
        yield api


def path_of(*parts: str) -> str:
    """A path of the API: what a user typed stays one part of it. Raises PipelineError for what
    can't be one."""
    for part in parts:
        if part in {"", ".", ".."} or "/" in part:
            raise PipelineError(f"`{part}` can't be a name")
    return "/api/" + "/".join(quote(part, safe="") for part in parts)


def print_json(found: object) -> None:
    """A result, for `--json`."""
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


def value_given(prompt: str) -> Secret:
    """A secret value: typed twice without echo on a terminal, else all of standard input, without
    the line ends at its end. Raises ConfigError for what is no text, or nothing."""
    if sys.stdin.isatty():
        text = typer.prompt(prompt, hide_input=True, confirmation_prompt=True, err=True)
    else:
        try:
            text = sys.stdin.buffer.read().decode().rstrip("\r\n")
        except UnicodeDecodeError:
            # Not the error's own words: they hold bytes of the secret.
            raise ConfigError(
                "the value is no text", where="standard input", fix="encode it: base64"
            ) from None
    if not text:
        raise ConfigError("the value is empty", where="standard input", fix="pipe it in")
    return Secret(text)
