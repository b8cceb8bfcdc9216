"""Ansible filter: what a Swarm service is, as a hash. What somebody changed by hand shows by it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: service_fingerprint
short_description: What a Swarm service is, as a hash
description:
  - Hashes a service's specification as the Docker API gives it, but for the counter by which tasks
    are started anew (C(docker service update --force)).
options:
  _input:
    description: The service's C(Spec).
    type: dict
    required: true
"""

EXAMPLES = r"""
changed: "{{ (service.Spec | service_fingerprint) != noted }}"
"""

RETURN = r"""
_value:
  description: SHA-256, in hexadecimal.
  type: str
"""


def service_fingerprint(spec: Mapping[str, Any]) -> str:
    task = {**spec.get("TaskTemplate", {}), "ForceUpdate": 0}
    text = json.dumps({**spec, "TaskTemplate": task}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., str]]:
        return {"service_fingerprint": service_fingerprint}
