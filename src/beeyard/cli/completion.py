"""What the shell's completion can know without asking the cloud."""

import typer

from beeyard.cli.options import Options
from beeyard.cli.wiring import file_of
from beeyard.config import load, nodes
from beeyard.errors import ConfigError


def node_names(context: typer.Context, incomplete: str) -> list[str]:
    """The nodes that the cluster's file describes; none where it can't be read."""
    named = context.parent.params.get("file") if context.parent else None
    try:
        known = nodes(load(file_of(Options(file=named))))
    except ConfigError:
        return []
    return [name for name in known if name.startswith(incomplete)]
