"""The Swarm as it really runs: reached through a manager, observed, and waited for."""

from beeyard.swarm.convergence import USUAL, Patience, await_converged, converged
from beeyard.swarm.failure import Progress
from beeyard.swarm.manager import AWAY, Manager, TunnelEnded, in_words
from beeyard.swarm.model import (
    Capabilities,
    Network,
    Node,
    Port,
    Resources,
    Service,
    Snapshot,
    Task,
    Update,
)
from beeyard.swarm.snapshot import snapshot
from beeyard.swarm.tunnel import Tunnel

__all__ = [
    "AWAY",
    "USUAL",
    "Capabilities",
    "Manager",
    "Network",
    "Node",
    "Patience",
    "Port",
    "Progress",
    "Resources",
    "Service",
    "Snapshot",
    "Task",
    "Tunnel",
    "TunnelEnded",
    "Update",
    "await_converged",
    "converged",
    "in_words",
    "snapshot",
]
