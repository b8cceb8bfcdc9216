"""The README of what `eject` writes: how to go on with the cluster by hand, in a page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from beeyard.cloud import Outputs, projects
from beeyard.config import ClusterSpec
from beeyard.provision.plain import GIVEN

_SECRETS = "/etc/beeyard/secrets"


@dataclass(frozen=True)
class Told:
    """What it tells of.

    bucket        holds Terraform's states
    key           the operator's SSH key, which stays where it is
    releases      by application: the release that was written
    asked_for     secrets whose values are the operator's own
    rehearsed     whether the API is another than AWS's
    """

    spec: ClusterSpec
    outputs: Outputs
    bucket: str
    key: Path
    releases: Mapping[str, int]
    asked_for: Sequence[str]
    rehearsed: bool


def readme(told: Told) -> str:
    """The text, as Markdown."""
    parts = [_head(told), _terraform(told), _ansible(told), _stacks(told), _without(told)]
    return "\n".join([*parts, _newer()])


def _head(told: Told) -> str:
    spec = told.spec
    return f"""\
# {spec.name}

A Docker Swarm on AWS ({spec.region}) with the domain {spec.domain}, as Terraform, Ansible and Compose. Nothing here needs beeyard,
which made it, and nothing here is secret.

| where | what | needs |
|---|---|---|
| `terraform` | network, nodes, shared files, database, names: a project each, over modules | Terraform or OpenTofu, 1.11 or newer |
| `ansible` | engine, Swarm, shared files, infrastructure services, what applications need | `requirements.txt`, `requirements.yml`, the SSH key |
| `stacks` | each application's Compose file, as its release that serves | Docker's command line on a manager |

