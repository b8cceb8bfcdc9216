"""The cloud's part of the workflows: bucket, projects, outputs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from beeyard.cloud import Outputs, backup_vault, projects, state_bucket, terraform_binary
from beeyard.cloud.api import Account
from beeyard.cloud.converge import apply_all, destroy_all, foresee_all, plan_all
from beeyard.cloud.nodes import PROJECT
from beeyard.cloud.read import read
from beeyard.cloud.terraform import Plan, Terraform
from beeyard.cloud.workspace import homes, lay_out, set_variables
from beeyard.config import root_certificate
from beeyard.errors import BeeyardError, CloudError, ConfigError
from beeyard.secret import Secret
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.consent import Consent
from beeyard.workflows.operators import launch_key
from beeyard.workflows.progress import Phase

#: How many waves of projects the nodes need: addresses, then the network and the nodes themselves.
NODES = 2


@dataclass(frozen=True)
class Cloud:
    """The cloud side of one cluster: to read, and, once it is laid out, to plan, apply and destroy.

    aside   laid out in folders of its own: to look, where somebody may be at work in the others
    launch  the public key that new nodes are to boot with, where not the one that they do
    """

    cluster: Cluster
    account: Account
    bucket: str
    terraform: Terraform
    aside: bool = False
    launch: str | None = None

    @property
    def folders(self) -> dict[str, Path]:
        """Each project's, by its name, in the order in which they are made."""
        return homes(self._home, projects.wanted(self.cluster.spec))

    @property
    def _home(self) -> Path:
        return (
            self.cluster.folder / "terraform-aside" if self.aside else self.cluster.terraform_folder
        )

    def lay_out(self) -> None:
        """Write the projects, and what the file says of them. Not `aside`, only for who holds the
        cluster's lock: another may be at work with what an earlier file said."""
        cluster = self.cluster
        context = projects.Context(
            state_bucket=self.bucket,
            ssh_public_key=self.launch or launch_key(cluster, self.bucket),
            operator=cluster.target.operator,
        )
        lay_out(
            self._home,
            projects.variables(cluster.spec, context),
            bucket=self.bucket,
            region=cluster.spec.region,
            target=cluster.target,
        )

    @property
    def waves(self) -> tuple[tuple[str, ...], ...]:
        return projects.waves(self.cluster.spec)

    def has_bucket(self) -> bool:
        return state_bucket.exists(self.cluster.aws, self.bucket)

    def stateful(self) -> tuple[str, ...]:
        """The projects that have been applied at some time.

        Raises ConfigError if the file no longer describes one of them: nothing would ever change
        or remove what it made.
        """
        found = tuple(self._outputs(projects.ALL))
        left = [name for name in found if name not in self.folders]
        if left:
            sections = ", ".join(f"`{name}:`" for name in left)
            raise ConfigError(
                f"the cluster has what beeyard.yml no longer names: {', '.join(left)}",
                why=f"there is a Terraform state, but no section {sections}",
                fix=f"put {sections} back; to do without: beeyard down, remove it, beeyard up",
            )
        return found

    def plan(self, phase: Phase, projects: Sequence[str] | None = None) -> dict[str, Plan]:
        """What these projects (None: all) would change, which have been applied before."""
        folders = {name: self.folders[name] for name in projects or self.folders}
        return plan_all(self.terraform, folders, _sayer(phase))

    def foresee(self, phase: Phase, projects: Sequence[str]) -> dict[str, Plan | BeeyardError]:
        """What each of these projects, which have been applied before, would change, or why that
        can't be said. Keeps nobody from changing them meanwhile."""
        folders = {name: self.folders[name] for name in projects}
        return foresee_all(self.terraform, folders, _sayer(phase))

    def apply(
        self, phase: Phase, waves: Sequence[Sequence[str]], consent: Consent | None = None
    ) -> dict[str, Plan]:
        """Bring the projects of these waves to what their variables say; gives what was done.

        consent  is needed for what would be destroyed, if it was not given before
        """
        state_bucket.ensure(self.cluster.aws, self.bucket)
        if self.cluster.spec.backups.aws_backup_days:
            backup_vault.ensure(self.cluster.aws, backup_vault.name(self.cluster.spec.name))
        asked = consent.to_losses if consent else None
        return apply_all(self.terraform, self.folders, waves, _sayer(phase), asked)

    def apply_only(self, what: str, only: Sequence[str], replace: str = "") -> None:
        """Apply what concerns these resources of the nodes' project, as a phase of its own.

        replace  the address of one that is to be made anew, whatever it is like

        The state is brought up to date in any case: a run that was killed may have applied as much.
        """
        with self.cluster.progress.phase(f"cloud: {what}") as phase:
            folder = self.folders[PROJECT]
            self.terraform.init(folder)
            plan = self.terraform.plan(folder, only=only, replace=replace)
            if plan.pending:
                self.terraform.apply(folder, on_line=phase.say)
            self.terraform.refresh(folder)
            phase.result = str(plan)

    def refresh(self) -> None:
        """Bring the state of the nodes' project to what is there, addresses included."""
        self.terraform.init(self.folders[PROJECT])
        self.terraform.refresh(self.folders[PROJECT])

    def outputs(self, projects: Sequence[str] | None = None) -> Outputs:
        """What the cloud gave, as far as these projects go (None: all that the file wants).

        Raises CloudError where there is nothing yet.
        """
        return outputs_of(self.cluster, self.bucket, tuple(projects or self.folders))

    def present(self) -> Outputs:
        """The same, as far as the projects have been applied."""
        return self.outputs(self.stateful())

    def managers(self) -> tuple[str, ...]:
        """The names of the managers that are there. Raises CloudError where there is no node."""
        return tuple(node.name for node in self._nodes().managers)

    def workers(self) -> tuple[str, ...]:
        """The names of the workers that are there. Raises CloudError where there is no node."""
        return tuple(node.name for node in self._nodes().workers)

    def _nodes(self) -> Outputs:
        return self.outputs([name for wave in self.waves[:NODES] for name in wave])

    def _outputs(self, projects: Sequence[str]) -> dict[str, dict[str, Any]]:
        if not self.has_bucket():
            return {}
        return state_bucket.outputs(self.cluster.aws, self.bucket, projects)

    def destroy(self, phase: Phase, *, final_snapshot: bool) -> None:
        """Destroy every project that has a state, last made first."""
        folders = {name: self.folders[name] for name in self.stateful()}
        if "database" in folders:
            self._say_farewell(folders["database"], final_snapshot=final_snapshot)
        destroy_all(self.terraform, folders, self.waves, _sayer(phase))

    def _say_farewell(self, folder: Path, *, final_snapshot: bool) -> None:
        """Whether RDS takes a last snapshot, and by which name, are settings of the instance, so
        they go first. By a name that no earlier one has: an instance that Terraform made anew, as
        its making had been cut off, has left one."""
        stamp = datetime.now(UTC).strftime("-%Y%m%dt%H%M%S") if final_snapshot else ""
        set_variables(folder, {"final_snapshot": final_snapshot, "final_snapshot_stamp": stamp})
        self.terraform.init(folder)
        if self.terraform.plan(folder).pending:
            self.terraform.apply(folder)


