"""What the node's engine is set to, for settings that only it can follow."""

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .settings import Refusal


def check(info: Mapping[str, Any], *, registry: str, insecure: bool, mirror: str) -> None:
    """Raise Refusal if the engine does not do what the settings ask for.

    `info`: what `docker info` says. Source: Docker Engine API, "SystemInfo", "RegistryConfig".
    """
    config = info.get("RegistryConfig") or {}
    if insecure and not _insecure(config, registry):
        raise Refusal(
            f"insecure: this node's engine speaks to {registry} over TLS only; "
            "an administrator has to add it to `insecure-registries` there"
        )
    mirrors = [url.rstrip("/") for url in config.get("Mirrors") or ()]
    if mirror and mirror.rstrip("/") not in mirrors:
        raise Refusal(
            f"mirror: this node's engine does not ask {mirror}; "
            "an administrator has to add it to `registry-mirrors` there"
        )


def _insecure(config: Mapping[str, Any], registry: str) -> bool:
    named = (config.get("IndexConfigs") or {}).get(registry)
    if named is not None:
        return not named.get("Secure", True)
    try:
        address = ipaddress.ip_address(urlsplit(f"//{registry}").hostname or "")
    except ValueError:
        return False
    networks = config.get("InsecureRegistryCIDRs") or ()
    return any(address in ipaddress.ip_network(network) for network in networks)
