"""The operator's SSH key: the one that is named, or one made for the cluster."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization.ssh import SSHPrivateKeyTypes

from beeyard.config.ssh_keys import key_of
from beeyard.errors import ConfigError
from beeyard.private import private_folder, write_private

#: The private key that beeyard makes for a cluster. The names of all that belong to it, and of
#: those that it replaced, begin like this.
OWN_KEY = "id_ed25519"


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


def own_private_keys(folder: Path) -> tuple[Path, ...]:
    """The private keys that beeyard made in a cluster's folder, today's and those it replaced: for
    backups of their days, nothing else may open them."""
    found = folder.glob(f"{OWN_KEY}*")
    return tuple(sorted(path for path in found if path.suffix != ".pub"))


def are_a_pair(private: Path, public: Path) -> bool:
    """Whether these are the halves of one key; of one that beeyard made, so without passphrase."""
    key = serialization.load_ssh_private_key(private.read_bytes(), None)
    return key_of(_public_half(key)) == key_of(public.read_text())


def _make(path: Path, public: Path) -> None:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    private_folder(path.parent)
    # The private one last: where it is, both are, even if this was cut short before.
    public.write_text(f"{_public_half(key)} beeyard\n")
    write_private(path, private)


def _public_half(key: SSHPrivateKeyTypes) -> str:
    line = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return line.decode()
