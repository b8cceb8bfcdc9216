"""What `beeyard check` finds beyond the shape of the file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from beeyard.config import Finding, require
from beeyard.errors import ConfigError

Checked = Callable[..., tuple[Finding, ...]]

DATABASE = "database: {engine: mariadb}\n"
SERVICE = "services:\n  web:\n"
BUILT = "    build: .\n    healthcheck: {test: [CMD, true]}\n"


def said(findings: tuple[Finding, ...], level: str) -> list[tuple[str, str]]:
    return [(one.where, one.what) for one in findings if one.level == level]


def whats(findings: tuple[Finding, ...], level: str = "error") -> list[str]:
    return [one.what for one in findings if one.level == level]


def test_a_sound_project_has_no_findings(checked: Checked) -> None:
    assert checked(environ={}) == ()


def test_findings_become_an_error(checked: Checked, application: str, web: str) -> None:
    findings = checked(application.replace("path: web", "path: elsewhere"))
    assert said(findings, "error") == [
        ("beeyard.yml:10:11", "applications.web.path: there is no folder elsewhere")
    ]
    with pytest.raises(ConfigError) as caught:
        require(findings, Path("beeyard.yml"))
    assert caught.value.what == "beeyard.yml and the files that it names have a mistake."
    assert caught.value.mistakes[0].where == "beeyard.yml:10:11"
    require(checked(stack=web.replace(":1.29.3", "")), Path("beeyard.yml"))


@pytest.mark.parametrize(
    ("stack", "place", "what"),
    [
        (None, "beeyard.yml:10:11", "applications.web.stack: there is no file web/stack.yml"),
        ("", "web/stack.yml:1:1", "services: there are none"),
        ("services: []\n", "web/stack.yml:1:11", "services: there are none"),
        ("a: b: c\n", "web/stack.yml:1:5",
         "the YAML is broken here: mapping values are not allowed here"),
        ("services: {a: {image: x:1}, a: {image: x:2}}\n", "web/stack.yml:1:29",
         "services.a: this key is there twice; first on line 1"),
    ],
)  # fmt: skip
def test_stack_files_that_cannot_be_used(
    checked: Checked, stack: str | None, place: str, what: str
) -> None:
    Path("web").mkdir()
    (finding,) = checked(stack=stack)
    assert finding.level == "error"
    assert (finding.what, finding.where.split(":")[0]) == (what, place.split(":", maxsplit=1)[0])
    if stack:
        assert finding.where == place


def test_the_ssh_key_and_its_public_key(checked: Checked, application: str) -> None:
    config = application.replace("ssh:\n", "ssh:\n  key: keys/id\n")
    (finding,) = checked(config)
    assert (finding.where, finding.what) == (
        "beeyard.yml:5:8",
        "ssh.key: there is no file keys/id",
    )
    assert finding.fix.startswith("Make the key: `ssh-keygen -t ed25519 -f ")
    Path("keys").mkdir()
    Path("keys/id").touch()
    assert whats(checked(config)) == ["ssh.key: its public key keys/id.pub is missing"]
    Path("keys/id.pub").touch()
    assert checked(config) == ()


def test_where_secrets_come_from(checked: Checked, application: str, web: str) -> None:
    config = application + "    secrets: {a: 'file:a.txt', b: 'env:B'}\n"
    stack = web + "secrets: {a: {external: true}, b: {external: true}}\n"
    findings = checked(config, stack, {})
    assert whats(findings) == ["applications.web.secrets.a: there is no file a.txt"]
    assert whats(findings, "warning") == [
        "applications.web.secrets.b: the environment variable B is not set here"
    ]
    Path("a.txt").write_text("x")
    assert checked(config, stack, {"B": "x"}) == ()
    assert checked(config, stack, None) == ()


def test_the_login_of_an_external_registry(checked: Checked, application: str) -> None:
    config = application + (
        "registry: {kind: external, host: r.example.com, username_env: U, password_env: P}\n"
    )
    assert whats(checked(config, environ={"U": "x"}), "warning") == [
        "registry.password_env: the environment variable P is not set here"
    ]


@pytest.mark.parametrize(
    ("more", "declared", "expected"),
    [
        ("", "s: {external: true}", ["secrets.s: nothing here gives the external secret `s`"]),
        ("    secrets: {s: generate}\n", "s: {external: true}", []),
        ("    secrets: {s: generate}\n", "x: {external: true, name: s}", []),
        ("    secrets: {s: generate}\n", "x: {external: {name: s}}", []),
        ("    secrets: {x: generate}\n", "x: {external: true, name: s}",
         ["secrets.x: nothing here gives the external secret `s`"]),
        ("", "s: {file: none.txt}", ["secrets.s.file: there is no file web/none.txt"]),
    ],
)  # fmt: skip
def test_external_secrets(
    checked: Checked, application: str, web: str, more: str, declared: str, expected: list[str]
) -> None:
    found = checked(application + more, f"{web}secrets: {{{declared}}}\n")
    foreign = [what for what in whats(found, "warning") if "nothing here gives" in what]
    assert [*whats(found), *foreign] == expected


def test_a_secret_that_no_stack_uses(checked: Checked, application: str) -> None:
    (finding,) = checked(application + "    secrets: {s: generate}\n")
    assert (finding.level, finding.where, finding.what) == (
        "warning",
        "beeyard.yml:11:18",
        "applications.web.secrets.s: the stack file has no external secret of this name",
    )


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("{external: true}", ["networks.more: there is no network `more` on the cluster"]),
        ("{external: true, name: x}", ["networks.more: there is no network `x` on the cluster"]),
        ("{external: true, name: traefik_proxy}", []),
        ("{external: true, name: host}", []),
        ("{driver: overlay}", []),
        ("", []),
    ],
)
def test_external_networks(checked: Checked, web: str, network: str, expected: list[str]) -> None:
    assert whats(checked(stack=f"{web}  more: {network}\n")) == expected


def test_a_network_that_another_application_makes(
    checked: Checked, application: str, web: str
) -> None:
    shared = f"{web}  shared: {{external: true, name: other_back}}\n"
    other = web.replace("routers.web", "routers.other").replace("`web.", "`other.")
    assert two(checked, application, shared, f"{other}  back: {{driver: overlay}}\n") == []
    named = f"{other}  back: {{driver: overlay, name: other_back}}\n"
    assert two(checked, application, shared, named) == []
    assert two(checked, application, shared, other) == [
        "networks.shared: there is no network `other_back` on the cluster"
    ]


def test_names_that_the_stack_does_not_declare(checked: Checked, web: str) -> None:
    volumes = "['data:/data', '/srv:/srv', './a:/a', {type: volume, source: more, target: /b}]"
    stack = web.replace("[traefik_proxy]", "[traefik_proxy, back]").replace(
        "    healthcheck",
        "    secrets: [token, {source: other}]\n    configs: [{source: settings}]\n"
        f"    volumes: {volumes}\n    healthcheck",
    )
    assert said(checked(stack=stack), "error") == [
        ("web/stack.yml:4:15", "services.web.networks: `back` is not declared"),
        ("web/stack.yml:5:14", "services.web.secrets: `token` is not declared"),
        ("web/stack.yml:5:14", "services.web.secrets: `other` is not declared"),
        ("web/stack.yml:6:14", "services.web.configs: `settings` is not declared"),
        ("web/stack.yml:7:14", "services.web.volumes: `data` is not declared"),
        ("web/stack.yml:7:14", "services.web.volumes: `more` is not declared"),
    ]
    declared = "configs: {settings: {external: true}}\nvolumes: {data: {}, more: {}}\n"
    assert len(whats(checked(stack=stack + declared))) == 3


@pytest.mark.parametrize(
    ("text", "environment", "level", "what"),
    [
        ("${A:?say it}", "", "error", "${A} is required and has no value"),
        ("${A:?say it}", "A: ''", "error", "${A} is required and has no value"),
        ("${A?say it}", "A: ''", "", ""),
        ("${A:?say it}", "A: x", "", ""),
        ("${A}", "", "warning", "${A} has no value, and becomes empty"),
        ("$A", "", "warning", "${A} has no value, and becomes empty"),
        ("$A", "A: ''", "", ""),
        ("${A:-x}", "", "", ""),
        ("${A-x}", "", "", ""),
        ("$${A}", "", "", ""),
        ("${DOMAIN:?}", "", "", ""),
        ("${STACK:?}", "", "", ""),
        ("$DOMAIN-x", "", "warning",
         "`$DOMAIN-x`: Docker takes `x` for the default of a variable `DOMAIN`"),
        ("${A:?not-set}", "A: x", "warning",
         "`${A:?not-set}`: Docker takes `set` for the default of a variable `A:?not`"),
        ("100$", "", "error", "a `$` here starts no variable"),
        ("${A:+x}", "", "error", "a `$` here starts no variable"),
    ],
)  # fmt: skip
def test_variables(
    checked: Checked, application: str, web: str, text: str, environment: str, level: str, what: str
) -> None:
    config = f"{application}    environment: {{{environment}}}\n"
    stack = web.replace("    healthcheck", f"    hostname: '{text}'\n    healthcheck")
    findings = checked(config, stack)
    expected = [(level, "web/stack.yml:5:15", f"services.web.hostname: {what}")] if level else []
    assert [(one.level, one.where, one.what) for one in findings] == expected


def test_what_a_required_variable_says_is_passed_on(checked: Checked, web: str) -> None:
    (finding,) = checked(stack=web.replace("1.29.3", "${TAG:?which version}"))
    assert finding.why == "which version"
    assert finding.fix == ("Give it a value in beeyard.yml: applications.web.environment.TAG.")


def test_a_database_without_a_server(checked: Checked, application: str) -> None:
    more = "    secrets: {u: database-url}\n"
    assert whats(checked(application + "    database: true\n")) == [
        "applications.web.database: there is no `database` section for it to live on"
    ]
    assert whats(checked(application + more)) == [
        "applications.web.secrets.u: the application has no database that a URL could lead to"
    ]
    assert whats(checked(application + "    database: true\n" + more + DATABASE)) == []


def test_what_a_build_needs(checked: Checked, application: str, web: str) -> None:
    stack = web.replace(
        "    image: nginx:1.29.3", "    build: {context: ., dockerfile: Dockerfile.web}"
    )
    assert whats(checked(stack=stack)) == ["services.web.build: there is no web/Dockerfile.web"]
    Path("web/Dockerfile.web").write_text("FROM debian:12\n")
    assert checked(stack=stack) == ()
    assert whats(checked(application + "infrastructure: [portainer]\n", stack)) == [
        "services.web.build: there is no registry to push the image to"
    ]


def test_files_that_the_stack_names(checked: Checked, web: str) -> None:
    stack = web.replace("    healthcheck", "    env_file: [a.env]\n    healthcheck")
    stack += "configs: {c: {file: c.conf}}\n"
    assert whats(checked(stack=stack)) == [
        "configs.c.file: there is no file web/c.conf",
        "services.web.env_file: there is no file web/a.env",
    ]


def two(checked: Checked, application: str, web: str, other: str) -> list[str]:
    Path("other").mkdir(exist_ok=True)
    Path("other/stack.yml").write_text(other)
    return whats(checked(application + "  other: {path: other}\n", web))


def test_a_rule_that_two_applications_claim(checked: Checked, application: str, web: str) -> None:
    spaced = web.replace("Host(`web.${DOMAIN}`)", "'Host( `web.shop.example.com` )'")
    assert two(checked, application, web, spaced.replace("routers.web", "routers.other")) == [
        (
            "services.web.deploy.labels: the rule Host(`web.shop.example.com`) is claimed by "
            "application web as well"
        )
    ]
    elsewhere = web.replace("Host(`web.", "Host(`other.")
    assert two(checked, application, web, elsewhere) == [
        "services.web.deploy.labels: the router web is defined by application web as well"
    ]
    assert two(checked, application, web, elsewhere.replace("routers.web", "routers.other")) == []


@pytest.mark.parametrize(
    "rule",
    [
        "Host(`WEB.shop.example.com`)",
        'Host("web.${DOMAIN}")',
        "host(`web.${DOMAIN}`)",
        "(Host(`web.${DOMAIN}`))",
        "Host(`b.${DOMAIN}`) || Host(`web.${DOMAIN}`)",
        "Host(`web.${DOMAIN}`) || Host(`b.${DOMAIN}`)",
        "Host(`b.${DOMAIN}`, `web.${DOMAIN}`)",
    ],
)
def test_a_rule_that_is_written_otherwise(
    checked: Checked, application: str, web: str, rule: str
) -> None:
    other = web.replace("routers.web.rule: Host(`web.${DOMAIN}`)", f"Routers.other.rule: '{rule}'")
    assert two(checked, application, web, other) == [
        (
            "services.web.deploy.labels: the rule Host(`web.shop.example.com`) is claimed by "
            "application web as well"
        )
    ]


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("Host(`a`) && PathPrefix(`/x`)", "PathPrefix( `/x` )&&Host(`A`)"),
        ("Host(`a`) && (Path(`/x`) || Path(`/y`))", "(Path(`/y`) && Host(`a`)) || Host(`b`)"),
    ],
)
def test_a_rule_of_several_conditions(
    checked: Checked, application: str, web: str, one: str, another: str
) -> None:
    here = web.replace("Host(`web.${DOMAIN}`)", f"'{one}'")
    other = web.replace("Host(`web.${DOMAIN}`)", f"'{another}'").replace("rs.web", "rs.other")
    (what,) = two(checked, application, here, other)
    assert "is claimed by application web as well" in what
    elsewhere = other.replace("`/", "`/z")
    assert two(checked, application, here, elsewhere) == []


def test_a_rule_with_another_priority_is_meant(
    checked: Checked, application: str, web: str
) -> None:
    other = web.replace("routers.web", "routers.other").replace(
        "        traefik.http.services",
        '        traefik.http.routers.other.priority: "1"\n        traefik.http.services',
    )
    assert two(checked, application, web, other) == []


def test_a_rule_that_belongs_to_beeyard(checked: Checked, web: str) -> None:
    assert whats(checked(stack=web.replace("Host(`web.", "Host(`registry."))) == [
        (
            "services.web.deploy.labels: the rule Host(`registry.shop.example.com`) belongs to "
            "beeyard's registry"
        )
    ]


def test_a_rule_that_cannot_be_read(checked: Checked, web: str) -> None:
    assert said(checked(stack=web.replace("Host(`web.${DOMAIN}`)", "web.${DOMAIN}")), "error") == [
        (
            "web/stack.yml:9:7",
            (
                "services.web.deploy.labels: the rule of router web can't be read: "
                "`web.shop.example.com`"
            ),
        )
    ]


def test_a_service_that_traefik_cannot_reach(checked: Checked, web: str) -> None:
    off = web.replace("    networks: [traefik_proxy]\n", "")
    assert whats(checked(stack=off)) == [
        "services.web: Traefik routes to it, but it is not on the network `traefik_proxy`"
    ]
    portless = "\n".join(line for line in web.splitlines() if "server.port" not in line) + "\n"
    assert whats(checked(stack=portless)) == [
        "services.web.deploy.labels: Traefik is not told the service's port"
    ]


def test_labels_in_a_list_and_off_their_place(checked: Checked, web: str) -> None:
    listed = web.replace(
        "routers.web.rule: Host(`web.${DOMAIN}`)", "routers.web.rule=Host(`registry.${DOMAIN}`)"
    )
    listed = listed.replace("        traefik.http", "        - traefik.http").replace(
        'port: "80"', "port=80"
    )
    assert whats(checked(stack=listed)) == [
        (
            "services.web.deploy.labels: the rule Host(`registry.shop.example.com`) belongs to "
            "beeyard's registry"
        )
    ]
    moved = f"{SERVICE}    image: x:1\n    healthcheck: {{test: x}}\n    deploy: {{replicas: 2}}\n"
    moved += "    labels: [traefik.enable=true]\n"
    assert whats(checked(stack=moved), "warning") == [
        "services.web.labels: Traefik doesn't see these labels"
    ]


@pytest.mark.parametrize(
    "value", ["sqlite:////data/a.db", "sqlite+pysqlite:///a.db", "sqlite:a.db"]
)
@pytest.mark.parametrize("form", ["{{A: '{}'}}", "['A={}']"])
@pytest.mark.parametrize("deploy", ["{replicas: 2}", "{mode: global}", "{replicas: '${N}'}"])
def test_sqlite_in_the_environment(
    checked: Checked, application: str, value: str, form: str, deploy: str
) -> None:
    stack = (
        f"{SERVICE}    image: x:1\n    environment: {form.format(value)}\n    deploy: {deploy}\n"
    )
    (what,) = whats(
        checked(application + "    environment: {N: '3'}\n    database: true\n" + DATABASE, stack)
    )
    many = {"{replicas: 2}": "2 replicas", "{mode: global}": "a replica on every node"}
    assert what == (
        f"services.web.deploy: SQLite with {many.get(deploy, '3 replicas')}: its "
        f"environment sets A to it"
    )


@pytest.mark.parametrize(
    "deploy",
    [
        "{replicas: 1, update_config: {order: stop-first}}",
        "{update_config: {order: stop-first}}",
        "{replicas: 0}",
        "{mode: replicated-job, replicas: 3}",
    ],
)
def test_sqlite_with_one_replica_is_well(checked: Checked, deploy: str) -> None:
    stack = f"{SERVICE}    image: x:1\n    healthcheck: {{test: x}}\n"
    assert (
        checked(stack=f"{stack}    environment: {{A: 'sqlite:///a'}}\n    deploy: {deploy}\n") == ()
    )


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("env_file: app.env", "its environment sets DATABASE_URL to it"),
        ("env_file: [app.env]", "its environment sets DATABASE_URL to it"),
        ("command: serve --db sqlite:///a.db", "its command names it"),
        ("entrypoint: [serve, 'sqlite:///a.db']", "its entrypoint names it"),
    ],
)
def test_sqlite_elsewhere_in_the_stack(checked: Checked, given: str, what: str) -> None:
    Path("web").mkdir()
    Path("web/app.env").write_text("# DATABASE_URL=mysql://db\nDATABASE_URL=sqlite:////data/a.db\n")
    stack = f"{SERVICE}    image: x:1\n    {given}\n    deploy: {{replicas: 2}}\n"
    assert whats(checked(stack=stack)) == [f"services.web.deploy: SQLite with 2 replicas: {what}"]


@pytest.mark.parametrize(
    ("deploy", "says"),
    [("{replicas: 1}", False), ("{update_config: {order: start-first}}", True)],
)
def test_sqlite_that_an_update_would_open_twice(checked: Checked, deploy: str, says: bool) -> None:
    """Where the file says nothing, Docker stops the old task first, and so does beeyard."""
    stack = f"{SERVICE}    image: x:1\n    healthcheck: {{test: x}}\n    deploy: {deploy}\n"
    findings = checked(stack=f"{stack}    environment: {{A: 'sqlite:///a'}}\n")
    assert whats(findings, "error") == []
    assert whats(findings, "warning") == says * [
        (
            "services.web.deploy.update_config: SQLite, and an update starts the new task before "
            "the old one stops: its environment sets A to it"
        )
    ]


def test_sqlite_that_the_application_falls_back_to(checked: Checked, application: str) -> None:
    Path("web/src").mkdir(parents=True)
    Path("web/Dockerfile").write_text("FROM debian:12\n")
    Path("web/src/settings.py").write_text("import os\nURL = os.getenv('DB', 'sqlite:///a.db')\n")
    stack = f"{SERVICE}{BUILT}    deploy: {{replicas: 2}}\n"
    assert whats(checked(stack=stack)) == [
        (
            "services.web.deploy: SQLite with 2 replicas: nothing names another database, and "
            "web/src/settings.py:2 falls back to it"
        )
    ]
    server = "    environment: {DATABASE_URL: 'mysql://db/app'}\n"
    assert checked(stack=stack + server) == ()
    config = application + "    database: true\n    secrets: {any: database-url}\n" + DATABASE
    secret = "    secrets: [any]\nsecrets: {any: {external: true}}\n"
    assert checked(config, stack + secret) == ()
    # A database that the service is never told of is none that it uses.
    assert whats(checked(application + "    database: true\n" + DATABASE, stack)) != []


def test_what_is_no_evidence_of_sqlite(checked: Checked) -> None:
    for folder in ("tests", ".venv", "node_modules"):
        Path("web", folder).mkdir(parents=True)
        Path("web", folder, "a.py").write_text("URL = 'sqlite:///a.db'\n")
    Path("web/Dockerfile").write_text("FROM debian:12\n# not sqlite:///x\n")
    Path("web/README.md").write_text("Uses sqlite:///a.db by default.\n")
    assert checked(stack=f"{SERVICE}{BUILT}    deploy: {{replicas: 2}}\n") == ()


@pytest.mark.parametrize(
    ("image", "what"),
    [
        ("nginx", "`nginx` has no tag, which means latest"),
        (
            "r.example.com:5000/a/nginx",
            "`r.example.com:5000/a/nginx` has no tag, which means latest",
        ),
        ("nginx:latest", "`nginx:latest` has the moving tag `latest`"),
        ("nginx:${TAG:-stable}", "`nginx:stable` has the moving tag `stable`"),
        ("nginx:alpine", "`nginx:alpine` has the moving tag `alpine`"),
        ("nginx:production", "`nginx:production` has the moving tag `production`"),
        ("nginx:stable-alpine3.20", ("`nginx:stable-alpine3.20` has the moving tag "
         "`stable-alpine3.20`")),
        ("nginx:1.29.3-alpine", None),
        ("r.example.com:5000/nginx:1.2", None),
        ("nginx@sha256:abc", None),
    ],
)  # fmt: skip
def test_images(checked: Checked, web: str, image: str, what: str | None) -> None:
    found = checked(stack=web.replace("nginx:1.29.3", image))
    assert said(found, "warning") == (
        [("web/stack.yml:3:12", f"services.web.image: {what}")] if what else []
    )


def test_a_service_without_an_image(checked: Checked) -> None:
    assert whats(checked(stack=f"{SERVICE}    hostname: x\n")) == [
        "services.web: it has neither `image` nor `build`"
    ]


@pytest.mark.parametrize(
    "health",
    [
        "",
        "    healthcheck: {disable: true}\n",
        "    healthcheck: {disable: '${OFF:-true}'}\n",
        "    healthcheck: {test: [NONE]}\n",
        "    healthcheck: {interval: 5s}\n",
    ],
)
def test_no_health_check(checked: Checked, web: str, health: str) -> None:
    lines = [line for line in web.splitlines(keepends=True) if "healthcheck" not in line]
    stack = "".join(lines).replace("    networks: [", f"{health}    networks: [")
    assert said(checked(stack=stack), "warning") == [
        ("web/stack.yml:2:3", "services.web: it has no health check")
    ]


def test_a_health_check_in_the_dockerfile(checked: Checked) -> None:
    Path("web").mkdir()
    Path("web/Dockerfile").write_text("FROM debian:12\nHEALTHCHECK CMD true\n")
    stack = f"{SERVICE}    build: .\n    deploy: {{replicas: 2}}\n"
    assert checked(stack=stack) == ()
    for none in ("HEALTHCHECK  NONE", "HEALTHCHECK CMD true\nHEALTHCHECK none"):
        Path("web/Dockerfile").write_text(f"FROM debian:12\n{none}\n")
        assert whats(checked(stack=stack), "warning") == ["services.web: it has no health check"]


@pytest.mark.parametrize(
    ("order", "place", "what"),
    [
        ("{order: stop-first}", "8:22", "an update stops each task before its successor runs"),
        ("{parallelism: 1}", "8:22", "it doesn't say in which order an update goes"),
        (None, "6:5", "it doesn't say in which order an update goes"),
    ],
)
def test_stop_first(checked: Checked, web: str, order: str | None, place: str, what: str) -> None:
    line = "      update_config: {order: start-first}\n"
    stack = web.replace(line, line.replace("{order: start-first}", order) if order else "")
    assert said(checked(stack=stack), "warning") == [
        (f"web/stack.yml:{place}", f"services.web.deploy.update_config: {what}")
    ]
    published = stack.replace(
        "    networks: [", "    ports: [{target: 80, mode: host}]\n    networks: ["
    )
    assert checked(stack=published) == ()


def test_one_replica(checked: Checked, web: str) -> None:
    expected = ["services.web.deploy.replicas: it has one replica"]
    assert whats(checked(stack=web.replace("replicas: 2", "replicas: 1")), "warning") == expected
    assert whats(checked(stack=web.replace("      replicas: 2\n", "")), "warning") == expected
    assert checked(stack=web.replace("replicas: 2", "mode: global")) == ()


MERGED = """\
x-web: &web
  image: nginx
  networks: [traefik_proxy]
  deploy: &deploy
    replicas: 1
    update_config: {order: start-first}
