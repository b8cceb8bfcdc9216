"""Stage `provision`: `Inventory` to converged hosts, by Ansible."""

from beeyard.provision.connections import close as close_connections
from beeyard.provision.files import ProvisionFiles, for_a_playbook, write
from beeyard.provision.playbook import PLAYBOOKS, Converged, Options, mitogen_wanted, run
from beeyard.provision.reach import DEADLINE as SSH_DEADLINE
from beeyard.provision.reach import Silent, await_ssh, unreachable
from beeyard.provision.room import require_room

__all__ = [
    "PLAYBOOKS",
    "SSH_DEADLINE",
    "Converged",
    "Options",
    "ProvisionFiles",
    "Silent",
    "await_ssh",
    "close_connections",
    "for_a_playbook",
    "mitogen_wanted",
    "require_room",
    "run",
    "unreachable",
    "write",
]