Only one at a time may change a cluster. beeyard and this folder may, in turns; each has to know what the other has changed.
"""


def _terraform(told: Told) -> str:
    waves = projects.waves(told.spec)
    order = "; then ".join(" and ".join(f"`{name}`" for name in wave) for wave in waves)
    lines = [
        "## Terraform",
        "",
        f"In this order: {order}. Taking down goes the other way round. In the folder of each, `terraform/projects/PROJECT`:",
        "",
        "```sh",
        "terraform init -backend-config=backend.json",
        "terraform plan     # of the cluster as it was ejected: no changes",
        "terraform apply",
        "```",
        "",
        f"The states are in the S3 bucket `{told.bucket}`, `PROJECT/terraform.tfstate`, and locked there. It is versioned, encrypted and",
        "private; beeyard made it, and no project does. Variables are in `terraform.tfvars.json`.",
        "",
        *_world(told),
        *_password(told),
    ]
    return "\n".join(lines)


def _world(told: Told) -> Iterator[str]:
    if told.rehearsed:
        yield "This is a rehearsal: `override.tf.json` beside each project names its API, which is there as long as it runs. In `terraform`,"
        yield "before the commands above: `. ./environment` (credentials that mean nothing elsewhere, and where the provider comes from)."
    else:
        yield "Credentials come from the environment or your AWS profile, as for every other Terraform project."
    yield ""


def _password(told: Told) -> Iterator[str]:
    database = told.outputs.database
    if database is None:
        return
    yield "`TF_VAR_initial_password` need not be set. Where a database is made anew, it is its administrator's password; if it is not set,"
    yield "Terraform makes one up (`password_override.tf.json`). Either is in the state, so set another through the API afterwards. Later"
    yield "changes of the variable are ignored."
    yield ""


def _ansible(told: Told) -> str:
    lines = [
        "## Ansible",
        "",
        "In `ansible`, for `ansible.cfg`, `ssh_config` and `known_hosts` count there:",
        "",
        "```sh",
        "python3 -m venv venv && . venv/bin/activate && pip install -r requirements.txt",
        "ansible-galaxy collection install -r requirements.yml   # if you have ansible-core alone",
        "ansible-playbook deploy.yml            # all of it; on the cluster as it was ejected: changed=0",
        "ansible-playbook deploy_infra.yml      # a part: deploy_swarm, configure_efs, deploy_infra, provision_apps",
        f"ssh -F ssh_config {told.outputs.managers[0].name}",
        "```",
        "",
        f"The SSH key is not here. `ssh_config` expects it at `{told.key}`: keep it, and change `IdentityFile` where you move it. Nodes are in",
        "`inventory/hosts.yml`, all settings in `inventory/group_vars/nodes.yml`; addresses are Terraform's outputs, so after a change of",
        "nodes, change `hosts.yml` and `ssh_config` (`HostKeyAlias` is the instance's ID). Infrastructure services are stacks that the role",
        "`infra_stack` deploys where they are not as they are defined.",
        "",
        f"Passwords and secrets are in the Swarm and, for root alone, in `{_SECRETS}` on the first manager: back that folder up. They stay",
        "there, and the playbooks make only those that the Swarm lacks:",
        "",
        *_asked(told),
    ]
    return "\n".join(lines)


def _asked(told: Told) -> Iterator[str]:
    if told.asked_for:
        names = ", ".join(f"`{name}`" for name in told.asked_for)
        yield f"- {names}: by the variable `{GIVEN}`, a mapping of names to values, as from a file of `ansible-vault create`:"
        yield "  `ansible-playbook deploy.yml --ask-vault-pass -e @secrets.yml`;"
    if told.spec.ingress.dashboard_users:
        yield f"- who may see the dashboards: as in `{_SECRETS}/dashboard_users`. For others, or on a new first manager, give"
        yield "  `infra_stack_dashboard_users` the same way (bcrypt hashes by user);"
    if told.outputs.database is not None:
        identifier = told.outputs.database.identifier
        yield "- an application's database: needs the administrator's password, which nobody knows. Set a new one, and give it the same way as"
        yield "  `app_files_database_password`:"
        yield f"  `aws rds modify-db-instance --db-instance-identifier {identifier} --apply-immediately --master-user-password …`;"
    yield "- all others are generated on the manager."
    yield ""


def _stacks(told: Told) -> str:
    manager = told.outputs.managers[0].name
    lines = [
        "## Applications",
        "",
        "| application | release |",
        "|---|---|",
        *(f"| `stacks/{name}` | {number} |" for name, number in told.releases.items()),
        "",
        "On a manager, as root (who is signed in to the registry there), in the application's folder:",
        "",
        "```sh",
        "docker stack deploy --with-registry-auth --resolve-image never -c stack.yml APPLICATION",
        "```",
        "",
        f"To bring it there, in `ansible`: `tar -C ../stacks -c APPLICATION | ssh -F ssh_config {manager} sudo tar -x -C /root`.",
        "",
        "Images are named by digest; secrets and configs are external, by the names of their versions in the Swarm. Deployed as it is, no",
        "task is replaced; without `--resolve-image never`, Docker notes the image's platforms, and replaces all once.",
        "For another version: build and push the image, put its digest into `stack.yml`, deploy. For another secret:",
        "`docker secret create NAME.2 FILE`, and that name in `stack.yml`.",
        "",
    ]
    return "\n".join(lines)


def _without(told: Told) -> str:
    lines = [
        "## What beeyard did besides",
        "",
        "| what | without it |",
        "|---|---|",
        f"| made the state's bucket | it is there; for another cluster: `aws s3api create-bucket`, versioned, private |",
        "| built images on a manager, pushed them | `docker build`, `docker push`: in a pipeline, or on a manager |",
        "| kept releases and verdicts as Docker configs (`beeyard.APPLICATION.N`), locked rollouts | keep `stacks` in Git; the configs may be removed |",
        "| rolled out in waves, probed, undid what failed | `update_config.failure_action: rollback` in `stack.yml`, service by service |",
        *_controller(told),
        *_ecr(told),
        "",
    ]
    if told.outputs.database is not None:
        lines.insert(
            5,
            "| set the database administrator's password through the API, so that no state holds it | `aws rds modify-db-instance`, as above |",
        )
    return "\n".join(lines)


def _controller(told: Told) -> Iterator[str]:
    if told.spec.runs_pipelines:
        yield "| ran pipelines and the git remote: the stack `ci` is beeyard, in an image that only the nodes have | it runs on as it is; a node that is new lacks the image (`docker save`, `docker load`). To do without, take `ci` out of `infra_stack_services`, and another CI instead |"


def _ecr(told: Told) -> Iterator[str]:
    registry = getattr(told.spec.registry, "ecr", None)
    if registry is not None:
        yield "| renewed sign-ins to Amazon ECR before they ended | `aws ecr get-login-password`, `docker login` as root on the manager, deploy again: twice a day |"


def _newer() -> str:
    return """\
## Newer versions

- Terraform's provider: `terraform init -upgrade -backend-config=backend.json`, then `plan`. Every AWS provider up to 6.x will do. A
  `.terraform.lock.hcl` pins the version that was used, for the kind of machine that it was used on: on another kind, remove it first.
- Ansible: the versions in `requirements.txt` and `requirements.yml`, then `ansible-playbook deploy.yml --check`.
- Infrastructure services: `infra_stack_images` in `nodes.yml` (the names are in `roles/infra_stack/defaults/main.yml`), then
  `ansible-playbook deploy_infra.yml`.
"""
