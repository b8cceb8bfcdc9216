"""What a stack expects from around it: variables, secrets, networks, a database."""

from collections.abc import Iterator

from beeyard.config.check.finding import Finding
from beeyard.config.check.project import Project, Stack, section, texts
from beeyard.config.interpolation import variables

TRAEFIK_NETWORK = "traefik_proxy"
# Docker has these on every node, and doesn't look for them in the Swarm.
_OF_THE_NODE = ("bridge", "host", "none")


def values_of_variables(_project: Project, stack: Stack) -> Iterator[Finding]:
    """`${VAR:?}` without a value stops the deploy; `${VAR}` becomes empty."""
    for loc, text in texts(stack.document.data):
        for variable in variables(text):
            if not variable.name:
                yield stack.finding(
                    "error", loc, "a `$` here starts no variable", "Write `$$` for a dollar sign."
                )
            elif variable.misread:
                yield stack.finding(
                    "warning",
                    loc,
                    f"`{variable.written}`: Docker takes `{variable.argument}` for the default of "
                    f"a variable `{variable.name}`",
                    "Write `${NAME}` in braces, and a message after `:?` without a dash.",
                )
            elif variable.value(stack.environment) is None:
                place = f"applications.{stack.name}.environment.{variable.name}"
                fix = f"Give it a value in beeyard.yml: {place}."
                if variable.operator:
                    yield stack.finding(
                        "error",
                        loc,
                        f"${{{variable.name}}} is required and has no value",
                        fix,
                        variable.argument or None,
                    )
                elif variable.name not in stack.environment:
                    yield stack.finding(
                        "warning", loc, f"${{{variable.name}}} has no value, and becomes empty", fix
                    )


def external_secrets(project: Project, stack: Stack) -> Iterator[Finding]:
    """Each external secret must come from beeyard.yml, and what comes from there should be used."""
    external = set()
    for name, data in stack.top("secrets").items():
        if not section(data).get("external"):
            continue
        real = external_name(str(name), section(data))
        external.add(real)
        if real not in stack.application.secrets:
            yield stack.finding(
                "warning",
                ("secrets", str(name)),
                f"nothing here gives the external secret `{real}`",
                f"Say in beeyard.yml where it comes from: "
                f"applications.{stack.name}.secrets.{real}: "
                "`database-url`, `generate`, `env:NAME` or `file:PATH`; or keep it with "
                f"`beeyard secret set {stack.name} {real}`.",
                "A deploy is refused while the Swarm does not hold it.",
            )
    for name in stack.application.secrets:
        if name not in external:
            yield project.finding(
                "warning",
                ("applications", stack.name, "secrets", name),
                "the stack file has no external secret of this name",
                f"Add it to `secrets` of {stack.application.stack} with `external: true`, "
                f"or remove it here.",
            )


def declared_names(_project: Project, stack: Stack) -> Iterator[Finding]:
    """What services use must be declared at the top of the file."""
    for service in stack.services:
        used = (
            ("networks", service.networks),
            ("secrets", service.secrets),
            ("configs", service.configs),
            ("volumes", service.volumes),
        )
        for kind, wanted in used:
            for name in wanted:
                if name not in stack.top(kind) and (kind, name) != ("networks", "default"):
                    yield stack.finding(
                        "error",
                        (*service.loc, kind),
                        f"`{name}` is not declared",
                        f"Add it to `{kind}` at the top level of {stack.application.stack}.",
                    )


def external_networks(project: Project, stack: Stack) -> Iterator[Finding]:
    """beeyard makes one network that stacks share, and applications may make others; any other
    external one is nobody's."""
    there = {TRAEFIK_NETWORK, *_OF_THE_NODE, *_made(project)}
    for name, data in stack.top("networks").items():
        if not section(data).get("external"):
            continue
        real = external_name(str(name), section(data))
        if real not in there:
            yield stack.finding(
                "error",
                ("networks", str(name)),
                f"there is no network `{real}` on the cluster",
                f"Use `{TRAEFIK_NETWORK}`, or leave out `external` so that the stack makes "
                f"its own.",
            )


def _made(project: Project) -> Iterator[str]:
    """The networks that the stacks themselves make."""
    for stack in project.stacks:
        for name, data in stack.top("networks").items():
            if not section(data).get("external"):
                yield str(section(data).get("name") or f"{stack.name}_{name}")


def external_name(name: str, data: object) -> str:
    """The name on the cluster: `name:`, the older `external: {name: …}`, or the key."""
    entry = section(data)
    return str(entry.get("name") or section(entry.get("external")).get("name") or name)


def database_section(project: Project) -> Iterator[Finding]:
    """An application's database needs a server, and its URL needs a database."""
    for name, application in project.spec.applications.items():
        loc = ("applications", name)
        if application.database and project.spec.database is None:
            yield project.finding(
                "error",
                (*loc, "database"),
                "there is no `database` section for it to live on",
                "Add `database: {engine: mariadb}` at the top level, or make this false.",
            )
        for secret, source in application.secrets.items():
            if source.kind == "database-url" and not application.database:
                yield project.finding(
                    "error",
                    (*loc, "secrets", secret),
                    "the application has no database that a URL could lead to",
                    f"Add `database: true` to {'.'.join(loc)}.",
                )
