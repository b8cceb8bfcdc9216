"""What `beeyard check` finds where certificates can't be issued, or not be verified."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from beeyard.config import Acme, Finding, root_certificate
from beeyard.errors import ConfigError, render

Checked = Callable[..., tuple[Finding, ...]]


def acme(text: str, more: str) -> str:
    """A beeyard.yml whose `ingress.acme` has `more` as well."""
    return text.replace("ops@example.com", f"ops@example.com, {more}")


def authority(name: str) -> tuple[str, str]:
    """A certificate, and the key that signed it, as PEM."""
    key = Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=1))
        .sign(key, None)
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode(), private.decode()


def test_the_root_of_the_authority(checked: Checked, application: str) -> None:
    config = acme(application, "root_certificate: ca/root.pem")
    (finding,) = checked(config)
    assert (finding.level, finding.where, finding.what) == (
        "error",
        "beeyard.yml:7:52",
        "ingress.acme.root_certificate: there is no file ca/root.pem",
    )
    assert finding.fix == "Correct the path; it is relative to beeyard.yml."
    certificate, key = authority("A root")
    Path("ca").mkdir()
    Path("ca/root.pem").write_text(key)
    (finding,) = checked(config)
    assert (finding.level, finding.what) == (
        "error",
        "ingress.acme.root_certificate: there is no certificate in ca/root.pem",
    )
    assert "-----BEGIN CERTIFICATE-----" in finding.fix
    Path("ca/root.pem").write_text(certificate)
    assert checked(config) == ()


@pytest.mark.parametrize(
    "broken", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate(checked: Checked, application: str, broken: str) -> None:
    Path("root.pem").write_text(broken)
    (finding,) = checked(acme(application, "root_certificate: root.pem"))
    assert finding.what.endswith(": there is no certificate in root.pem")


def test_nothing_but_certificates_is_taken_from_the_file(tmp_path: Path) -> None:
    (first, key), (second, _) = authority("One"), authority("Another")
    (tmp_path / "roots.pem").write_text(f"Some words\n{first}{key}{second}")
    named = Acme(email="ops@example.com", root_certificate="roots.pem")
    assert root_certificate(named, tmp_path) == first + second
    assert root_certificate(Acme(email="ops@example.com"), tmp_path) == ""


def test_where_the_file_is_gone_later(tmp_path: Path) -> None:
    named = Acme(email="ops@example.com", root_certificate=str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        root_certificate(named, Path("/"))
    assert render(caught.value).splitlines()[1:] == [
        "  where: ingress.acme.root_certificate in beeyard.yml",
        "  do:    Correct the path; it is relative to beeyard.yml.",
    ]


def test_the_staging_environment(checked: Checked, application: str) -> None:
    config = acme(application, "server: letsencrypt-staging")
    (finding,) = checked(config)
    assert (finding.level, finding.where, finding.what) == (
        "warning",
        "beeyard.yml:7:42",
        "ingress.acme.server: on AWS `up` can't verify the certificates of this authority",
    )
    Path("root.pem").write_text(authority("Staging")[0])
    assert checked(acme(config, "root_certificate: root.pem")) == ()


def test_another_authority_may_be_one_that_systems_trust(
    checked: Checked, application: str
) -> None:
    assert checked(acme(application, "server: 'https://ca.example.com/directory'")) == ()


@pytest.mark.parametrize("count", [3, 5])
def test_several_managers(checked: Checked, application: str, count: int) -> None:
    (finding,) = checked(f"{application}managers: {{count: {count}}}\n")
    assert (finding.level, finding.where, finding.what) == (
        "warning",
        "beeyard.yml:11:19",
        f"managers.count: on AWS certificates may not be issued with {count} managers",
    )
    assert finding.why is not None
    assert finding.why.startswith("Traefik runs on one of them.")
