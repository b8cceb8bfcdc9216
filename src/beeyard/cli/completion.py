"""What the shell's completion can know without asking the cloud."""

import typer

from beeyard.cli.options import Options
from beeyard.cli.wiring import file_of
from beeyard.config import load, nodes
from beeyard.config.document import Document
from beeyard.errors import ConfigError


def node_names(context: typer.Context, incomplete: str) -> list[str]:
    """The nodes that the cluster's file describes; none where it can't be read."""
    named = context.find_root().params.get("file")
    try:
        known = nodes(load(file_of(Options(file=named))))
    except ConfigError:
        return []
    return [name for name in known if name.startswith(incomplete)]


def application_names(context: typer.Context, incomplete: str) -> list[str]:
    """The applications that the cluster's file names; none where it can't be read."""
    named = context.find_root().params.get("file")
    try:
        known = load(file_of(Options(file=named))).applications
    except ConfigError:
        return []
    return [name for name in known if name.startswith(incomplete)]


def service_names(context: typer.Context, incomplete: str) -> list[str]:
    """The services in the stack file of the application that was named before."""
    named = context.parent.params.get("file") if context.parent else None
    try:
        file = file_of(Options(file=named))
        application = load(file).applications[context.params["application"]]
        data = Document.read(application.stack_file(file.parent)).data
    except (ConfigError, KeyError):
        return []
    services = data.get("services") if isinstance(data, dict) else None
    return [str(name) for name in services or () if str(name).startswith(incomplete)]


def secret_names(context: typer.Context, incomplete: str) -> list[str]:
    """The secrets that the cluster's file gives to the application that was named before."""
    named = context.find_root().params.get("file")
    try:
        known = load(file_of(Options(file=named))).applications[context.params["application"]]
    except (ConfigError, KeyError):
        return []
    return [name for name in known.secrets if name.startswith(incomplete)]
