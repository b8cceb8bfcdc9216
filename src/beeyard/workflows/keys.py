"""The operator's SSH key: the one that is named, or one made for the cluster."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from beeyard.errors import ConfigError
from beeyard.private import private_folder, write_private


def public_key(path: Path, *, own: bool) -> str:
    """The public key beside `path`. With `own`, a missing pair is made; else ConfigError."""
    public = path.with_name(path.name + ".pub")
    if own and not path.exists():
        _make(path, public)
    for file in (path, public):
        if not file.is_file():
            raise ConfigError(
                f"the SSH key {file} is not there",
                why="`ssh.key` in beeyard.yml names the private key, its public half lies beside",
                fix=f"make it: ssh-keygen -t ed25519 -f {path}; or leave `ssh.key` out, and "
                "beeyard makes one for this cluster",
            )
    return public.read_text().strip()


def _make(path: Path, public: Path) -> None:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    line = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    private_folder(path.parent)
    # The private one last: where it is, both are, even if this was cut short before.
    public.write_bytes(line + b" beeyard\n")
    write_private(path, private)
