"""The controller's API, as a client of it: for the command line."""

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from beeyard.cloud import Ingress
from beeyard.errors import BeeyardError, ConfigError, PipelineError, UnverifiedError
from beeyard.process import Command
from beeyard.secret import Secret
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts

#: The variable that holds a token of the API; without it, the operator's SSH key gets one.
TOKEN = "BEEYARD_TOKEN"  # noqa: S105 (a name)
_ON_MANAGER = "/etc/beeyard/secrets/ci_admin_token"
_TIMEOUT = httpx.Timeout(10.0, read=60.0)


@dataclass(frozen=True)
class Api:
    """Asks the controller, at the cluster's way in, over verified TLS, with a token."""

    client: httpx.Client
    host: str
    base: httpx.URL

    def get(self, path: str, **params: Any) -> Any:
        """What is at a path, as JSON. Raises PipelineError, UnverifiedError."""
        return self._ask("GET", path, params=_given(params)).json()

    def post(self, path: str, body: object = None) -> Any:
        """Have something done; what came of it. Raises PipelineError, UnverifiedError."""
        return self._said(self._ask("POST", path, json=body))

    def put(self, path: str, body: object) -> Any:
        """Set something. Raises PipelineError, UnverifiedError."""
        return self._said(self._ask("PUT", path, json=body))

    def delete(self, path: str) -> Any:
        """Remove something. Raises PipelineError, UnverifiedError."""
        return self._said(self._ask("DELETE", path))

    @contextmanager
    def stream(self, path: str, **params: Any) -> Iterator[Iterator[bytes]]:
        """What is at a path, as it comes. Raises PipelineError, UnverifiedError."""
        request = self._request("GET", path, params=_given(params))
        request.extensions["timeout"] = httpx.Timeout(10.0, read=None).as_dict()
        with self._in_words():
            answer = self.client.send(request, stream=True)
            try:
                if not answer.is_success:
                    answer.read()
                    raise _refused(answer)
                yield answer.iter_bytes()
            finally:
                answer.close()

    def _ask(self, method: str, path: str, **what: Any) -> httpx.Response:
        with self._in_words():
            answer = self.client.send(self._request(method, path, **what))
        if not answer.is_success:
            raise _refused(answer)
        return answer

    def _request(self, method: str, path: str, **what: Any) -> httpx.Request:
        return self.client.build_request(
            method,
            self.base.join(path),
            headers={"Host": self.host},
            extensions={"sni_hostname": self.host.partition(":")[0], "timeout": _TIMEOUT.as_dict()},
            **what,
        )

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            raise UnverifiedError(
                f"{self.host} does not answer",
                why=str(error) or type(error).__name__,
                fix="see `beeyard status`: does ci_controller run?",
            ) from error

    @staticmethod
    def _said(answer: httpx.Response) -> Any:
        return answer.json() if answer.content else None


@contextmanager
def open_api(hosts: Hosts) -> Iterator[Api]:
    """The API of a cluster. Raises ConfigError where its file wants no pipelines."""
    cluster = hosts.cluster
    if not cluster.spec.runs_pipelines:
        raise ConfigError(
            "this cluster runs no pipelines",
            why="`ci` is not among `infrastructure` in beeyard.yml",
            fix="add it, then run `beeyard up`",
        )
    with api_of(cluster, hosts.outputs.ingress, token_of(hosts)) as api:
        yield api


@contextmanager
def api_of(cluster: Cluster, ingress: Ingress, token: Secret) -> Iterator[Api]:
    """The API at the first way in."""
    context = ssl.create_default_context(cadata=ingress.acme.root_certificate or None)
    port = f":{ingress.https_port}" if ingress.https_port != 443 else ""
    host = f"ci.{cluster.spec.domain}{port}"
    base = httpx.URL(f"https://{ingress.addresses[0]}:{ingress.https_port}")
    headers = {"Authorization": f"Bearer {token.reveal()}"}
    # The environment's proxies would not connect to that address.
    with httpx.Client(verify=context, trust_env=False, headers=headers) as client:
        yield Api(client, host, base)


def token_of(hosts: Hosts) -> Secret:
    """Who we are for the API: the operator's own token, else what whoever may sign in to the first
    manager finds there."""
    own = os.environ.get(TOKEN)
    if own:
        return Secret(own)
    try:
        found = hosts.manager.run(Command(["cat", _ON_MANAGER], timeout=30)).stdout.strip()
    except BeeyardError as error:
        raise PipelineError(
            "there is no token for the controller's API",
            why=f"{TOKEN} is empty, and the first manager gave none: {error.why or error.what}",
            fix=f"run `beeyard up`, or export {TOKEN}=…",
        ) from error
    return Secret(found)


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if value is not None}


def _refused(answer: httpx.Response) -> PipelineError:
    try:
        said = answer.json()
    except ValueError:
        said = {}
    what = said.get("what") or said.get("detail") or f"the controller said {answer.status_code}"
    return PipelineError(
        str(what), where=said.get("where"), why=said.get("why"), fix=said.get("fix")
    )
