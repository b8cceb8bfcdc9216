"""`eject`: a cluster that exists as plain Terraform, Ansible and Compose. It changes nothing there.

What is written needs no beeyard, and holds no secret.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from beeyard.apps.plain import plain_files
from beeyard.apps.release import Release
from beeyard.apps.releases import Releases, applications, current, unfinished
from beeyard.apps.sight import replicas_of
from beeyard.cloud import plain as terraform
from beeyard.cloud import projects
from beeyard.errors import Refused, ToolError
from beeyard.inventory import Inventory
from beeyard.provision import plain as ansible
from beeyard.swarm import Manager, Snapshot
from beeyard.workflows.cloud import bucket_of, read_outputs
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.eject_readme import Told, readme
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.operators import launch_key, own_key
from beeyard.workflows.progress import Phase
from beeyard.workflows.schedule import hosts_to_play

# Where Docker's command line keeps the name by which an image was asked for.
_ASKED_FOR = "com.docker.stack.image"


@dataclass(frozen=True)
class Ejected:
    """What was written below `folder`: the Terraform projects in the order of being applied,
    the release of each application, and the paths of all files. `skipped`: applications of which
    nothing was written, and why."""

    folder: str
    projects: tuple[str, ...]
    applications: Mapping[str, int]
    skipped: Mapping[str, str]
    files: tuple[str, ...]


@dataclass(frozen=True)
class _Seen:
    """What the Swarm holds and runs."""

    snapshot: Snapshot
    releases: Mapping[str, Release]
    skipped: Mapping[str, str]


def eject(cluster: Cluster, folder: Path) -> Ejected:
    """Write all of the cluster into `folder`: the whole, or nothing.

    Raises Refused where something is there already, CloudError where there is no cluster, and
    ConfigError where its SSH key is not on this machine.
    """
    folder = folder.absolute()
    _refuse_used(folder)
    with cluster.progress.phase("cloud") as phase:
        own_key(cluster)
        bucket = bucket_of(cluster)
        # With another than it has, Terraform would make the key pair anew.
        key = launch_key(cluster, bucket)
        hosts = hosts_to_play(cluster, read_outputs(cluster))
        phase.result = f"{len(hosts.outputs.nodes)} nodes"
    with cluster.progress.phase("applications") as phase, hosts.swarm() as manager:
        seen = _look(manager, phase)
        phase.result = ", ".join(f"{n} {one.number}" for n, one in seen.releases.items()) or "none"
    with cluster.progress.phase("files") as phase, _whole(folder) as inside:
        _write(inside, hosts, seen, bucket, projects.Context(bucket, key, cluster.target.operator))
        files = sorted(str(f.relative_to(inside)) for f in inside.rglob("*") if f.is_file())
        phase.result = f"{len(files)} in {folder}"
    return Ejected(
        str(folder),
        projects.wanted(cluster.spec),
        {name: release.number for name, release in seen.releases.items()},
        seen.skipped,
        tuple(files),
    )


def _look(manager: Manager, phase: Phase) -> _Seen:
    releases: dict[str, Release] = {}
    skipped: dict[str, str] = {}
    for name in applications(manager.client):
        entries = Releases(manager.client, name).all()
        serving = current(entries)
        if serving is None:
            skipped[name] = "none of its releases has succeeded"
            continue
        releases[name] = serving.release
        ahead = unfinished(entries)
        if ahead is not None:
            phase.say(
                f"warning: {name}: the rollout of release {ahead.number} has not ended; "
                f"what is written is release {serving.number}"
            )
    return _Seen(manager.snapshot(), releases, skipped)


def _write(folder: Path, hosts: Hosts, seen: _Seen, bucket: str, context: projects.Context) -> None:
    cluster = hosts.cluster
    terraform.lay_out_plain(
        folder / "terraform",
        projects.variables(cluster.spec, context),
        cluster.terraform_folder,
        bucket=bucket,
        region=cluster.spec.region,
        target=cluster.target,
    )
    ansible.lay_out_plain(_as_it_runs(hosts.inventory, seen.snapshot), folder / "ansible")
    for name, release in seen.releases.items():
        files = plain_files(release, replicas_of(seen.snapshot, name))
        for path, text in files.items():
            _put(folder / "stacks" / name, path, text)
    told = Told(
        cluster.spec,
        hosts.outputs,
        bucket,
        hosts.inventory.ssh.key,
        {name: release.number for name, release in seen.releases.items()},
        ansible.asked_for(hosts.inventory.variables),
        rehearsed=cluster.target.endpoint is not None,
    )
    (folder / "README.md").write_text(readme(told))


def _as_it_runs(inventory: Inventory, snapshot: Snapshot) -> Inventory:
    """The inventory with the controller's image that runs: that of this beeyard may be another,
    which no node has."""
    running = {service.name: service for service in snapshot.services}
    controller, told = running.get("ci_controller"), inventory.variables["infra_stack_ci"]
    if controller is None or not told:
        return inventory
    image = controller.labels.get(_ASKED_FOR, controller.image)
    return replace(
        inventory, variables={**inventory.variables, "infra_stack_ci": {**told, "image": image}}
    )


def _put(folder: Path, name: str, text: str) -> None:
    """Write a file that a stack file names. Raises Refused where it would lie elsewhere."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise Refused(f"a release names the file `{name}`, which is not below its folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _refuse_used(folder: Path) -> None:
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise Refused(
            f"{folder} is there already",
            why="what is written has to be whole, and nothing of yours may be lost",
            fix="name a folder that is not there, or is empty",
        )
    if folder.resolve() == Path.cwd().resolve():
        # It is made beside, and put in its place: whoever stands there would stand nowhere.
        raise Refused(f"{folder} is where you are", fix="name a folder that is not there")


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder that takes the place of `folder` at the end; where that fails, nothing is left."""
    target = folder.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        inside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            yield inside
            # It is meant to be handed over.
            inside.chmod(0o755)
            inside.rename(target)
        except BaseException:
            shutil.rmtree(inside, ignore_errors=True)
            raise
    except OSError as error:
        raise ToolError(
            f"{folder} can't be written",
            why=str(error),
            fix="name a folder that you may write to",
        ) from error
