"""What beeyard says of each kind of mistake, word by word."""

from collections.abc import Callable
from pathlib import Path

import pytest

from beeyard.config import ClusterSpec, load
from beeyard.errors import BeeyardError, ConfigError, render

Loaded = Callable[[str], ClusterSpec]
Refused = Callable[[str], tuple[BeeyardError, ...]]

HASH = "$2y$10$" + "a" * 53
#: With hyphens in it, it has 36 characters.
LONG = "twenty-seven-and-more-letters-it-has"

# Lines added to the minimal file, which has seven; what is wrong; what would be right.
ADDED = [
    (
        "managers: {count: 2}",
        "8:19",
        "managers.count: 2 is an even number of managers",
        "Use 1 or 3.",
    ),
    (
        "managers: {count: 4}",
        "8:19",
        "managers.count: 4 is an even number of managers",
        "Use 3 or 5.",
    ),
    ("managers: {count: 8}", "8:19", "managers.count: 8 is an even number of managers", "Use 7."),
    (
        "managers: {count: 0}",
        "8:19",
        "managers.count: 0 managers can't form a Swarm that holds",
        "Use 1, 3, 5 or 7.",
    ),
    (
        "managers: {count: 9}",
        "8:19",
        "managers.count: 9 managers can't form a Swarm that holds",
        "Use 1, 3, 5 or 7.",
    ),
    (
        "managers: {count: '3'}",
        "8:19",
        "managers.count: this is text; a whole number is wanted",
        "Write it without quotes: 3.",
    ),
    (
        "managers: {count: three}",
        "8:19",
        "managers.count: this is text; a whole number is wanted",
        "Write digits only, such as 3.",
    ),
    (
        "managers: {count: true}",
        "8:19",
        "managers.count: this is true; a whole number is wanted",
        "Write digits only, such as 3.",
    ),
    (
        "managers: {count: 1.5}",
        "8:19",
        "managers.count: this is a number; a whole number is wanted",
        "Write digits only, such as 3.",
    ),
    (
        "managers:",
        "8:1",
        "managers: this is nothing; a section (keys with values) is wanted",
        "Give it a value, or remove the line.",
    ),
    (
        "managers: [1]",
        "8:11",
        "managers: this is a list; a section (keys with values) is wanted",
        "Write keys with values below it, indented.",
    ),
    (
        "managers: {type: small}",
        "8:18",
        "managers.type: `small` is no EC2 instance type",
        "Such as `t3.small`.",
    ),
    (
        "managers: {type: 3}",
        "8:18",
        "managers.type: this is a number; text is wanted",
        'Put it into quotes: "3".',
    ),
    ("workers: {count: -1}", "8:18", "workers.count: -1 is too small", "Use 0 or more."),
    (
        "workers: {egress: natt}",
        "8:19",
        "workers.egress: `natt` is not known",
        "Did you mean `nat`?",
    ),
    (
        "workers: {egress: vpn}",
        "8:19",
        "workers.egress: `vpn` is not known",
        "Use `public` or `nat`.",
    ),
    (
        "workers: {egress: 5}",
        "8:19",
        "workers.egress: this is a number; text is wanted",
        "Use `public` or `nat`.",
    ),
    (
        "vpc_cidr: 10.20.0.0/22\nworkers: {count: 500}",
        "9:18",
        "workers.count: 500 workers don't fit into 10.20.0.0/22, which has room for 144",
        "Use fewer, or a larger vpc_cidr for a new cluster.",
    ),
    (
        "zones: eu-central-1a",
        "8:8",
        "zones: this is text; a list is wanted",
        "Write a list: [eu-central-1a].",
    ),
    (
        "zones: []",
        "8:8",
        "zones: the list is empty",
        (
            "Name one at least. Availability zones of the region, one to five, over which "
            "nodes are spread; "
            "left out: a, b and c. Append, don't reorder: the order decides the subnets."
        ),
    ),
    (
        "zones: [eu-central-1a, us-east-1a]",
        "8:24",
        "zones[1]: `us-east-1a` is not in region eu-central-1",
        "Such as `eu-central-1a`.",
    ),
    (
        "zones: [eu-central-1a, eu-central-1a]",
        "8:24",
        "zones[1]: `eu-central-1a` is named twice",
        "Name it once.",
    ),
    (
        "zones: [eu-central-1]",
        "8:9",
        "zones[0]: `eu-central-1` is no availability zone",
        "The region's name and a letter: `eu-central-1a`.",
    ),
    (
        (
            "zones: [eu-central-1a, eu-central-1b, eu-central-1c, eu-central-1d, eu-central-1e, "
            "eu-central-1f]"
        ),
        "8:8",
        "zones: there are 6 values",
        "Name 5 at most.",
    ),
    (
        "vpc_cidr: 10.20.0.0/28",
        "8:11",
        "vpc_cidr: `10.20.0.0/28` is too small for the zones",
        "Use a /22 or larger: `10.20.0.0/16`.",
    ),
    (
        "vpc_cidr: 10.0.0.0/8",
        "8:11",
        "vpc_cidr: `10.0.0.0/8` is too large",
        "Use a /16 or smaller: `10.20.0.0/16`.",
    ),
    (
        "vpc_cidr: 8.8.0.0/16",
        "8:11",
        "vpc_cidr: `8.8.0.0/16` is not private",
        "Use a block of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16: `10.20.0.0/16`.",
    ),
    (
        "vpc_cidr: 10.20.1.0/16",
        "8:11",
        "vpc_cidr: `10.20.1.0/16` is not the start of its block",
        "Write `10.20.0.0/16`.",
    ),
    (
        "vpc_cidr: ten",
        "8:11",
        "vpc_cidr: `ten` is no block of addresses",
        "Address and length: `10.20.0.0/16`.",
    ),
    (
        "vpc_cidr: 'fd00::/16'",
        "8:11",
        "vpc_cidr: `fd00::/16` is IPv6; the cluster's network is IPv4",
        "Use an IPv4 block.",
    ),
    (
        "image: {architecture: arm64}",
        "8:23",
        (
            "image.architecture: arm64 doesn't fit: managers.type t3.small is x86_64, "
            "workers.type t3.small is x86_64"
        ),
        "Make them agree: `x86_64` with `t3.small`, `arm64` with `t4g.small`.",
    ),
    (
        "image: {root_volume_gib: 4}",
        "8:26",
        "image.root_volume_gib: 4 is too small",
        "Use 8 or more.",
    ),
    (
        "image: {root_volume_gib: 99999}",
        "8:26",
        "image.root_volume_gib: 99999 is too large",
        "Use 16384 or less.",
    ),
    (
        "image: {ami: debian}",
        "8:14",
        "image.ami: `debian` is no AMI",
        "Such as `ami-0123456789abcdef0`.",
    ),
    (
        "efs: {path: /etc/shared}",
        "8:13",
        "efs.path: `/etc/shared` belongs to the system of each node",
        "Use a folder of its own: `/mnt/efs`.",
    ),
    (
        "efs: {path: /mnt}",
        "8:13",
        "efs.path: `/mnt` belongs to the system of each node",
        "Use a folder of its own: `/mnt/efs`.",
    ),
    (
        "efs: {path: shared}",
        "8:13",
        "efs.path: `shared` is no absolute path",
        "Start with a slash, end without: `/mnt/efs`.",
    ),
    (
        "database: {version: 10.10}",
        "8:21",
        "database.version: this is a number; text is wanted",
        'Put it into quotes: "10.10".',
    ),
    (
        "database: {version: '8.4'}",
        "8:21",
        "database.version: there is no mariadb 8.4",
        'Write "10.11", or make the engine mysql.',
    ),
    (
        "database: {engine: mysql, version: '10.11'}",
        "8:36",
        "database.version: there is no mysql 10.11",
        'Write "8.4", or make the engine mariadb.',
    ),
    (
        "database: {version: '10.11.6'}",
        "8:21",
        "database.version: `10.11.6` has a patch level",
        'Write the series: "10.11".',
    ),
    (
        "database: {version: latest}",
        "8:21",
        "database.version: `latest` is no release series",
        'Such as "10.11" (MariaDB) or "8.4" (MySQL).',
    ),
    (
        "database: {engine: postgres}",
        "8:20",
        "database.engine: `postgres` is not known",
        "Use `mariadb` or `mysql`.",
    ),
    (
        "database: {storage_gib: 100, max_storage_gib: 50}",
        "8:47",
        "database.max_storage_gib: 50 GiB leave no room to grow beyond storage_gib, which is 100",
        "Use 110 or more.",
    ),
    (
        "database: {class: micro}",
        "8:19",
        "database.class: `micro` is no RDS instance class",
        "Such as `db.t3.micro`: `db.`, family, dot, size.",
    ),
    (
        "database: {multi_az: yes}",
        "8:22",
        "database.multi_az: this is text; true or false is wanted",
        "Write true, without quotes.",
    ),
    (
        "database: {multi_az: perhaps}",
        "8:22",
        "database.multi_az: this is text; true or false is wanted",
        "Write true or false, without quotes.",
    ),
    (
        "database: {clas: db.t3.micro}",
        "8:12",
        "database.clas: there is no such key",
        "Did you mean `class`?",
    ),
    (
        "zones: [eu-central-1a]\ndatabase: {engine: mariadb}",
        "9:11",
        "database: a database needs two zones, and `zones` names one",
        "Add a second zone to `zones`: `eu-central-1b`.",
    ),
    (
        "dns: {zone: example.org}",
        "8:13",
        "dns.zone: domain `shop.example.com` is not in zone `example.org`",
        "Name the hosted zone that is the domain or above it.",
    ),
    (
        "dns: {zone: hop.example.com}",
        "8:13",
        "dns.zone: domain `shop.example.com` is not in zone `hop.example.com`",
        "Name the hosted zone that is the domain or above it.",
    ),
    (
        "dns: {}",
        "8:6",
        "dns.zone: is missing",
        "Add `zone: example.com`. An existing public Route 53 hosted zone that holds the domain.",
    ),
    (
        "registry: {kind: extern}",
        "8:11",
        "registry: kind `extern` is not known",
        "Did you mean `external`?",
    ),
    (
        "registry: {host: r.example.com}",
        "8:11",
        "registry: its kind is missing",
        "Add `kind: cluster` or `kind: external`.",
    ),
    (
        "registry: {kind: external}",
        "8:11",
        "registry.host: is missing",
        (
            "Add `host: registry.example.com/team`. Its host, and the path that images are "
            "pushed below."
        ),
    ),
    (
        "registry: {kind: external, host: 'https://r.example.com'}",
        "8:34",
        "registry.host: `https://r.example.com` is no place in a registry",
        "Host, port if need be, path, all without `https://`: `registry.example.com/team`.",
    ),
    (
        "registry: {kind: external, host: r.example.com, username_env: U}",
        "8:11",
        "registry.password_env: username_env and password_env go together, and one is left out",
        "Name both variables, or neither for a registry without signing in.",
    ),
    (
        "registry: {kind: external, host: 1234.dkr.ecr.eu-central-1.amazonaws.com}",
        "8:34",
        "registry.host: `1234.dkr.ecr.eu-central-1.amazonaws.com` is no registry of Amazon ECR",
        "Write `ACCOUNT.dkr.ecr.REGION.amazonaws.com`, the account as its twelve digits.",
    ),
    (
        (
            "registry: {kind: external, username_env: U, password_env: P, "
            "host: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/team}"
        ),
        "8:59",
        "registry.password_env: a registry of Amazon ECR has no password that stays",
        "Leave username_env and password_env out: beeyard signs in by AWS's API.",
    ),
    (
        "infrastructure: [registry, registry]",
        "8:28",
        "infrastructure[1]: `registry` is named twice",
        "Name it once.",
    ),
    (
        "infrastructure: [portaner]",
        "8:18",
        "infrastructure[0]: `portaner` is not known",
        "Did you mean `portainer`?",
    ),
    (
        "applications: {traefik: {path: .}}",
        "8:16",
        "applications.traefik: `traefik` is a name that beeyard uses itself",
        (
            "Call the application something else than beeyard, ci, drone, git, portainer, "
            "registry, traefik."
        ),
    ),
    (
        "applications: {My_App: {path: .}}",
        "8:16",
        "applications.My_App: `My_App` can't name an application",
        "Use 2 to 31 of a-z, 0-9 and single hyphens, starting with a letter: `timeoff`.",
    ),
    (
        f"applications: {{{LONG}: {{path: .}}}}",
        "8:16",
        f"applications.{LONG}: `{LONG}` can't name an application",
        "Use 2 to 31 of a-z, 0-9 and single hyphens, starting with a letter: `timeoff`.",
    ),
    (
        "applications: {web: {}}",
        "8:21",
        "applications.web.path: is missing",
        "Add `path: .`. Its folder, relative to beeyard.yml.",
    ),
    (
        "applications: {web: {path: ''}}",
        "8:28",
        "applications.web.path: the text is empty",
        "Give it a value, or remove the line.",
    ),
    (
        "applications: {web: {path: ., environment: {PORT: 8080}}}",
        "8:51",
        "applications.web.environment.PORT: this is a number; text is wanted",
        'Put it into quotes: "8080".',
    ),
    (
        "applications: {web: {path: ., environment: {A-B: x}}}",
        "8:45",
        "applications.web.environment.A-B: `A-B` can't name an environment variable",
        "Use letters, digits and `_`, starting with a letter or `_`: `LOG_LEVEL`.",
    ),
    (
        "applications: {web: {path: ., secrets: {a: hunter2}}}",
        "8:44",
        (
            "applications.web.secrets.a: this doesn't say where the secret comes from (what it "
            "says is not shown here)"
        ),
        "One of `database-url`, `generate`, `env:NAME` and `file:PATH`.",
    ),
    (
        "applications: {web: {path: ., secrets: {a: 12345}}}",
        "8:44",
        "applications.web.secrets.a: this is a number; text is wanted",
        "Write one text, in quotes.",
    ),
    (
        "applications: {web: {path: ., secrets: {.a: generate}}}",
        "8:41",
        "applications.web.secrets..a: `.a` can't name a Swarm secret",
        "Use up to 64 of a-z, A-Z, 0-9, `_`, `.` and `-`, with a letter or digit at both ends.",
    ),
    ("manager: {count: 1}", "8:1", "manager: there is no such key", "Did you mean `managers`?"),
    (
        "egress: nat",
        "8:1",
        "egress: there is no such key",
        "It belongs under `workers`; or did you mean `ingress`?",
    ),
    (
        "email: a@example.com",
        "8:1",
        "email: there is no such key",
        "It belongs under `ingress.acme`.",
    ),
    ("1: 2", "8:1", "1: this key is no text", "Put it into quotes, or remove it."),
    ("name: shop", "8:1", "name: this key is there twice; first on line 1", "Keep one of the two."),
    (
        "managers: {count: 1, count: 3}",
        "8:22",
        "managers.count: this key is there twice; first on line 8",
        "Keep one of the two.",
    ),
]