services:
  web:
    <<: *web
    image: nginx:1.29.3
    healthcheck: &healthy {test: [CMD, "true"]}
    deploy:
      <<: *deploy
      replicas: 2
  other:
    <<: [*web, {hostname: x}]
    healthcheck: *healthy
networks:
  traefik_proxy: {external: true}
"""


def test_anchors_and_merge_keys(checked: Checked) -> None:
    """What a service says itself is no repetition of what it merges, and prevails."""
    findings = checked(stack=MERGED)
    assert [(one.level, one.where, one.what) for one in findings] == [
        (
            "warning",
            "web/stack.yml:2:10",
            "services.other.image: `nginx` has no tag, which means latest",
        ),
        ("warning", "web/stack.yml:5:15", "services.other.deploy.replicas: it has one replica"),
    ]
    tagged = MERGED.replace("image: nginx:1.29.3", "image: nginx:latest")
    assert (
        "web/stack.yml:10:12",
        "services.web.image: `nginx:latest` has the moving tag `latest`",
    ) in said(checked(stack=tagged), "warning")


def test_ssh_for_everyone(checked: Checked, application: str) -> None:
    assert said(checked(application.replace("203.0.113.0/24", "0.0.0.0/0")), "warning") == [
        ("beeyard.yml:5:19", "ssh.allowed_cidrs[0]: anyone may try to sign in to the managers")
    ]


def test_errors_come_first(checked: Checked, application: str, web: str) -> None:
    findings = checked(
        application.replace("203.0.113.0/24", "0.0.0.0/0"),
        web.replace("1.29.3", "latest") + "secrets: {s: {file: none.txt}}\n",
    )
    assert [one.level for one in findings] == ["error", "warning", "warning"]
    assert findings[0].as_dict()["level"] == "error"
    assert str(findings[0].as_error()) == findings[0].what
