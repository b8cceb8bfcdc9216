"""EFS: one SFTP server per mount target, all over one volume per file system.

NFS needs a client in this machine's kernel, which containers can't bring along; SFTP through FUSE
needs none. On a node `mount -t efs` does what it does on AWS with amazon-efs-utils installed: the
helper `mount.efs`, given to every node, hides how the files are reached.
"""

from importlib.resources import files
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from beeyard.cloud.target import FileSystemStyle
from beeyard.sandbox.container import Container, Mount
from beeyard.sandbox.spec import resource_name
from beeyard.sandbox.state import write_file
from beeyard.sandbox.world import MountTarget

FOLDER = "efs"
_IN_CONTAINER = "/etc/beeyard-efs"

#: NFS's own port, so that the security group's rule is the right one here, too.
PORT = 2049

STYLE = FileSystemStyle(
    fstype="efs",
    source="{dns_name}:/",
    # A mount target that starts later than the node is waited for, but not for ever.
    options="_netdev,nofail,x-systemd.mount-timeout=120s",
)

_SSHD_CONFIG = f"""\
Port {PORT}
HostKey {_IN_CONTAINER}/server/host_key
AuthorizedKeysFile {_IN_CONTAINER}/server/authorized_keys
AllowUsers efs
# `efs` is root by another name: only root may give files to other users.
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
UseDNS no
# The key files belong to whoever runs the sandbox, which is not root everywhere.
StrictModes no
AllowTcpForwarding no
ClientAliveInterval 15
MaxStartups 100:30:200
ChrootDirectory /srv/efs
# The mode that a client asks for has been through its own umask already.
ForceCommand internal-sftp -u 0000
Subsystem sftp internal-sftp
"""


def volume(sandbox: str, file_system_id: str) -> str:
    return resource_name(sandbox, f"efs-{file_system_id}")


def container(sandbox: str, target: MountTarget, image: str, folder: Path) -> Container:
    script = files("beeyard.sandbox").joinpath("scripts/file-server.sh").read_text()
    return Container(
        thing=target.id,
        kind="mount-target",
        image=image,
        address=target.address,
        argv=("/bin/sh", "-c", script),
        mounts=(
            Mount(volume(sandbox, target.file_system_id), "/srv/efs"),
            Mount.path(folder / "server", f"{_IN_CONTAINER}/server"),
        ),
    )


def node_mounts(folder: Path) -> tuple[Mount, ...]:
    """What a node needs to mount EFS: the helper, its key, and the servers' key."""
    return (
        Mount.path(folder / "node", _IN_CONTAINER),
        Mount.path(folder / "node" / "mount.efs", "/usr/sbin/mount.efs"),
    )


def prepare(folder: Path) -> None:
    """Write keys and settings of both sides into `folder`, once per sandbox."""
    server, node = folder / "server", folder / "node"
    if (node / "mount.efs").exists():
        return
    host_key, client_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    write_file(server / "host_key", _private(host_key))
    write_file(server / "authorized_keys", _public(client_key))
    write_file(server / "sshd_config", _SSHD_CONFIG)
    write_file(node / "id_ed25519", _private(client_key))
    write_file(node / "known_hosts", f"* {_public(host_key)}")
    helper = files("beeyard.sandbox").joinpath("scripts/mount.efs").read_text()
    write_file(node / "mount.efs", helper, mode=0o755)


def _private(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def _public(key: Ed25519PrivateKey) -> str:
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return f"{line}\n"
