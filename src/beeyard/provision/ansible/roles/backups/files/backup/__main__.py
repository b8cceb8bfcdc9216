"""Takes backups of a node's data and puts them back.

    python3 -I DIR take|read|verify|restore|scheduled

A job comes by standard input as JSON, for it holds URLs and keys; the answer goes to standard
output as one line of JSON, words to standard error. `scheduled` reads its job from a file, and puts
data into S3 with the rights of the instance.
"""

import json
import sys
from contextlib import nullcontext
from typing import Any

import alone
import flow
import kinds
import schedule
import unfinished
import uploads
from words import Failed, say

#: Seconds that an operator waits for somebody else's backup or restore.
_WAIT = 900.0


def take(job: dict[str, Any]) -> dict[str, Any]:
    parts = uploads.ToUrls(job["urls"])
    with alone.taking(job["kind"], _WAIT):
        return flow.take(job["kind"], job["settings"], job["readers"], parts)


def use(what: str, job: dict[str, Any]) -> dict[str, Any]:
    settings = {**job["settings"], "plain": job["plain"]}
    act = getattr(kinds.module(job["kind"]), what)
    # Who reads does it before a restore: it is waited for while nothing has been touched yet.
    waits = alone.restoring(job["kind"], _WAIT) if what in ("read", "restore") else nullcontext()
    putting_back = what == "restore" and settings.get("putting_back")
    marks = unfinished.marked(job["kind"], putting_back) if putting_back else nullcontext()
    with waits, marks, flow.opened(job["url"], job["identity"], job["sha256"]) as stream:
        return {"facts": act(stream, settings)}


def main(what: str) -> int:
    try:
        if what == "scheduled":
            return schedule.run()
        job = json.load(sys.stdin)
        answer = take(job) if what == "take" else use(what, job)
    except Failed as failed:
        say(str(failed))
        return failed.code
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
