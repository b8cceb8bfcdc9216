"""The rehearsal cloud: AWS's API by moto's server, made real with Docker on this machine.

Only the command line uses it, and all it gets is a `Target`: no stage knows where it builds.
"""

from pathlib import Path

from beeyard.sandbox.attach import attach
from beeyard.sandbox.faults import Fault, fault_of, order, ordered
from beeyard.sandbox.prepare import build_images
from beeyard.sandbox.removal import down
from beeyard.sandbox.spec import SandboxSpec
from beeyard.sandbox.start import Images, start
from beeyard.sandbox.state import Problem, StateFolder
from beeyard.sandbox.status import ContainerStatus, SandboxStatus, all_names, status

__all__ = [
    "ContainerStatus",
    "Fault",
    "Images",
    "Problem",
    "SandboxSpec",
    "SandboxStatus",
    "all_names",
    "attach",
    "build_images",
    "ca_certificate",
    "down",
    "fault_of",
    "log_file",
    "order",
    "ordered",
    "start",
    "status",
]


def ca_certificate(name: str) -> Path:
    """The root certificate (PEM) that browsers must trust for the sandbox's pages."""
    return StateFolder.of(name).ca_certificate


def log_file(name: str) -> Path:
    """What the sandbox's supervisor writes down."""
    return StateFolder.of(name).log
