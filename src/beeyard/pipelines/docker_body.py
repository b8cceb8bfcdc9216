"""A step's container as the Docker engine is asked for it."""

from typing import Any

from beeyard.pipelines.model import Volume
from beeyard.pipelines.plan import STEP_LABEL, Bind, Job, JobStep
from beeyard.secret import Secret

#: What the engine keeps of a container's output, for whoever looks after a runner was killed.
_LOG = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "1"}}


def create_body(job: Job, step: JobStep) -> dict[str, Any]:
    """The body of `POST /containers/create`. Source: Docker Engine API 1.41, "Create a container".

    It holds secrets as they are.
    """
    body: dict[str, Any] = {
        "Image": step.image,
        "Env": [f"{name}={_plain(value)}" for name, value in step.environment.items()],
        "Labels": {**job.all_labels, STEP_LABEL: step.name},
        "HostConfig": _host_config(job, step),
    }
    optional = {
        "Entrypoint": list(step.entrypoint),
        "Cmd": list(step.command),
        "User": step.user,
        "WorkingDir": step.working_dir,
        "Hostname": step.hostname,
    }
    body |= {key: value for key, value in optional.items() if value}
    if not step.network_mode:
        endpoint = {"Aliases": [step.name]}
        body["NetworkingConfig"] = {"EndpointsConfig": {job.network: endpoint}}
    return body


def carrier_body(job: Job, image: str) -> dict[str, Any]:
    """The same for a container that is never started: through it, the workspace is filled."""
    return {
        "Image": image,
        "Cmd": ["-"],
        "Labels": {**job.all_labels, STEP_LABEL: ""},
        "HostConfig": {"NetworkMode": "none", "Mounts": [_workspace(job)]},
    }


def _host_config(job: Job, step: JobStep) -> dict[str, Any]:
    limits = step.limits
    config: dict[str, Any] = {
        "NetworkMode": step.network_mode or job.network,
        "Mounts": [_workspace(job), *_volumes(job, step)],
        "Binds": [*_host_paths(job, step), *(_bind(one) for one in step.binds)],
        "LogConfig": _LOG,
        "Init": step.init,
        "Privileged": step.privileged,
        # A privileged container has all that it could gain.
        "SecurityOpt": [] if step.privileged else ["no-new-privileges"],
        "Devices": [_device(one) for one in step.devices],
        "Dns": list(step.dns),
        "DnsSearch": list(step.dns_search),
        "ExtraHosts": list(step.extra_hosts),
    }
    optional = {
        "NanoCpus": round(limits.cpus * 1e9),
        "Memory": limits.memory,
        # Memory and swap together: so there is no swap.
        "MemorySwap": limits.memory,
        "PidsLimit": limits.pids,
        "ShmSize": step.shm_size,
        # No single file can outgrow the limit; many files can, and are watched.
        "Ulimits": [{"Name": "fsize", "Soft": job.disk, "Hard": job.disk}] if job.disk else [],
    }
    return config | {key: value for key, value in optional.items() if value}


def _workspace(job: Job) -> dict[str, Any]:
    if job.folder:
        return {"Type": "bind", "Source": job.folder, "Target": job.workspace}
    return {"Type": "volume", "Source": job.volume(), "Target": job.workspace}


def _volumes(job: Job, step: JobStep) -> list[dict[str, Any]]:
    return [
        _temporary(job, volume, mount.path)
        for mount in step.mounts
        for volume in job.volumes
        if volume.name == mount.name and volume.kind == "temp"
    ]


def _temporary(job: Job, volume: Volume, path: str) -> dict[str, Any]:
    """One in memory is each container's own. Source: docs.drone.io, "Temporary Volumes"."""
    if volume.medium == "memory":
        size = {"TmpfsOptions": {"SizeBytes": volume.size}} if volume.size else {}
        return {"Type": "tmpfs", "Target": path, **size}
    return {"Type": "volume", "Source": job.volume(volume.name), "Target": path}


def _host_paths(job: Job, step: JobStep) -> list[str]:
    """As binds, not mounts: where there is no such path yet, the engine makes a folder."""
    return [
        _bind(Bind(volume.path, mount.path))
        for mount in step.mounts
        for volume in job.volumes
        if volume.name == mount.name and volume.kind == "host"
    ]


def _bind(bind: Bind) -> str:
    return f"{bind.source}:{bind.path}:{'ro' if bind.read_only else 'rw'}"


def _device(device: Bind) -> dict[str, str]:
    rights = "r" if device.read_only else "rwm"
    return {
        "PathOnHost": device.source,
        "PathInContainer": device.path,
        "CgroupPermissions": rights,
    }


def _plain(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value
