"""Who can open a backup: the operators' SSH keys, by age (github.com/C2SP/C2SP, "age").

Each backup is encrypted to an identity of its own, which is kept encrypted to those keys. So a node
knows public keys only, and is handed the identity of the one backup that it restores.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_ssh_private_key,
)

from beeyard.errors import CloudError, ConfigError
from beeyard.secret import Secret

#: Asked for the passphrase of the key at a path.
Ask = Callable[[Path], Secret]


def check_reader(line: str, *, where: str) -> str:
    """A public key as in `authorized_keys`, if age can encrypt to it: ssh-ed25519 or ssh-rsa.

    Raises ConfigError.
    """
    # Not before it is needed: the controller deploys without it, and its image does not hold it.
    import pyrage  # noqa: PLC0415

    text = line.strip()
    try:
        pyrage.ssh.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise ConfigError(
            "backups can't be encrypted to this key",
            where=where,
            why=str(error),
            fix="name a key of the kind ssh-ed25519 or ssh-rsa: ssh-keygen -t ed25519",
        ) from error
    return text


def unwrap(key: str, private: Path, ask: Ask) -> Secret:
    """What decrypts a backup (an age identity), from its manifest's `key`, by an SSH private key.

    Raises CloudError where that key does not open it, or can't be read.
    """
    import pyrage  # noqa: PLC0415

    try:
        identity = pyrage.ssh.Identity.from_buffer(_plain(private, ask))
        return Secret(pyrage.decrypt(key.encode(), [identity]).decode().strip())
    except (pyrage.DecryptError, pyrage.IdentityError) as error:
        raise CloudError(
            "your SSH key does not open this backup",
            where=str(private),
            why=str(error),
            fix="use a key that it was made for: `beeyard backup ls --json` shows them as "
            "`readers`; name it with --key",
        ) from error


def wrap(identity: Secret, readers: Sequence[str]) -> str:
    """The same the other way round: what the nodes do by the program `age`."""
    import pyrage  # noqa: PLC0415

    to = [pyrage.ssh.Recipient.from_str(reader) for reader in readers]
    return pyrage.encrypt(identity.reveal().encode(), to, armored=True).decode()


def _plain(private: Path, ask: Ask) -> bytes:
    """The private key without its passphrase, in memory alone."""
    try:
        data = private.read_bytes()
    except OSError as error:
        raise CloudError(
            "your SSH key can't be read", where=str(private), why=error.strerror
        ) from error
    password = None
    try:
        try:
            key = load_ssh_private_key(data, None)
        except TypeError:
            password = ask(private).reveal().encode()
            key = load_ssh_private_key(data, password)
    except (ValueError, UnsupportedAlgorithm) as error:
        why = "the passphrase is another one" if password is not None else str(error)
        raise CloudError("your SSH key can't be read", where=str(private), why=why) from error
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
