"""Commands about the file itself: `init`, `check`, `schema`."""

import json
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from beeyard.cli.options import Options
from beeyard.cli.view import err, out
from beeyard.cli.words import Command
from beeyard.config import FILE_NAME, Finding, find, json_schema, load, require, starter
from beeyard.config import check as findings_of
from beeyard.errors import ConfigError, Refused


def add_to(app: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    for command in (init, check, schema):
        app.command(cls=Command)(command)


def init(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where to write it.")] = Path(),
    name: Annotated[
        str | None, typer.Option(help="The cluster's name. Default: the folder's.")
    ] = None,
    domain: Annotated[
        str, typer.Option(help="The domain that its addresses are below.")
    ] = "example.com",
) -> None:
    """Write a commented beeyard.yml to begin with.

    [bold]Example[/bold]
    beeyard init --name timeoff --domain timeoff.example.com
    """
    path = folder / FILE_NAME
    if path.exists():
        raise Refused(f"{path} is there already", fix="edit it, or remove it first")
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}", fix=f"mkdir -p {folder}")
    text = starter(name or _from_folder(folder), domain)
    _refuse_wrong(text)
    try:
        path.write_text(text)
    except OSError as error:
        raise ConfigError(
            f"{path} can't be written",
            why=error.strerror,
            fix="name a folder that you may write to: beeyard init FOLDER",
        ) from error
    if _options(context).json:
        sys.stdout.write(json.dumps({"file": str(path)}) + "\n")
    else:
        out().print(f"wrote {path}; next: edit it, then [bold]beeyard check[/bold]")


def check(context: typer.Context) -> None:
    """Say what is wrong with beeyard.yml and with the files that it names; reaches no network.

    Exit code 0: nothing, or warnings alone. 3: mistakes.

    [bold]Example[/bold]
    beeyard -f staging.yml check
    """
    options = _options(context)
    path = options.file or find(Path.cwd())
    findings = findings_of(load(path), path, environ=os.environ)
    errors = [finding for finding in findings if finding.level == "error"]
    if options.json:
        sys.stdout.write(json.dumps({"file": str(path), "findings": _as_json(findings)}, indent=2))
        sys.stdout.write("\n")
        if errors:
            raise typer.Exit(ConfigError.exit_code)
        return
    show_warnings(findings)
    require(findings, path)
    out().print(f"[green]✓[/green] {escape(str(path))} is right")


def schema() -> None:
    """Print the JSON Schema of beeyard.yml, for editors that complete and check it.

    [bold]Example[/bold]
    beeyard schema > beeyard.schema.json
    """
    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")


def show_warnings(findings: Sequence[Finding]) -> None:
    """Warnings on standard error."""
    for finding in findings:
        if finding.level == "warning":
            text = f"{finding.where}: {finding.what}"
            err().print(f"[yellow]warning:[/yellow] {escape(text)}")
            for more in (finding.why, finding.fix):
                if more:
                    err().print(f"    {escape(more)}")


def _refuse_wrong(text: str) -> None:
    """Raise ConfigError, and write nothing, where the name or the domain is none."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / FILE_NAME
        draft.write_text(text)
        try:
            load(draft)
        except ConfigError as error:
            wrong = error.mistakes or (error,)
            raise ConfigError(
                "nothing was written: beeyard.yml would be wrong",
                why="\n".join(mistake.what for mistake in wrong),
                fix="\n".join(mistake.fix for mistake in wrong if mistake.fix),
            ) from error


def _as_json(findings: Sequence[Finding]) -> list[dict[str, object]]:
    return [finding.as_dict() for finding in findings]


def _from_folder(folder: Path) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")
    return plain if re.match(r"[a-z].", plain) else "cluster"


def _options(context: typer.Context) -> Options:
    options: Options = context.obj
    return options
