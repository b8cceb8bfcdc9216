"""`python iam_server.py FOLDER`: the AWS API as the sandbox has it. Whatever IAM refuses is written
to FOLDER/refusals.jsonl: the right, the call, and who made it.
"""

import json
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from beeyard.sandbox import api_server
from beeyard.sandbox.api_call import ApiCall
from beeyard.sandbox.iam import Asked
from beeyard.sandbox.iam_facts import make_operator
from beeyard.sandbox.iam_gate import Gate

HERE = Path(__file__).parent
AMIS = HERE / "data/amis.json"


class Telling(Gate):
    """IAM's gate, which tells of what it refuses."""

    record: Path
    _lock = threading.Lock()

    @staticmethod
    def refuse(
        method: str, start_response: Any, call: ApiCall, who: str, asked: Asked
    ) -> Iterable[bytes]:
        line = {"right": asked.action, "call": call.operation, "who": who}
        with Telling._lock, Telling.record.open("a") as record:
            record.write(json.dumps(line) + "\n")
        return Gate.refuse(method, start_response, call, who, asked)


def main(folder: Path) -> None:
    Telling.record = folder / "refusals.jsonl"
    Telling.record.touch()
    vars(api_server)["Gate"] = Telling
    server = api_server.ApiServer(AMIS, folder / "door", lambda: None)
    make_operator("eu-central-1")
    sys.stdout.write(f"{server.endpoint}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
