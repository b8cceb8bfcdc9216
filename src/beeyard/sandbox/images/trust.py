"""What this machine trusts, and how it reaches package registries, for images to do the same.

Some networks take TLS apart at their edge, and need an authority of their own to be trusted; some
reach registries through a proxy or a mirror. Read from the machine when images are built.
"""

import hashlib
import os
import re
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

from beeyard.process import Command, Runner

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_PIP_SETTINGS = ("index-url", "proxy", "trusted-host")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


def settings(runner: Runner) -> Mapping[str, bytes]:
    """Files for the root of every image, by path: how pip and apt reach their registries."""
    found = {"etc/pip.conf": _pip(runner).encode()}
    if proxy := _apt(runner):
        found["etc/apt/apt.conf.d/80host"] = proxy.encode()
    return found


def certificates(known: str) -> Mapping[str, bytes]:
    """Files for the root of every image, by path: authorities that this machine trusts, and Debian
    does not. `known`: the bundle that it brings (PEM)."""
    own = set(_PEM.findall(_own_bundle())) - set(_PEM.findall(known))
    found = {hashlib.sha256(one.encode()).hexdigest()[:16]: one.encode() for one in own}
    folder = "usr/local/share/ca-certificates"
    return {f"{folder}/host-{digest}.crt": one for digest, one in found.items()}


def build_arguments() -> dict[str, str]:
    """Proxy settings of this environment, as `docker build` hands them to its steps."""
    return {
        name: os.environ[name]
        for base in _PROXIES
        for name in (base, base.upper())
        if os.environ.get(name)
    }


def _own_bundle() -> str:
    paths = (os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, _BUNDLE)
    bundle = next((Path(path) for path in paths if path and Path(path).is_file()), None)
    return bundle.read_text(encoding="utf-8", errors="replace") if bundle else ""


def _pip(runner: Runner) -> str:
    said = runner.run(Command([sys.executable, "-m", "pip", "config", "list"]), check=False).stdout
    lines = ["[global]", f"cert = {_BUNDLE}"]
    for setting in _PIP_SETTINGS:
        match = re.search(rf"^(?:global|:env:)\.{setting}='(.+)'$", said, re.MULTILINE)
        # What names a folder of this machine means nothing in an image.
        if match and not match[1].startswith("file:"):
            lines.append(f"{setting} = {match[1]}")
    return "\n".join(lines) + "\n"


def _apt(runner: Runner) -> str:
    argv = ["apt-config", "dump", "--format", "%f %v%n", "Acquire::http::Proxy"]
    if not Path("/usr/bin/apt-config").exists():
        return ""
    said = runner.run(Command([*argv, "Acquire::https::Proxy"]), check=False).stdout
    pairs = [line.split(" ", 1) for line in said.splitlines() if " " in line]
    return "".join(f'{name} "{value}";\n' for name, value in pairs if value)
