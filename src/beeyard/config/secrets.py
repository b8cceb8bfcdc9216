"""Secrets as `beeyard.yml` speaks of them: where a value comes from, and hashes of passwords.

No message here repeats a value: who mistakes the place writes the secret itself.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.functional_validators import AfterValidator
from pydantic_core import CoreSchema, core_schema

from beeyard.config.names import matches
from beeyard.config.refusal import Wrong, refusal

SourceKind = Literal["database-url", "generate", "env", "file"]

_SOURCE = r"^(database-url|generate|env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$"
_SOURCE_FIX = "One of `database-url`, `generate`, `env:NAME` and `file:PATH`."
_BCRYPT = r"^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$"
_HASH_FIX = (
    "Make one with `htpasswd -nBC 10 admin`, and put what follows `admin:` into single quotes."
)


@dataclass(frozen=True)
class SecretSource:
    """Where a secret's value comes from.

    kind   `database-url`: the URL of the application's own database; `generate`: made at random
    once, then kept;
           `env`: an environment variable of the operator; `file`: a file, relative to beeyard.yml
    name   the variable or the path; empty for the other two
    """

    kind: SourceKind
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> "SecretSource":
        """The source that `text` names. Raises a refusal that doesn't repeat it."""
        if not matches(_SOURCE, text):
            raise refusal(
                Wrong(
                    "this doesn't say where the secret comes from (what it says is not shown here)",
                    _SOURCE_FIX,
                    "A secret's value itself never stands in beeyard.yml.",
                )
            )
        if text.startswith("env:"):
            return cls("env", text.removeprefix("env:"))
        if text.startswith("file:"):
            return cls("file", text.removeprefix("file:"))
        return cls("generate" if text == "generate" else "database-url")

    def path(self, base: Path) -> Path:
        """The file of a `file` source; `base` is the folder of beeyard.yml."""
        return base / Path(self.name).expanduser()

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls.parse,
            core_schema.str_schema(strict=True),
            serialization=core_schema.to_string_ser_schema(),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, object]:
        return {"type": "string", "pattern": _SOURCE}


def _check_hash(value: str) -> str:
    if matches(_BCRYPT, value):
        return value
    if matches(r"^[^:$]+:\$2.*$", value):
        raise refusal(
            Wrong(
                "the hash has the user's name in front (it is not shown here)",
                "Leave out everything up to the colon; the name is the key already.",
            )
        )
    if value.startswith("$$2"):
        raise refusal(
            Wrong(
                "the hash has doubled dollar signs (it is not shown here)",
                "Write each `$` once: nothing is substituted in beeyard.yml.",
            )
        )
    raise refusal(Wrong("this is no bcrypt hash (it is not shown here)", _HASH_FIX))


PasswordHash = Annotated[
    str,
    AfterValidator(_check_hash),
    WithJsonSchema({"type": "string", "pattern": _BCRYPT}),
]
