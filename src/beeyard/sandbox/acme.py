"""Who signs certificates: Caddy's ACME server, under the sandbox's own root."""

from pathlib import Path

from beeyard.cloud.outputs import Acme
from beeyard.sandbox import authority
from beeyard.sandbox.container import Container, Mount
from beeyard.sandbox.spec import ACME_HOST, Addresses
from beeyard.sandbox.state import write_file

THING = "acme"
FOLDER = "acme"
_IN_CONTAINER = "/etc/beeyard-acme"

DIRECTORY = f"https://{ACME_HOST}/acme/local/directory"


def container(image: str, folder: Path, addresses: Addresses) -> Container:
    return Container(
        thing=THING,
        kind="service",
        image=image,
        address=addresses.acme,
        argv=("caddy", "run", "--adapter", "caddyfile", "--config", f"{_IN_CONTAINER}/Caddyfile"),
        mounts=(Mount.path(folder, _IN_CONTAINER),),
        # Caddy's own `resolvers` are for DNS challenges alone: HTTP-01 goes by the system's.
        resolver=addresses.resolver,
    )


def prepare(sandbox: str, folder: Path, certificate: Path) -> None:
    """Write the root, once, and Caddy's configuration into `folder`; `certificate` is for users."""
    authority.prepare(sandbox, folder / "ca.pem", folder / "ca.key")
    write_file(certificate, (folder / "ca.pem").read_text(), mode=0o644)
    write_file(folder / "Caddyfile", caddyfile())


def caddyfile() -> str:
    """Certificates are valid for 90 days, as Let's Encrypt's are: clients renew by that."""
    return f"""\
{{
	admin off
	auto_https disable_redirects
	skip_install_trust
	pki {{
		ca local {{
			intermediate_lifetime 8760h
			root {{
				cert {_IN_CONTAINER}/ca.pem
				key {_IN_CONTAINER}/ca.key
			}}
		}}
	}}
}}

https://{ACME_HOST} {{
	tls internal
	acme_server {{
		challenges http-01
		lifetime 2160h
	}}
}}
"""


def signer(certificate: Path) -> Acme:
    """What clients must know of it."""
    return Acme(directory=DIRECTORY, root_certificate=certificate.read_text())
