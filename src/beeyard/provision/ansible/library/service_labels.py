#!/usr/bin/python
"""Ansible module: labels of a Swarm service, and nothing else of it."""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import docker
    import requests
except ImportError:
    HAS_DOCKER = False
else:
    HAS_DOCKER = True

DOCUMENTATION = r"""
---
module: service_labels
short_description: Labels of a Swarm service, and nothing else of it
description:
  - Adds labels to a service by handing its own definition back with them, so that no task is
    started anew. C(docker service update) brings what it does not change into another order, such
    as mounts, and the Swarm takes that for a change.
options:
  service:
    description: Name of the service. It has to be there.
    type: str
    required: true
  labels:
    description: The labels. Others stay.
    type: dict
    required: true
author: beeyard
"""

EXAMPLES = r"""
- name: Who looks after it
  service_labels:
    service: registry_registry
    labels: {team: platform}
"""

RETURN = r"""
labels:
  description: All labels that the service has now.
  type: dict
  returned: always
"""

#: The Swarm writes to a service while an update of it goes on: who read it before is refused.
ATTEMPTS = 20


def labelled(client: Any, service: str, wanted: dict[str, str], *, check: bool) -> dict[str, Any]:
    """Give what the module returns. Raises what the SDK and requests raise."""
    for _ in range(ATTEMPTS):
        raw = client.inspect_service(service)
        present = raw["Spec"].get("Labels", {})
        labels = {**present, **wanted}
        if labels == present or check:
            return {"changed": labels != present, "labels": labels}
        answer = client.post(
            f"{client.base_url}/v{client.api_version}/services/{raw['ID']}/update",
            params={"version": raw["Version"]["Index"], "registryAuthFrom": "spec"},
            json={**raw["Spec"], "Labels": labels},
            timeout=client.timeout,
        )
        if answer.ok:
            return {"changed": True, "labels": labels}
        if "out of sequence" not in answer.text:
            break
    return {"failed": True, "msg": f"The labels of {service} were refused: {answer.text.strip()}"}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "service": {"type": "str", "required": True},
            "labels": {"type": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    if not HAS_DOCKER:
        module.fail_json(msg=missing_required_lib("docker"))
    wanted = {name: str(value) for name, value in module.params["labels"].items()}
    try:
        client = docker.APIClient(version="auto")
        done = labelled(client, module.params["service"], wanted, check=module.check_mode)
    except (docker.errors.DockerException, requests.RequestException) as error:
        module.fail_json(msg=f"The engine did not do it: {error}")
    (module.fail_json if done.get("failed") else module.exit_json)(**done)


if __name__ == "__main__":
    main()
