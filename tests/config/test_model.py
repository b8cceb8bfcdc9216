"""What a good file becomes."""

import re
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from pydantic import ValidationError

from beeyard.config import (
    FILE_NAME,
    ClusterSpec,
    ExternalRegistry,
    SecretSource,
    find,
    load,
    nodes,
    starter,
    subnets,
)
from beeyard.errors import BeeyardError, ConfigError

Loaded = Callable[[str], ClusterSpec]
Refused = Callable[[str], tuple[BeeyardError, ...]]


def test_defaults_that_follow_from_other_fields(loaded: Loaded, minimal: str) -> None:
    spec = loaded(minimal + "database: {engine: mysql, storage_gib: 200}\n")
    assert spec.zones == ("eu-central-1a", "eu-central-1b", "eu-central-1c")
    assert spec.database is not None
    assert (spec.database.version, spec.database.max_storage_gib) == ("8.4", 400)


@pytest.mark.parametrize("storage", [20, 50, 51, 40000, 59578])
def test_the_default_maximum_is_one_that_rds_takes(
    loaded: Loaded, minimal: str, storage: int
) -> None:
    database = loaded(f"{minimal}database: {{storage_gib: {storage}}}\n").database
    assert database is not None
    assert storage * 11 <= database.max_storage_gib * 10 <= 655360


def test_the_spec_is_frozen(loaded: Loaded, minimal: str) -> None:
    spec = loaded(minimal)
    with pytest.raises(ValidationError):
        spec.managers.count = 3


@pytest.mark.parametrize(
    ("server", "directory"),
    [
        ("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"),
        ("letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory"),
        ("https://ca.example.com:9000/acme", "https://ca.example.com:9000/acme"),
    ],
)
def test_acme_directories(loaded: Loaded, minimal: str, server: str, directory: str) -> None:
    spec = loaded(minimal.replace("ops@example.com", f"ops@example.com, server: '{server}'"))
    assert spec.ingress.acme.directory == directory


def test_the_root_of_an_authority(
    loaded: Loaded, minimal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    base = Path("/srv/project")

    def file(text: str) -> Path | None:
        spec = loaded(minimal.replace("ops@example.com", f"ops@example.com{text}"))
        return spec.ingress.acme.root_file(base)

    assert file("") is None
    assert file(", root_certificate: ca/root.pem") == base / "ca/root.pem"
    assert file(", root_certificate: ~/root.pem") == Path("/home/someone/root.pem")


@pytest.mark.parametrize(
    "domain", ["beeyard.localhost", "a.b-c.example.com", "xn--bcher-kva.example"]
)
def test_domains(loaded: Loaded, minimal: str, domain: str) -> None:
    assert loaded(minimal.replace("shop.example.com", domain)).domain == domain


def test_a_domain_of_full_length(loaded: Loaded, mistakes: Refused, minimal: str) -> None:
    longest = ".".join(["a" * 59] * 4) + ".ab"
    longest += "c" * (243 - len(longest))
    assert loaded(minimal.replace("shop.example.com", longest)).domain == longest
    (mistake,) = mistakes(minimal.replace("shop.example.com", longest + "d"))
    assert mistake.what == "domain: the domain has 244 characters"


@pytest.mark.parametrize("zone", ["shop.example.com", "example.com", "com.example"])
def test_the_zone_holds_the_domain(loaded: Loaded, minimal: str, zone: str) -> None:
    text = f"{minimal}dns: {{zone: {zone}}}\n"
    if zone == "com.example":
        with pytest.raises(ConfigError):
            loaded(text)
    else:
        assert loaded(text).dns is not None


@pytest.mark.parametrize(
    "kind", ["t4g.small", "m7g.large", "c7gn.xlarge", "a1.medium", "im4gn.large"]
)
def test_arm_instances(loaded: Loaded, minimal: str, kind: str) -> None:
    pools = f"managers: {{type: {kind}}}\nworkers: {{type: {kind}}}\n"
    assert loaded(f"{minimal}{pools}image: {{architecture: arm64}}\n").workers.type == kind


@pytest.mark.parametrize(
    "kind", ["t3.small", "g4dn.xlarge", "m5.large", "u-6tb1.metal", "c6i.large"]
)
def test_intel_and_amd_instances(loaded: Loaded, minimal: str, kind: str) -> None:
    assert loaded(f"{minimal}workers: {{type: {kind}}}\n").workers.type == kind


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("database-url", SecretSource("database-url")),
        ("generate", SecretSource("generate")),
        ("env:TOKEN", SecretSource("env", "TOKEN")),
        ("file:a b/c:d", SecretSource("file", "a b/c:d")),
    ],
)
def test_secret_sources(text: str, source: SecretSource) -> None:
    assert SecretSource.parse(text) == source
    assert str(source) == text


