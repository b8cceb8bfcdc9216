"""The root certificate that `ingress.acme` names."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from beeyard.config.document import shown
from beeyard.config.sections import Acme
from beeyard.errors import ConfigError

_WHERE = "ingress.acme.root_certificate in beeyard.yml"
_PATH = "Correct the path; it is relative to beeyard.yml."
_PEM = "Put the authority's root there as PEM: `-----BEGIN CERTIFICATE-----` and what follows."


def root_certificate(acme: Acme, base: Path) -> str:
    """The certificates (PEM) in the file that `acme` names, and nothing else that may be in it.

    Empty where it names none; `base` is the folder of beeyard.yml. Raises ConfigError: there is no
    such file, or no certificate in it.
    """
    path = acme.root_file(base)
    if path is None:
        return ""
    if not path.is_file():
        raise ConfigError(f"there is no file {shown(path)}", where=_WHERE, fix=_PATH)
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        what = f"the file {shown(path)} can't be read"
        raise ConfigError(what, where=_WHERE, why=error.strerror, fix=_PATH) from error
    except ValueError:
        what = f"there is no certificate in {shown(path)}"
        raise ConfigError(what, where=_WHERE, fix=_PEM) from None
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in found)
