"""The machine images that the sandbox's EC2 offers: Debian 12, as Debian publishes them on AWS."""

import hashlib
import json
from pathlib import Path

from beeyard.sandbox.state import write_file

#: Debian's own account: https://wiki.debian.org/Cloud/AmazonEC2Image
_DEBIAN = "136693071363"
_DATE = "20251112-2294"
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}


def prepare(path: Path, region: str) -> None:
    """Write the images, in the form that moto reads from MOTO_AMIS_PATH."""
    images = [_image(debian, aws, region) for debian, aws in _ARCHITECTURES.items()]
    write_file(path, json.dumps(images, indent=2) + "\n")


def _image(debian: str, aws: str, region: str) -> dict[str, object]:
    name = f"debian-12-{debian}-{_DATE}"
    digest = hashlib.sha256(f"{region}/{name}".encode()).hexdigest()
    return {
        "ami_id": f"ami-{digest[:17]}",
        "name": name,
        "description": f"Debian 12 ({_DATE})",
        "owner_id": _DEBIAN,
        "architecture": aws,
        "creation_date": "2025-11-12T00:00:00.000Z",
        "image_location": f"amazon/{name}",
        "image_type": "machine",
        "public": True,
        "virtualization_type": "hvm",
        "hypervisor": "xen",
        "state": "available",
        "platform": None,
        "root_device_name": "/dev/xvda",
        "root_device_type": "ebs",
        "sriov": "simple",
    }