def test_paths_are_relative_to_the_file(
    loaded: Loaded, minimal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    spec = loaded(
        minimal.replace("ssh:\n", "ssh:\n  key: ~/.ssh/id\n")
        + "applications: {web: {path: apps/web}}\n"
    )
    base = Path("/srv/project")
    assert spec.ssh.public_key(base) == Path("/home/someone/.ssh/id.pub")
    assert spec.applications["web"].stack_file(base) == base / "apps/web/stack.yml"


@pytest.mark.parametrize("zones", range(1, 6))
@pytest.mark.parametrize("prefix", range(16, 23))
def test_subnets_lie_in_the_vpc_and_nowhere_overlap(prefix: int, zones: int) -> None:
    vpc = IPv4Network(f"10.20.0.0/{prefix}")
    found = [subnet.network for subnet in subnets(str(vpc), [f"z{n}" for n in range(zones)])]
    assert len(found) == 3 * zones
    assert all(network.subnet_of(vpc) for network in found)
    assert all(vpc.network_address not in network for network in found)
    assert not any(a.overlaps(b) for i, a in enumerate(found) for b in found[:i])
    assert all(24 <= network.prefixlen <= 28 for network in found)


def test_subnets_are_those_of_the_terraform_module() -> None:
    by_tier = {
        (one.tier, one.zone): str(one.network) for one in subnets("10.20.0.0/16", ["a", "b"])
    }
    assert by_tier[("manager", "a")] == "10.20.1.0/24"
    assert by_tier[("public", "b")] == "10.20.7.0/24"
    assert by_tier[("private", "a")] == "10.20.11.0/24"
    assert str(subnets("10.20.0.0/22", ["a"])[0].network) == "10.20.0.64/26"


@pytest.mark.parametrize("managers", [1, 3, 5, 7])
@pytest.mark.parametrize("workers", [0, 1, 4, 9])
def test_nodes_never_move(loaded: Loaded, minimal: str, managers: int, workers: int) -> None:
    def planned(m: int, w: int) -> dict[str, object]:
        return dict(nodes(loaded(f"{minimal}managers: {{count: {m}}}\nworkers: {{count: {w}}}\n")))

    plan = planned(managers, workers)
    assert len(plan) == managers + workers
    most = planned(7, 10)
    assert all(most[name] == node for name, node in plan.items())


def test_nodes_are_spread_round_robin(loaded: Loaded, minimal: str) -> None:
    plan = nodes(
        loaded(f"{minimal}managers: {{count: 3}}\nworkers: {{count: 4, type: m5.large}}\n")
    )
    assert [node.zone[-1] for node in plan.values()] == list("abcabca")
    assert (plan["manager-1"].role, plan["worker-4"].type) == ("manager", "m5.large")


def test_find_looks_in_folders_above(minimal: str, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(minimal)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find(inner) == find(tmp_path) == tmp_path / FILE_NAME


def test_find_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find(tmp_path)
    assert caught.value.what == f"There is no beeyard.yml in {tmp_path}, nor in a folder above it."
    assert "beeyard init" in str(caught.value.fix)
    (tmp_path / "beeyard.yaml").touch()
    with pytest.raises(ConfigError) as caught:
        find(tmp_path)
    assert caught.value.fix == "Rename it to beeyard.yml, or name it with -f beeyard.yaml."


def test_the_starter_is_valid_also_with_its_comments_taken_away() -> None:
    text = starter("shop", "example.com")
    assert text.startswith("# What your cluster is.")
    Path("beeyard.yml").write_text(text)
    spec = load(Path("beeyard.yml"))
    assert (spec.name, spec.domain) == ("shop", "example.com")
    whole = re.sub(r"^# ( *[A-Za-z_]+:( .*)?)$", r"\1", text, flags=re.MULTILINE)
    assert whole != text
    Path("beeyard.yml").write_text(whole)
    full = load(Path("beeyard.yml"))
    assert full.dns is not None
    assert full.database is not None
    assert list(full.applications) == ["web"]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", ("123456789012", "eu-central-1")),
        ("123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/a/b", ("123456789012", "us-gov-west-1")),
        ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", ("123456789012", "us-east-1")),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/x", ("123456789012", "cn-north-1")),
        ("registry.example.com/123456789012.dkr.ecr.eu-central-1", None),
        ("public.ecr.aws/team", None),
    ],
)
def test_a_registry_of_ecr_is_known_by_its_host(
    loaded: Loaded, minimal: str, host: str, expected: tuple[str, str] | None
) -> None:
    registry = loaded(f"{minimal}registry: {{kind: external, host: {host}}}\n").registry
    assert isinstance(registry, ExternalRegistry)
    assert registry.ecr == expected
