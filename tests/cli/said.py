"""What a command said, and the smallest beeyard.yml."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MINIMAL = """\
name: shop
domain: shop.example.com
region: eu-central-1
vpc_cidr: 10.213.0.0/16
ssh:
  allowed_cidrs: [203.0.113.0/24]
ingress:
  acme: {email: ops@example.com}
"""


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Standard output, which must be JSON and nothing else."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The error as shown, without the progress before it."""
        return self.err[self.err.index("error:") :]

    @property
    def first_line(self) -> str:
        return self.error.splitlines()[0]

    @property
    def fix(self) -> str:
        """What the error says is to be done now."""
        return self.error.split("\n  do:    ", 1)[1]


#: Runs `beeyard …`.
Cli = Callable[..., Said]
#: Writes beeyard.yml into the working folder.
WriteFile = Callable[..., Path]
