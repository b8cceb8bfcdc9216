"""Stage `inventory`: `Outputs` to `Inventory`."""

from beeyard.inventory.build import build
from beeyard.inventory.model import Host, Inventory, SshAccess
from beeyard.inventory.ssh_config import render as render_ssh_config

__all__ = ["Host", "Inventory", "SshAccess", "build", "render_ssh_config"]
