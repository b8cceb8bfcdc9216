"""The OpenSSH client's configuration: what Ansible, tunnels and `beeyard ssh` share."""

from beeyard.inventory.model import Host, Inventory, SshAccess


def render(inventory: Inventory, note: str = "Made by beeyard; made again at every run.") -> str:
    """The text of `ssh_config`. Host keys are pinned to the instance.

    `note`: its first line, in words.
    """
    parts = [_common(inventory.ssh, note), *(_host(host) for host in inventory.hosts)]
    return "\n".join(parts)


def _common(ssh: SshAccess, note: str) -> str:
    return f"""\
# {note}
Host *
  User {ssh.user}
  IdentityFile "{ssh.key}"
  IdentitiesOnly yes
  UserKnownHostsFile "{ssh.known_hosts}"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking {ssh.checking}
  BatchMode yes
  ConnectTimeout 10
  ServerAliveInterval 15
  ServerAliveCountMax 3
  ControlMaster auto
  ControlPath "{ssh.sockets}/%C"
  ControlPersist 60
  LogLevel ERROR
"""


def _host(host: Host) -> str:
    lines = [
        f"Host {host.name}",
        f"  HostName {host.address}",
        f"  HostKeyAlias {host.identity}",
    ]
    if host.jump:
        lines.append(f"  ProxyJump {host.jump}")
    return "\n".join([*lines, ""])
