"""The run of the timer: one backup of each kind, put into S3 with the rights of the instance.

What it writes is what `beeyard.backup.model.Manifest` reads.
"""

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import flow
import kinds
import unfinished
import uploads
from alone import taking
from words import Failed, say

SETTINGS = "/etc/beeyard/backups.json"
FORMAT = 1
#: Seconds that a restore is waited for: what it has put back by half is no backup.
_WAIT = 2 * 3600.0


def run(path: str = SETTINGS) -> int:
    """Gives 1 where a kind failed, or is incomplete; the others are taken all the same."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    s3 = _s3(job)
    failed = 0
    for kind, settings in job["kinds"].items():
        try:
            with taking(kind, _WAIT):
                made = _take(s3, job, kind, settings)
            say(f"{kind}: {made['id']} is made")
            if before := made["versions"].get(unfinished.BEFORE):
                failed = 1
                say(f"{kind}: it counts for nothing: the restore of {before} did not end before it")
            for name, why in kinds.left_out(made["versions"]).items():
                failed = 1
                say(f"{kind}: {made['id']} is INCOMPLETE, without {name}: {why}")
        except Exception as error:
            failed = 1
            words = str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
            say(f"{kind}: no backup was made: {words}")
    return failed


def _take(
    s3: Any, job: Mapping[str, Any], kind: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    id_ = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    folder = f"backups/{kind}/{id_}/"
    parts = uploads.ByRole(s3, job["bucket"], f"{folder}data.age")
    try:
        taken = flow.take(kind, settings, job["readers"], parts)
        parts.finish(taken.pop("etags"))
    except BaseException:
        parts.forget()
        raise
    manifest = {
        **taken,
        "kind": kind,
        "id": id_,
        "cluster": job["cluster"],
        "readers": job["readers"],
        "format": FORMAT,
    }
    # Last: what has none is no backup.
    s3.put_object(
        Bucket=job["bucket"],
        Key=f"{folder}manifest.json",
        Body=json.dumps(manifest, indent=1, sort_keys=True).encode(),
        ContentType="application/json",
    )
    return manifest


def _s3(job: Mapping[str, Any]) -> Any:
    # Debian's, on the nodes that have a schedule; nobody else needs it.
    import boto3
    from botocore.config import Config

    retries = {"max_attempts": 5, "mode": "standard"}
    return boto3.client(
        "s3",
        region_name=job["region"],
        endpoint_url=job["endpoint"] or None,
        config=Config(connect_timeout=5, read_timeout=120, retries=retries),
    )
