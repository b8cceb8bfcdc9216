"""Takes backups of a node's data and puts them back.

    python3 -I DIR take|read|verify|restore|scheduled

A job comes by standard input as JSON, for it holds URLs and keys; the answer goes to standard
output as one line of JSON, words to standard error. `scheduled` reads its job from a file, and puts
data into S3 with the rights of the instance.
"""

import json
import sys
from typing import Any

import flow
import kinds
import schedule
import uploads
from words import Failed, say


def take(job: dict[str, Any]) -> dict[str, Any]:
    return flow.take(job["kind"], job["settings"], job["readers"], uploads.ToUrls(job["urls"]))


def use(what: str, job: dict[str, Any]) -> dict[str, Any]:
    settings = {**job["settings"], "plain": job["plain"]}
    act = getattr(kinds.module(job["kind"]), what)
    with flow.opened(job["url"], job["identity"], job["sha256"]) as stream:
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
