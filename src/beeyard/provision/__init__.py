"""Stage `provision`: `Inventory` to converged hosts, by Ansible."""

from beeyard.provision.files import ProvisionFiles, write
from beeyard.provision.playbook import PLAYBOOKS, Converged, Options, mitogen_wanted, run
from beeyard.provision.reach import await_ssh

__all__ = [
    "PLAYBOOKS",
    "Converged",
    "Options",
    "ProvisionFiles",
    "await_ssh",
    "mitogen_wanted",
    "run",
    "write",
]
