"""The working copy of the Terraform tree: modules, projects, and each project's own values."""

import json
import shutil
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from beeyard.cloud.overrides import PROJECT_READS, backend_config, render_override
from beeyard.cloud.target import Target

#: Terraform's own configuration, beside the projects.
CLI_CONFIG = "terraform.rc"


def lay_out(
    folder: Path,
    variables: Mapping[str, Mapping[str, Any]],
    *,
    bucket: str,
    region: str,
    target: Target,
) -> dict[str, Path]:
    """Write modules and projects below `folder`; gives each project's folder by name (`homes`).

    Files whose content is the same are left alone, so that what Terraform keeps beside them holds.
    """
    with resources.as_file(resources.files("beeyard.cloud") / "terraform") as source:
        _mirror(source, folder)
    folders = homes(folder, variables)
    for project, values in variables.items():
        home = folders[project]
        _write(home / "terraform.tfvars.json", _json(values))
        _write(home / "backend.json", _json(backend_config(project, bucket, region)))
        if target.endpoint:
            reads, key = PROJECT_READS[project], target.environment.get("AWS_ACCESS_KEY_ID", "none")
            override = render_override(project, target.endpoint, region, reads, key)
            _write(home / "override.tf.json", _json(override))
        else:
            (home / "override.tf.json").unlink(missing_ok=True)
    return folders


def homes(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """Where the projects of these names lie below `folder`, once they are laid out."""
    return {name: folder / "projects" / name for name in names}


def set_variables(home: Path, values: Mapping[str, Any]) -> None:
    """Change some of a laid out project's variables; the next `lay_out` undoes it."""
    path = home / "terraform.tfvars.json"
    _write(path, _json({**json.loads(path.read_text()), **values}))


def cli_config(folder: Path, provider_mirror: Path | None) -> Path:
    """Terraform's own configuration: where providers come from, and where they are kept."""
    cache = folder / "plugin-cache"
    cache.mkdir(parents=True, exist_ok=True)
    text = mirrored(provider_mirror) if provider_mirror else ""
    if not text:
        # Shared by the projects: the AWS provider is several hundred megabytes. Without the second
        # line every project's first `init` would download it again, over the one in use.
        text = f'plugin_cache_dir = "{cache}"\nplugin_cache_may_break_dependency_lock_file = true\n'
    path = folder / CLI_CONFIG
    _write(path, text)
    return path


def mirrored(provider_mirror: Path) -> str:
    """A configuration by which Terraform has its providers from a folder, and nowhere else."""
    return (
        "provider_installation {\n"
        f'  filesystem_mirror {{\n    path = "{provider_mirror}"\n  }}\n'
        "}\n"
    )


def _mirror(source: Path, folder: Path) -> None:
    """Copy the tree; remove `.tf` files that an older version left."""
    wanted = set()
    for path in source.rglob("*"):
        if path.is_file() and ".terraform" not in path.parts:
            relative = path.relative_to(source)
            wanted.add(relative)
            _write(folder / relative, path.read_text())
    for path in folder.rglob("*.tf"):
        if ".terraform" not in path.parts and path.relative_to(folder) not in wanted:
            path.unlink()


def _write(path: Path, text: str) -> None:
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def remove(folder: Path, but: str | None = None) -> None:
    """Forget the working copy; files whose names begin with `but` stay."""
    if but is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif not path.name.startswith(but):
            path.unlink(missing_ok=True)