# A line of the minimal file, and what stands there instead.
CHANGED = [
    (
        "name: shop",
        "name: Shop",
        "1:7",
        "name: `Shop` can't name a cluster",
        "Use 2 to 31 of a-z, 0-9 and single hyphens, starting with a letter: `timeoff`.",
    ),
    (
        "name: shop",
        "name: a--b",
        "1:7",
        "name: `a--b` can't name a cluster",
        "Use 2 to 31 of a-z, 0-9 and single hyphens, starting with a letter: `timeoff`.",
    ),
    (
        "name: shop\n",
        "",
        "1:1",
        "name: is missing",
        (
            "Add `name: timeoff`. Names everything in the cloud. Changing it later means "
            "another cluster."
        ),
    ),
    ("domain:", "domian:", "2:1", "domian: there is no such key", "Did you mean `domain`?"),
    (
        "name: shop\ndomain: shop.example.com\nregion: eu-central-1",
        f"name: {'a' * 28}\ndomain: shop.example.com\nregion: ap-southeast-1",
        "3:9",
        f"region: name `{'a' * 28}` is too long for a cluster in ap-southeast-1",
        "Use a name of 27 characters at most.",
    ),
    (
        "region: eu-central-1",
        "region: Frankfurt",
        "3:9",
        "region: `Frankfurt` is no AWS region",
        "Such as `eu-central-1`; `aws ec2 describe-regions` lists them.",
    ),
    (
        "  allowed_cidrs: [203.0.113.0/24]",
        "",
        "4:1",
        "ssh: this is nothing; a section (keys with values) is wanted",
        "Write `ssh: {allowed_cidrs: [203.0.113.0/24]}`.",
    ),
    (
        "  allowed_cidrs: [203.0.113.0/24]",
        "  user: admin",
        "4:1",
        "ssh.allowed_cidrs: is missing",
        (
            "Add `allowed_cidrs: [203.0.113.0/24]`. IPv4 blocks that may open SSH connections "
            "to the managers: your own addresses."
        ),
    ),
    (
        "203.0.113.0/24",
        "203.0.113.7",
        "5:19",
        "ssh.allowed_cidrs[0]: `203.0.113.7` has no length",
        "For this one address: `203.0.113.7/32`.",
    ),
    (
        "203.0.113.0/24",
        "203.0.113.7/24",
        "5:19",
        "ssh.allowed_cidrs[0]: `203.0.113.7/24` is an address inside a block",
        "For the block: `203.0.113.0/24`; for the one address: `203.0.113.7/32`.",
    ),
    (
        "[203.0.113.0/24]",
        "[]",
        "5:18",
        "ssh.allowed_cidrs: the list is empty",
        (
            "Name one at least. IPv4 blocks that may open SSH connections to the managers: "
            "your own addresses."
        ),
    ),
    (
        "[203.0.113.0/24]",
        "[203.0.113.0/24]\n  user: root",
        "6:9",
        "ssh.user: root can't sign in on cloud images",
        "Use the image's admin user: `admin`.",
    ),
    (
        "ops@example.com",
        "ops",
        "7:17",
        "ingress.acme.email: `ops` is no e-mail address",
        "Such as `ops@example.com`.",
    ),
    (
        "ops@example.com}",
        "ops@example.com, server: acme}",
        "7:42",
        "ingress.acme.server: `acme` is no ACME server",
        "Use `letsencrypt`, `letsencrypt-staging`, or the https:// URL of a directory.",
    ),
    (
        "domain: shop.example.com",
        "domain: localhost",
        "2:9",
        "domain: `localhost` is no domain: it has no dot",
        "Such as `localhost.example.com`.",
    ),
    (
        "domain: shop.example.com",
        "domain: https://Example.com/x",
        "2:9",
        "domain: `https://Example.com/x` is no domain",
        "Write the bare name in small letters: `example.com`.",
    ),
    (
        "domain: shop.example.com",
        "domain: '*.example.com'",
        "2:9",
        "domain: `*.example.com` is no domain",
        "Write the bare name in small letters: `example.com`.",
    ),
    (
        "domain: shop.example.com",
        "domain: 10.0.0.1",
        "2:9",
        "domain: `10.0.0.1` is an address, not a domain",
        "Name a domain: `example.com`.",
    ),
    (
        "domain: shop.example.com",
        "domain: a_b.example.com",
        "2:9",
        "domain: `a_b.example.com` is no domain",
        (
            "Labels of a-z, 0-9 and hyphens with dots between, none starting or ending with a "
            "hyphen: `apps.example.com`. Names in other alphabets are written in their xn-- form."
        ),
    ),
]


