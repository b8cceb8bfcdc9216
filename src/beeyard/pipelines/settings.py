"""Settings as a plugin gets them: variables whose names begin with `PLUGIN_`.

Source: docs.drone.io, plugins/overview, "Plugin Inputs": names in capitals; "Arrays are converted
to comma-separate strings". Sections, and lists that hold more than scalars, come as JSON.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from beeyard.pipelines.model import FromSecret


def variables(settings: Mapping[str, Any], secret: Callable[[str], str]) -> dict[str, str]:
    """The variables for `settings`, in which `secret` gives each secret's value by its name.

    What `secret` raises for a name that it doesn't know comes through.
    """
    return {variable(name): encoded(value, secret) for name, value in settings.items()}


def variable(name: str) -> str:
    """The variable for a setting: `dry_run` is `PLUGIN_DRY_RUN`."""
    return f"PLUGIN_{name.upper()}"


def encoded(value: Any, secret: Callable[[str], str]) -> str:
    """A setting as text."""
    if isinstance(value, Mapping):
        return _json(value, secret)
    if isinstance(value, (list, tuple)):
        if any(isinstance(item, (Mapping, list, tuple)) for item in value):
            return _json(value, secret)
        return ",".join(_scalar(item, secret) for item in value)
    return _scalar(value, secret)


def _scalar(value: Any, secret: Callable[[str], str]) -> str:
    if isinstance(value, FromSecret):
        return secret(value.name)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _json(value: Any, secret: Callable[[str], str]) -> str:
    """`value` as JSON on one line, in which numbers have the digits that were written."""
    if isinstance(value, Mapping):
        items = (f"{_text(str(key))}:{_json(item, secret)}" for key, item in value.items())
        return "{" + ",".join(items) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_json(item, secret) for item in value) + "]"
    if isinstance(value, FromSecret):
        return _text(secret(value.name))
    return str(value) if isinstance(value, Decimal) else _text(value)


def _text(value: Any) -> str:
    """A scalar as JSON, in which a secret stays as recognisable as can be."""
    return json.dumps(value, ensure_ascii=False)
