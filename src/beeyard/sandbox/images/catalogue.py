"""The sandbox's images as data: what each is built from, and what it stands in for."""

from dataclasses import dataclass

#: The base, made by `base.py`; everything else has it for an ancestor.
DEBIAN = "debian"
#: Debian's release that the nodes run.
SUITE = "bookworm"


@dataclass(frozen=True)
class Image:
    """One image, built from the folder `contexts/<name>`.

    parents     images that its Dockerfile gets as build arguments, by their names in capitals
    stands_for  the name on Docker Hub that nodes pull it by; None: no node pulls it
    """

    name: str
    parents: tuple[str, ...] = (DEBIAN,)
    stands_for: str | None = None


#: In the order in which they are begun: those that take longest, or that others wait for, first.
IMAGES: tuple[Image, ...] = (
    Image("node"),
    Image("python", stands_for="python:3.11-slim-bookworm"),
    Image("mariadb"),
    Image("services", parents=(DEBIAN, "python")),
    Image("traefik", parents=(DEBIAN, "python"), stands_for="traefik:v3.7.15"),
    Image("registry", stands_for="registry:2.8.2"),
    Image("haproxy", stands_for="haproxy:2.6"),
)

#: What the base itself is called on Docker Hub.
DEBIAN_ON_HUB = "debian:bookworm-slim"

#: Images that nodes may ask for and that can't be stood in for: held where they can be pulled.
ONLY_PULLED: tuple[str, ...] = (
    "portainer/portainer-ce:2.27.9",
    "portainer/agent:2.27.9",
)


def on_hub(name: str) -> str:
    """The repository path of a Docker Hub name: `traefik:v3` is `library/traefik:v3` there."""
    return name if "/" in name else f"library/{name}"
