"""Stage `inventory`: `Outputs` to `Inventory`."""

from beeyard.inventory.build import DATABASE_PASSWORD, build, secret_variable
from beeyard.inventory.model import Controller, Host, Inventory, SshAccess
from beeyard.inventory.ssh_config import render as render_ssh_config

__all__ = [
    "DATABASE_PASSWORD",
    "Controller",
    "Host",
    "Inventory",
    "SshAccess",
    "build",
    "render_ssh_config",
    "secret_variable",
]
