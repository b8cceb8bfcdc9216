"""The files that beeyard.yml and the stack files name."""

from collections.abc import Iterator

from beeyard.config.check.finding import Finding
from beeyard.config.check.project import Project, Stack, section, sequence
from beeyard.config.document import shown


def ssh_key(project: Project) -> Iterator[Finding]:
    """The operator's key, where one is named, with its public key beside it."""
    private, public = (
        project.spec.ssh.private_key(project.base),
        project.spec.ssh.public_key(project.base),
    )
    if private is None or public is None:
        return
    if not private.is_file():
        yield project.finding(
            "error",
            ("ssh", "key"),
            f"there is no file {shown(private)}",
            f"Make the key: `ssh-keygen -t ed25519 -f {private}`; or leave `key` out, and beeyard "
            "makes one for the cluster.",
        )
    elif not public.is_file():
        yield project.finding(
            "error",
            ("ssh", "key"),
            f"its public key {shown(public)} is missing",
            f"Make it from the private one: `ssh-keygen -y -f {private} > {public}`.",
        )


def secret_sources(project: Project) -> Iterator[Finding]:
    """The files and variables that secrets come from."""
    for name, application in project.spec.applications.items():
        for secret, source in application.secrets.items():
            loc = ("applications", name, "secrets", secret)
            if source.kind == "file" and not source.path(project.base).is_file():
                yield project.finding(
                    "error",
                    loc,
                    f"there is no file {shown(source.path(project.base))}",
                    "Write the secret there, or let beeyard make one: `generate`.",
                )
            if (
                source.kind == "env"
                and project.environ is not None
                and not project.environ.get(source.name)
            ):
                yield project.finding(
                    "warning",
                    loc,
                    f"the environment variable {source.name} is not set here",
                    f"Set {source.name} before `beeyard up` or `beeyard deploy {name}`.",
                )


def registry_login(project: Project) -> Iterator[Finding]:
    """The variables that hold the external registry's user and password."""
    registry = project.spec.registry
    if registry.kind != "external" or project.environ is None:
        return
    for key, variable in (
        ("username_env", registry.username_env),
        ("password_env", registry.password_env),
    ):
        if variable and not project.environ.get(variable):
            yield project.finding(
                "warning",
                ("registry", key),
                f"the environment variable {variable} is not set here",
                f"Set {variable} before `beeyard up`: nodes sign in to the registry with it.",
            )


def builds(project: Project, stack: Stack) -> Iterator[Finding]:
    """A service with `build` needs a Dockerfile, and a registry to push to."""
    for service in stack.services:
        build = service.data.get("build")
        if build is None:
            continue
        context = str(build if isinstance(build, str) else section(build).get("context", "."))
        dockerfile = stack.folder / context / str(section(build).get("dockerfile", "Dockerfile"))
        loc = (*service.loc, "build")
        if not dockerfile.is_file():
            yield stack.finding(
                "error",
                loc,
                f"there is no {shown(dockerfile)}",
                "Write the Dockerfile, or name an image.",
            )
        if (
            project.spec.registry.kind == "cluster"
            and "registry" not in project.spec.infrastructure
        ):
            yield stack.finding(
                "error",
                loc,
                "there is no registry to push the image to",
                "Add `registry` to `infrastructure` in beeyard.yml, or name an external registry.",
            )


def named_files(_project: Project, stack: Stack) -> Iterator[Finding]:
    """Files of secrets and configs, and `env_file`: `docker stack deploy` reads them here."""
    for kind in ("secrets", "configs"):
        for name, data in stack.top(kind).items():
            file = section(data).get("file")
            if file is not None and not (stack.folder / str(file)).is_file():
                yield stack.finding(
                    "error",
                    (kind, str(name), "file"),
                    f"there is no file {shown(stack.folder / str(file))}",
                    "Correct the path; it is relative to the stack file.",
                )
    for service in stack.services:
        written = service.data.get("env_file")
        for file in [written] if isinstance(written, str) else sequence(written):
            if isinstance(file, str) and not (stack.folder / file).is_file():
                yield stack.finding(
                    "error",
                    (*service.loc, "env_file"),
                    f"there is no file {shown(stack.folder / file)}",
                    "Correct the path; it is relative to the stack file.",
                )