@pytest.mark.parametrize(("lines", "place", "what", "fix"), ADDED)
def test_what_an_added_line_brings(
    mistakes: Refused, minimal: str, lines: str, place: str, what: str, fix: str
) -> None:
    (mistake,) = mistakes(f"{minimal}{lines}\n")
    assert (mistake.where, mistake.what, mistake.fix) == (f"beeyard.yml:{place}", what, fix)


@pytest.mark.parametrize(("old", "new", "place", "what", "fix"), CHANGED)
def test_what_a_changed_line_brings(
    mistakes: Refused, minimal: str, old: str, new: str, place: str, what: str, fix: str
) -> None:
    assert old in minimal
    (mistake,) = mistakes(minimal.replace(old, new))
    assert (mistake.where, mistake.what, mistake.fix) == (f"beeyard.yml:{place}", what, fix)


def test_an_even_number_of_managers_says_why(mistakes: Refused, minimal: str) -> None:
    (mistake,) = mistakes(minimal + "managers: {count: 4}\n")
    assert mistake.why == (
        "A Swarm decides by majority: with 4 managers it survives the loss of 1, just as with 3, "
        "and one more can fail."
    )


def test_every_mistake_at_once_in_the_order_of_the_file(mistakes: Refused) -> None:
    found = mistakes(
        "name: Shop\ndomian: example.com\nregion: eu-central-1\nzones: [us-east-1a]\n"
        "vpc_cidr: 8.8.8.0/28\nmanagers: {count: 2, typ: x}\nssh: {allowed_cidrs: [me]}\n"
        "dns: {zone: nowhere}\ningress: {acme: {server: x}}\napplications: {web: {secrets: "
        "{a: b}}}\n"
    )
    assert [
        (str(one.where).removeprefix("beeyard.yml:"), one.what.split(":")[0]) for one in found
    ] == [
        ("1:7", "name"),
        ("2:1", "domian"),
        ("4:9", "zones[0]"),
        ("5:11", "vpc_cidr"),
        ("5:11", "vpc_cidr"),
        ("6:19", "managers.count"),
        ("6:22", "managers.typ"),
        ("7:23", "ssh.allowed_cidrs[0]"),
        ("8:13", "dns.zone"),
        ("9:17", "ingress.acme.email"),
        ("9:26", "ingress.acme.server"),
        ("10:21", "applications.web.path"),
        ("10:35", "applications.web.secrets.a"),
    ]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("hunter2", "this is no bcrypt hash (it is not shown here)"),
        (f"admin:{HASH}", "the hash has the user's name in front (it is not shown here)"),
        (HASH.replace("$", "$$"), "the hash has doubled dollar signs (it is not shown here)"),
        (HASH[:-1], "this is no bcrypt hash (it is not shown here)"),
    ],
)
def test_a_hash_that_is_none_is_not_repeated(
    mistakes: Refused, minimal: str, value: str, what: str
) -> None:
    (mistake,) = mistakes(f"{minimal}  dashboard_users: {{admin: '{value}'}}\n")
    assert mistake.what == f"ingress.dashboard_users.admin: {what}"
    assert value not in "".join(map(str, mistake.as_dict().values()))


