"""The sandbox's images as data: what each is built from, and what it stands in for."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources

from beeyard.image import runtime
from beeyard.packaged import Files, read

#: The base, made by `base.py`; everything else has it for an ancestor.
DEBIAN = "debian"
#: Debian's release that the nodes run.
SUITE = "bookworm"


@dataclass(frozen=True)
class Image:
    """One image, built from the folder `contexts/<name>`, or from `files`.

    parents     images that its Dockerfile gets as build arguments, by their names in capitals
    stands_for  the name on Docker Hub that nodes pull it by; None: no node pulls it
    genuine     whether what can be pulled by that name takes its place
    """

    name: str
    parents: tuple[str, ...] = (DEBIAN,)
    stands_for: str | None = None
    genuine: bool = True
    files: Callable[[], Files] | None = None

    def context(self) -> Files:
        """The files that it is built from."""
        return self.files() if self.files else folder(self.name)


def folder(name: str) -> Files:
    """The files of `contexts/<name>`."""
    return read(resources.files(__package__) / "contexts" / name)


def _plugin(name: str) -> Callable[[], Files]:
    """What a plugin's image is built from: one folder, with a Dockerfile for each."""

    def files() -> Files:
        given = folder("plugins")
        return {**given, "Dockerfile": given[f"{name}.Dockerfile"]}

    return files


#: In the order in which they are begun: those that take longest, or that others wait for, first.
IMAGES: tuple[Image, ...] = (
    Image("node"),
    # Builds on the nodes need this machine's trust, which the genuine one has not.
    Image("python", stands_for="python:3.11-slim-bookworm", genuine=False),
    # Nobody has published this name: on Docker Hub it would be a stranger's.
    Image(
        "runtime",
        parents=("python",),
        stands_for=runtime.reference(),
        genuine=False,
        files=runtime.files,
    ),
    # Also what a backup is tried in; the genuine one knows nothing of RDS's rights.
    Image("mariadb", stands_for="mariadb:10.11", genuine=False),
    Image("services", parents=(DEBIAN, "python")),
    Image("traefik", parents=(DEBIAN, "python"), stands_for="traefik:v3.7.15"),
    Image("registry", stands_for="registry:2.8.2"),
    Image("haproxy", stands_for="haproxy:2.6"),
    Image(
        "plugin-ssh",
        parents=("python",),
        stands_for="appleboy/drone-ssh:latest",
        files=_plugin("ssh"),
    ),
    Image(
        "plugin-docker",
        parents=("node", "python"),
        stands_for="plugins/docker:latest",
        files=_plugin("docker"),
    ),
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
