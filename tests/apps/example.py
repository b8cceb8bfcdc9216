"""Releases of a few words."""

from datetime import UTC, datetime
from typing import Any

from beeyard.apps import Bundle, Origin, Release

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


def release(
    text: str = "services: {web: {image: a}}\n", number: int = 1, **changes: Any
) -> Release:
    """Release `number` of the application `shop`, with that stack file."""
    bundle = Bundle(text)
    fields: dict[str, Any] = {
        "application": "shop",
        "number": number,
        "bundle": bundle,
        "images": {name: str(entry.get("image")) for name, entry in bundle.services.items()},
        "secrets": (),
        "configs": (),
        "origin": Origin("me@here", NOW, "0123456789abcdef"),
    }
    return Release(**(fields | changes))