def bucket_of(cluster: Cluster) -> str:
    """The name of the cluster's state bucket, whether it is there or not."""
    return state_bucket.name(cluster.spec.name, cluster.account, cluster.spec.region)


def read_outputs(cluster: Cluster) -> Outputs:
    """What the cloud gave, by its states alone. Raises CloudError where there is nothing yet."""
    return outputs_of(cluster, bucket_of(cluster), projects.wanted(cluster.spec))


def outputs_of(cluster: Cluster, bucket: str, wanted: Sequence[str]) -> Outputs:
    """What the cloud gave, as far as these projects go. Raises CloudError if one has no state, and
    ConfigError if the authority's root is named and can't be read."""
    found = (
        state_bucket.outputs(cluster.aws, bucket, wanted)
        if state_bucket.exists(cluster.aws, bucket)
        else {}
    )
    missing = set(wanted) - set(found)
    if missing:
        raise CloudError(
            f"there is no cluster `{cluster.spec.name}` yet",
            why=f"no Terraform state of: {', '.join(sorted(missing))}",
            fix="make it: beeyard up",
        )
    root = _root(cluster)
    return read(cluster.spec, cluster.target, found, root_certificate=root, bucket=bucket)


def _root(cluster: Cluster) -> str:
    """The root of the authority in the file (PEM), where the target has no authority of its own.

    Raises ConfigError where its file is of no use."""
    return "" if cluster.target.acme else root_certificate(cluster.spec.ingress.acme, cluster.base)


def open_cloud(cluster: Cluster, *, aside: bool = False, launch: str | None = None) -> Cloud:
    """Find out who we are, and find Terraform. The projects are not laid out yet (`alone` does)."""
    account, bucket = cluster.account, bucket_of(cluster)
    terraform = Terraform(
        cluster.runner,
        terraform_binary.find(cluster.runner),
        {
            **cluster.terraform_environment(),
            # A throwaway: the real one is set through the API before the database is first used.
            "TF_VAR_initial_password": Secret.generate().reveal(),
        },
    )
    return Cloud(cluster, account, bucket, terraform, aside, launch)


def summary(plans: Mapping[str, Plan]) -> str:
    """What is, or was, to be done, in a line."""
    changed = [f"{project}: {plan}" for project, plan in plans.items() if plan.pending]
    return "; ".join(changed) or "no changes"


def _sayer(phase: Phase) -> Callable[[str, str], None]:
    def say(project: str, text: str) -> None:
        phase.say(f"{project}: {text}")

    return say