def test_a_secret_written_out_is_not_repeated(minimal: str) -> None:
    Path("beeyard.yml").write_text(
        f"{minimal}applications: {{web: {{path: ., secrets: {{a: hunter2, b: 4711}}}}}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(Path("beeyard.yml"))
    said = render(caught.value)
    assert "hunter2" not in said
    assert "4711" not in said
    assert caught.value.__cause__ is None


def test_hashes_stay_out_of_the_representation(loaded: Loaded, minimal: str) -> None:
    spec = loaded(f"{minimal}  dashboard_users: {{admin: '{HASH}'}}\n")
    assert spec.ingress.dashboard_users == {"admin": HASH}
    assert HASH not in repr(spec)


def test_one_mistake_and_several_are_counted(minimal: str) -> None:
    for text, count in (("managers: {count: 2}", "a mistake"), ("x: 1\ny: 2", "2 mistakes")):
        Path("beeyard.yml").write_text(f"{minimal}{text}\n")
        with pytest.raises(ConfigError) as caught:
            load(Path("beeyard.yml"))
        assert caught.value.what == f"beeyard.yml has {count}."
        assert caught.value.exit_code == 3


def test_pydantics_own_words_never_show(mistakes: Refused, minimal: str) -> None:
    wrong_values = ("5", "[x]", "{x: y}", "text", "true", "null", "1.5", "2024-01-01", "[[1]]")
    keys = (
        "zones",
        "managers",
        "image",
        "efs",
        "database",
        "dns",
        "registry",
        "applications",
        "infrastructure",
        "vpc_cidr",
    )
    for key in keys:
        for value in wrong_values:
            if value == "null" and key in ("database", "dns"):
                continue
            for mistake in mistakes(f"{minimal}{key}: {value}\n"):
                assert "Input should" not in mistake.what
                assert mistake.fix
                assert str(mistake.where).startswith("beeyard.yml:8:")
