"""The application that load is sent to, on a yard's cluster."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from beeyard import sandbox
from beeyard.config import load
from beeyard.errors import SandboxError
from bench.load.exchange import Ingress
from bench.load.ledger import Ledger
from bench.yard import Yard, say

NAME = "entries"
REPLICAS = 3
FOLDER = Path(__file__).parent / "app"
_SECRET = f"{NAME}_database_url"
_versions = itertools.count(2)


@dataclass(frozen=True)
class Application:
    """It, and the way to it."""

    yard: Yard
    ingress: Ingress

    @classmethod
    def on(cls, yard: Yard) -> "Application":
        """The application, deployed to the yard's cluster if it is not there yet."""
        spec = load(yard.file)
        if NAME not in spec.applications:
            say(f"adding the application {NAME}")
            entry = {"path": str(FOLDER), "database": True, "secrets": {_SECRET: "database-url"}}
            with rewritten(yard.file) as document:
                document["applications"][NAME] = entry
            yard.up()
        port = sandbox.status(spec.name).https_port
        if port is None:
            raise SandboxError(f"there is no rehearsal {spec.name}")
        host, ca = f"{NAME}.{spec.domain}", sandbox.ca_certificate(spec.name)
        return cls(yard, Ingress("127.0.0.1", port, host, ca))

    def change(self, variant: Mapping[str, str] | None = None) -> None:
        """Make the file say another release: the next one, of that variant."""
        with rewritten(self.yard.file) as document:
            environment = {"VERSION": str(next(_versions)), **(variant or {})}
            document["applications"][NAME]["environment"] = environment

    def deploy(self, *options: str) -> None:
        """`beeyard deploy`, of what the file says."""
        self.yard.run("deploy", NAME, *options)

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """What it has kept."""
        with closing(Ledger(self.ingress)) as ledger:
            yield ledger


@contextmanager
def rewritten(file: Path) -> Iterator[Any]:
    """A YAML file's document, which is written again at the end."""
    yaml = YAML()
    document = yaml.load(file)
    yield document
    yaml.dump(document, file)
