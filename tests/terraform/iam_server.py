"""`python iam_server.py FOLDER`: the AWS API as the sandbox has it, and a record of what is asked.

The first time that a right is used, IAM is asked without it, too: what it would then have answered,
in the state that the API is in just then, goes into FOLDER/refusals.jsonl.
"""

import json
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from beeyard.sandbox import api_server
from beeyard.sandbox.api_call import ApiCall, read_call
from beeyard.sandbox.environment import OPERATOR
from beeyard.sandbox.iam_asked import asked_of
from beeyard.sandbox.iam_facts import known, make_operator, principal
from beeyard.sandbox.iam_gate import Gate, first_refused

HERE = Path(__file__).parent
AMIS = HERE / "data/amis.json"


class Proving(Gate):
    """IAM's gate, that is asked for each right what it would say without it."""

    record: Path
    _lock = threading.Lock()
    _proved: ClassVar[set[str]] = set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        call = read_call(environ)
        if call is not None and call.key == OPERATOR:
            self._prove(call, environ)
        return super().__call__(environ, start_response)

    def _prove(self, call: ApiCall, environ: Mapping[str, Any]) -> None:
        found = principal(call)
        assert found is not None
        _, policies = found
        if first_refused(call, policies) is not None:
            return  # it is refused anyhow
        for action in {one.action for one in asked_of(call, known(call))}:
            with self._lock:
                new = action not in self._proved
                self._proved.add(action)
            if new:
                line = self._refused(call, environ, action, _without(policies, action))
                with self._lock, self.record.open("a") as record:
                    record.write(json.dumps(line) + "\n")

    def _refused(
        self,
        call: ApiCall,
        environ: Mapping[str, Any],
        action: str,
        policies: Sequence[Mapping[str, Any]],
    ) -> dict[str, Any]:
        said: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]]) -> None:
            said.update(status=int(status.split(maxsplit=1)[0]), headers=dict(headers))

        asked = first_refused(call, policies)
        if asked is not None:
            body = b"".join(self.refuse(environ["REQUEST_METHOD"], start, call, "arn:x", asked))
            said["body"] = body.decode()
        return {
            "action": action,
            "refused": asked.action if asked else None,
            "service": call.service,
            "operation": call.operation,
            **said,
        }


def _without(policies: Sequence[Mapping[str, Any]], action: str) -> list[dict[str, Any]]:
    return [
        {
            **policy,
            "Statement": [
                {**one, "Action": [each for each in one["Action"] if each != action]}
                for one in policy["Statement"]
            ],
        }
        for policy in policies
    ]


def main(folder: Path) -> None:
    Proving.record = folder / "refusals.jsonl"
    Proving.record.touch()
    vars(api_server)["Gate"] = Proving
    server = api_server.ApiServer(AMIS, folder / "door", lambda: None)
    make_operator("eu-central-1")
    sys.stdout.write(f"{server.endpoint}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
