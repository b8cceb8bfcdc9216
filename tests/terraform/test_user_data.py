"""The script of a node's first boot."""

import getpass
import stat
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

TEMPLATE = "terraform/modules/swarm_cluster/templates/user_data.sh.tftpl"


@pytest.fixture
def script() -> str:
    template = (resources.files("beeyard.cloud") / TEMPLATE).read_text()
    text = template.replace("${node}", "worker-3").replace("${ssh_user}", "admin")
    text = text.replace("${keys}", "")
    assert "${" not in text
    assert "%{" not in text
    return text


def test_shellcheck(script: str, tmp_path: Path) -> None:
    path = tmp_path / "user_data.sh"
    path.write_text(script)
    shellcheck = Path(sys.executable).with_name("shellcheck")
    found = subprocess.run([shellcheck, path], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_names_the_host(script: str, tmp_path: Path) -> None:
    """Run it, with its files below a folder and `hostname` recorded instead of obeyed."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text("127.0.0.1 localhost\n")
    fake = tmp_path / "hostname"
    fake.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/kernel\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    text = script.replace("/etc/", f"{tmp_path}/etc/")

    subprocess.run(["/bin/sh"], input=text, text=True, check=True, env={"PATH": f"{tmp_path}:/bin"})

    assert (tmp_path / "etc/hostname").read_text() == "worker-3\n"
    assert (tmp_path / "kernel").read_text() == "worker-3"
    assert (tmp_path / "etc/hosts").read_text() == "127.0.0.1 localhost\n127.0.1.1 worker-3\n"
    settings = (tmp_path / "etc/cloud/cloud.cfg.d/99-beeyard.cfg").read_text()
    assert settings == "preserve_hostname: true\nmanage_etc_hosts: false\n"


def test_the_operators_keys_come_in(script: str, tmp_path: Path) -> None:
    """The same, with a user of the test's own, who is whoever runs it."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "hostname").write_text("#!/bin/sh\n")
    (tmp_path / "getent").write_text(f"#!/bin/sh\necho u:x:0:0::{tmp_path}/home:/bin/sh\n")
    for fake in ("hostname", "getent"):
        (tmp_path / fake).chmod(0o755)
    text = script.replace("/etc/", f"{tmp_path}/etc/").replace("admin", getpass.getuser())
    keys = "ssh-ed25519 AAAA it's alice\nssh-ed25519 BBBB $(bob)"
    text = text.replace("<<'KEYS'\n", f"<<'KEYS'\n{keys}")

    subprocess.run(
        ["/bin/sh"], input=text, text=True, check=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}
    )

    written = tmp_path / "home/.ssh/authorized_keys"
    assert written.read_text() == f"{keys}\n"
    assert written.stat().st_mode & 0o777 == 0o600
