"""Labels of configs and secrets: all of them that can be changed after they were made."""

from collections.abc import Mapping
from typing import Any, Literal


def relabel(
    api: Any,
    kind: Literal["configs", "secrets"],
    raw: Mapping[str, Any],
    labels: Mapping[str, str],
) -> None:
    """Give an object, as the API described it, other labels.

    Raises requests.HTTPError if it was changed since (the version does not fit any more). Source:
    Docker Engine API, "Update a Config", "Update a Secret": only labels may change.
    """
    url = f"{api.base_url}/v{api.api_version}/{kind}/{raw['ID']}/update"
    spec = {**raw["Spec"], "Labels": dict(labels)}
    version = {"version": raw["Version"]["Index"]}
    answer = api.post(url, params=version, json=spec, timeout=api.timeout)
    answer.raise_for_status()
