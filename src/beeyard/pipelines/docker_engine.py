"""Jobs on a Docker engine, by the Docker SDK. Source: Docker Engine API 1.41."""

import io
import tarfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from docker import DockerClient
from docker.errors import ImageNotFound

from beeyard.pipelines.cancel import Cancel
from beeyard.pipelines.docker_body import carrier_body, create_body
from beeyard.pipelines.docker_container import DockerContainer
from beeyard.pipelines.docker_images import Images
from beeyard.pipelines.docker_leftovers import remove_all
from beeyard.pipelines.docker_words import ANSWER, CONNECT, check, in_words
from beeyard.pipelines.engine import EngineGone, StepError, Usage, Write
from beeyard.pipelines.plan import LABEL, STEP_LABEL, Job, JobStep

#: An image without a file. Made once on each engine, and left there: it takes no space.
CARRIER = "beeyard/empty:1"
# Source: docs.docker.com, "Bridge network driver", "Options".
_BRIDGE_NAME = "com.docker.network.bridge.name"
# The first version of the API in which one can ask for the space of some kinds of things only.
_BY_KIND = (1, 42)


class DockerEngine:
    """An `Engine`. The client's own time limit does not count for what may take long."""

    def __init__(self, client: DockerClient) -> None:
        self._api: Any = client.api
        self._images = Images(client.api)

    def set_up(self, job: Job) -> None:
        with in_words("the pipeline's network and volumes could not be made"):
            self._api.create_network(
                job.network,
                driver="bridge",
                options={_BRIDGE_NAME: job.bridge},
                labels=job.all_labels,
            )
            names = [
                job.volume(one.name)
                for one in job.volumes
                if one.kind == "temp" and one.medium != "memory"
            ]
            for name in (*([] if job.folder else [job.volume()]), *names):
                self._api.create_volume(name, labels=job.all_labels)

    def fill(self, job: Job, archive: Iterable[bytes]) -> None:
        with in_words("the workspace could not be filled"):
            self._see_to_carrier()
            body = carrier_body(job, CARRIER)
            made = self._api.create_container_from_config(body, f"{job.network}-workspace")
            carrier = DockerContainer(self._api, made["Id"], "workspace", lambda _: None)
            try:
                self._unpack(made["Id"], job.workspace, archive)
            finally:
                carrier.remove()

    def fetch(self, job: Job, step: JobStep, say: Callable[[str], None], cancel: Cancel) -> None:
        self._images.fetch(job, step, say, cancel)

    def start(self, job: Job, step: JobStep, write: Write) -> DockerContainer:
        with in_words("its container could not be made", step.name):
            made = self._api.create_container_from_config(
                create_body(job, step), job.container(step.name)
            )
        container = DockerContainer(self._api, made["Id"], step.name, write)
        try:
            container.start()
        except BaseException:
            with suppress(StepError, EngineGone):
                container.remove()
            raise
        return container

    def usage(self, job: Job) -> Usage | None:
        try:
            with in_words("the engine did not say how much space is used"):
                said = self._disk_usage()
        except StepError:
            # It is at it for somebody else.
            return None
        steps = {
            one["Labels"][STEP_LABEL]: one.get("SizeRw") or 0
            for one in said.get("Containers") or []
            if _is_of(job, one) and one["Labels"].get(STEP_LABEL)
        }
        # A volume that it could not measure has -1.
        volumes = [
            max(0, (one.get("UsageData") or {}).get("Size", 0))
            for one in said.get("Volumes") or []
            if _is_of(job, one)
        ]
        return Usage(steps, sum(volumes))

    def tear_down(self, job: Job) -> None:
        remove_all(self._api, {LABEL: job.id}, lambda _: False)

    def sweep(
        self,
        labels: Mapping[str, str],
        spare: Callable[[Mapping[str, str]], bool] = lambda _: False,
    ) -> int:
        return remove_all(self._api, labels, spare)

    def _see_to_carrier(self) -> None:
        try:
            self._api.inspect_image(CARRIER)
        except ImageNotFound:
            empty = io.BytesIO()
            tarfile.open(fileobj=empty, mode="w").close()
            repository, _, tag = CARRIER.partition(":")
            self._api.import_image_from_data(empty.getvalue(), repository=repository, tag=tag)

    def _unpack(self, container: str, path: str, archive: Iterable[bytes]) -> None:
        """Source: Docker Engine API, "Extract an archive of files or folders"."""
        api = self._api
        answer = api.put(
            f"{api.base_url}/v{api.api_version}/containers/{container}/archive",
            params={"path": path},
            data=iter(archive),
            timeout=(CONNECT, None),
        )
        check(answer)

    def _disk_usage(self) -> dict[str, Any]:
        api = self._api
        version = tuple(int(part) for part in str(api.api_version).split("."))
        answer = api.get(
            f"{api.base_url}/v{api.api_version}/system/df",
            params={"type": ["container", "volume"]} if version >= _BY_KIND else {},
            timeout=(CONNECT, ANSWER),
        )
        check(answer)
        said: dict[str, Any] = answer.json()
        return said


def _is_of(job: Job, thing: Mapping[str, Any]) -> bool:
    return bool((thing.get("Labels") or {}).get(LABEL) == job.id)
