"""What the role `infra_stack` is given where its variables and templates alone are looked at."""

from pathlib import Path
from typing import Any

import beeyard.provision

ROLE = Path(beeyard.provision.__file__).parent / "ansible/roles/infra_stack"
#: How a playbook begins that looks at them.
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.include_vars: "{{ role }}/defaults/main.yml"
    - ansible.builtin.include_vars: "{{ role }}/vars/main.yml"
"""
_NAMES = (
    *("dashboard_users", "registry_htpasswd", "registry_http_secret", "portainer_password"),
    *("registry_password", "ci_cluster", "ci_admin_token", "ci_runner_token", "ci_vault_key"),
    "ci_ssh_key",
)


def given(services: list[dict[str, Any]], nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """The variables, with this in the Swarm."""
    return {
        "role": str(ROLE),
        "efs_path": "/mnt/efs",
        "infra_stack_domain": "cluster.test",
        "infra_stack_https_port": 443,
        "infra_stack_secrets": {"digests": dict.fromkeys(_NAMES, "0123456789ab")},
        "infra_stack_ci": {
            "image": "registry.cluster.test/beeyard/controller:1",
            "parallel": 2,
            "cpus": 1.5,
            "memory_mib": 512,
            "timeout": 60,
        },
        "infra_stack_swarm": {"nodes": nodes, "services": services},
    }
