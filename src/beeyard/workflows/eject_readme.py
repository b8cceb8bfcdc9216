"""The README of what `eject` writes: how to go on with the cluster by hand, in a page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from beeyard.cloud import Outputs, projects
from beeyard.config import ClusterSpec, ExternalRegistry
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
    parts = [
        *(_head(told), _terraform(told), _ansible(told), _stacks(told)),
        "\n".join(["## What beeyard did besides", "", *_besides(told), ""]),
        _NEWER,
    ]
    return "\n".join(parts)


def _head(told: Told) -> str:
    spec = told.spec
    return f"""\
# {spec.name}

A Docker Swarm on AWS ({spec.region}) with the domain {spec.domain}, as Terraform, Ansible and
Compose. Nothing here needs beeyard, which made it, and nothing here is secret.

| where | what | needs |
|---|---|---|
| `terraform` | network, nodes, files, database, names | Terraform or OpenTofu, 1.11 or newer |
| `ansible` | engine, Swarm, mounts, infrastructure services | `requirements.txt`, the SSH key |
| `stacks` | each application's Compose file, as it runs | Docker's command line on a manager |

Only one at a time may change a cluster. beeyard and this folder may take turns, if each is told
what the other has changed: beeyard by `beeyard.yml`, this folder by `beeyard eject` once more.
"""


def _terraform(told: Told) -> str:
    waves = projects.waves(told.spec)
    order = ", then ".join(" and ".join(f"`{name}`" for name in wave) for wave in waves)
    return f"""\
## Terraform

`terraform/projects` are applied in this order: {order}.
Taking down goes the other way round. In the folder of each:

```sh
terraform init -backend-config=backend.json
terraform plan     # of the cluster as it was ejected: no changes
terraform apply
```

The states are `PROJECT/terraform.tfstate` in the S3 bucket `{told.bucket}`,
and locked there. Variables are in `terraform.tfvars.json`.
{_world(told)}{_password(told)}"""


def _world(told: Told) -> str:
    if not told.rehearsed:
        return "Credentials come from your environment or AWS profile, as for every project.\n"
    return """
This is a rehearsal: `override.tf.json` beside each project names its API, which is there as long as
it runs. Before the commands above, in `terraform`: `. ./environment` (credentials that mean nothing
elsewhere, and where the provider comes from).
"""


def _password(told: Told) -> str:
    if told.outputs.database is None:
        return ""
    return """
`TF_VAR_initial_password` need not be set. Where a database is made anew, it is its administrator's
password; without it Terraform makes one up (`password_override.tf.json`). Either is in the state,
so set another through the API afterwards. Later changes of the variable are ignored.
"""


def _ansible(told: Told) -> str:
    secrets = "\n".join(_secrets(told))
    return f"""\
## Ansible

In `ansible`, and only there do `ansible.cfg`, `ssh_config` and `known_hosts` count:

```sh
python3 -m venv venv && . venv/bin/activate && pip install -r requirements.txt
ansible-galaxy collection install -r requirements.yml   # where you have ansible-core alone
ansible-playbook deploy.yml        # all; of the cluster as it was ejected: changed=0
ansible-playbook deploy_infra.yml  # or deploy_swarm, configure_efs, provision_apps
ssh -F ssh_config {told.outputs.managers[0].name}
```

The SSH key is not here. `ssh_config` expects it at
`{told.key}`: keep it, and change `IdentityFile` where you move it.
Settings are in `inventory/group_vars/nodes.yml`. After Terraform has changed nodes, change
`inventory/hosts.yml` and `ssh_config` (`HostKeyAlias` is the instance's ID) as well.

Passwords and secrets are in the Swarm and, for root alone, in `{_SECRETS}` on the first
manager: back that folder up. The playbooks make only those that are not there:

{secrets}
"""


def _secrets(told: Told) -> Iterator[str]:
    if told.asked_for:
        names = ", ".join(f"`{name}`" for name in told.asked_for)
        yield (
            f"- {names}: by the variable `{GIVEN}`, values by name, as from a file of\n"
            "  `ansible-vault create`: `ansible-playbook deploy.yml -J -e @secrets.yml`;"
        )
    if told.spec.ingress.dashboard_users:
        yield (
            f"- who may see the dashboards is in `{_SECRETS}/dashboard_users`. For others, and on\n"
            "  a new first manager, give `infra_stack_dashboard_users` (bcrypt hashes by user);"
        )
    if told.outputs.database is not None:
        name = told.outputs.database.identifier
        yield (
            "- an application's database needs its administrator's password, which nobody knows:\n"
            f"  `aws rds modify-db-instance --db-instance-identifier {name} --apply-immediately\n"
            "  --master-user-password …`, then give it as `app_files_database_password`;"
        )
    yield "- all others are generated on the manager."


def _stacks(told: Told) -> str:
    manager = told.outputs.managers[0].name
    releases = [f"`stacks/{name}` is release {number}" for name, number in told.releases.items()]
    return f"""\
## Applications

{", ".join(releases) or "None was deployed"}. On {manager}, as root (who is signed in to the
registry there), in an application's folder:

```sh
docker stack deploy --with-registry-auth -c stack.yml APPLICATION
```

`tar -C ../stacks -c APPLICATION | ssh -F ssh_config {manager} sudo tar -x -C /root`, run in
`ansible`, brings it there. Deployed as it is, no task is replaced. Images are named by digest;
secrets and configs are external, by their names in the Swarm. For another version build, push, and
put the image's digest into `stack.yml`; for another secret `docker secret create NAME.2 FILE`, and
put that name there.
"""


def _besides(told: Told) -> Iterator[str]:
    yield "| what | without it |"
    yield "|---|---|"
    yield (
        "| made the states' bucket: versioned, encrypted, private | it is there; "
        "for another cluster, `aws s3api create-bucket` |"
    )
    if told.outputs.database is not None:
        yield (
            "| set the database administrator's password through the API, so that no state holds "
            "it | `aws rds modify-db-instance`, as above |"
        )
    yield "| built images, pushed them | `docker build` and `docker push`, on a manager or in CI |"
    yield (
        "| kept releases as Docker configs, `beeyard.APPLICATION.N` | keep `stacks` in Git; the "
        "configs may be removed |"
    )
    yield (
        "| rolled out in waves, probed, undid what failed as a whole | `failure_action: rollback` "
        "in `stack.yml`, for each service by itself |"
    )
    if told.spec.runs_pipelines:
        yield (
            "| ran pipelines and the git remote: the stack `ci` is beeyard itself, in an image "
            "that only the nodes have | it runs on as it is; new nodes get the image by `docker "
            "save` and `docker load`. To do without, take `ci` out of `infra_stack_services` |"
        )
    registry = told.spec.registry
    if isinstance(registry, ExternalRegistry) and registry.ecr is not None:
        yield (
            "| renewed sign-ins to Amazon ECR, which end after 12 hours | `docker login` as root "
            "on the manager, then deploy again |"
        )


_NEWER = """\
## Newer versions

- Terraform's provider: `terraform init -upgrade -backend-config=backend.json`, then `plan`. Every
  AWS provider up to 6.x will do. `.terraform.lock.hcl` pins the one that was used, for the kind of
  machine that it was used on: on another kind, remove it first.
- Ansible: versions in `requirements.txt` and `requirements.yml`, then
  `ansible-playbook deploy.yml --check`.
- Infrastructure services: set `infra_stack_images` in `nodes.yml`, all of them as in
  `roles/infra_stack/defaults/main.yml`, then `ansible-playbook deploy_infra.yml`.
"""
