"""Pinned host keys: one truth in a real S3, a copy on each machine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from beeyard.cloud import state_bucket
from beeyard.cloud.shared_text import SharedText
from beeyard.errors import HostError, Refused
from beeyard.inventory.pins import parse
from beeyard.private import private_folder
from beeyard.workflows import Cluster
from beeyard.workflows import pins as workflow
from beeyard.workflows.cloud import bucket_of
from beeyard.workflows.pins import (
    KEY,
    MET,
    fetch,
    fingerprint,
    forget,
    forget_host_key,
    keep,
    unmet,
)
from cloud.example import MANAGER, WORKERS, at, outputs
from cloud.moto import Moto

GATE, WORKER = MANAGER.instance_id, WORKERS[0].instance_id
#: Keys, as far as anybody looks at them here.
A, B, C = "AAAA", "BBBB", "CCCC"
THERE = outputs(nodes=(MANAGER, WORKERS[0]))


@pytest.fixture
def cluster(moto: Moto, make_cluster: Callable[..., Cluster]) -> Cluster:
    made = make_cluster(at(moto.endpoint))
    private_folder(made.folder)
    state_bucket.ensure(made.aws, bucket_of(made))
    return made


@pytest.fixture
def another(cluster: Cluster, tmp_path: Path) -> Cluster:
    """Another operator's machine, on which nothing is."""
    return replace(cluster, folder=private_folder(tmp_path / "another"))


def shared(cluster: Cluster) -> SharedText:
    return SharedText(cluster.aws, bucket_of(cluster), KEY)


def pin(cluster: Cluster, *lines: str) -> None:
    cluster.ssh.known_hosts.write_text("".join(f"{line}\n" for line in lines))


def here(cluster: Cluster) -> list[str]:
    return cluster.ssh.known_hosts.read_text().splitlines()


def test_what_one_machine_pinned_another_knows(cluster: Cluster, another: Cluster) -> None:
    lines = sorted((f"{GATE} ssh-ed25519 {A}", f"{WORKER} ssh-ed25519 {B}"))
    pin(cluster, *lines)
    keep(cluster, THERE)
    fetch(another, THERE)
    assert here(another) == lines
    assert another.ssh.known_hosts.stat().st_mode & 0o777 == 0o600


def test_a_disagreement_is_no_overwrite(cluster: Cluster, another: Cluster) -> None:
    pin(cluster, f"{GATE} ssh-ed25519 {A}")
    keep(cluster, THERE)
    pin(another, f"{GATE} ssh-ed25519 {B}")
    for act in (fetch, keep):
        with pytest.raises(HostError) as caught:
            act(another, THERE)
        assert MANAGER.name in caught.value.what
        assert fingerprint(A) in str(caught.value.why)
        assert fingerprint(B) in str(caught.value.why)
        assert "forget-key" in str(caught.value.fix)
    assert here(another) == [f"{GATE} ssh-ed25519 {B}"]
    assert shared(cluster).read().text == f"{GATE} ssh-ed25519 {A}\n"


def test_machines_that_are_gone_are_forgotten(cluster: Cluster) -> None:
    pin(cluster, f"i-gone ssh-ed25519 {C}", f"{GATE} ssh-ed25519 {A}")
    keep(cluster, outputs(nodes=(MANAGER,)))
    assert here(cluster) == [f"{GATE} ssh-ed25519 {A}"]
    assert shared(cluster).read().text == f"{GATE} ssh-ed25519 {A}\n"


def test_whoever_only_looks_takes_nothing_away(cluster: Cluster) -> None:
    """An `up` may have pinned a machine of which the states do not tell yet."""
    pin(cluster, f"i-coming ssh-ed25519 {C}")
    fetch(cluster, THERE)
    assert here(cluster) == [f"i-coming ssh-ed25519 {C}"]


def test_two_that_write_at_once_lose_nothing(
    cluster: Cluster, another: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin(cluster, f"{GATE} ssh-ed25519 {A}")
    pin(another, f"{WORKER} ssh-ed25519 {B}")
    write = SharedText.write

    def beaten(self: SharedText, text: str, seen: object) -> bool:
        monkeypatch.setattr(SharedText, "write", write)
        keep(another, THERE)
        return write(self, text, seen)  # type: ignore[arg-type]

    monkeypatch.setattr(SharedText, "write", beaten)
    keep(cluster, THERE)
    assert len(shared(cluster).read().text.splitlines()) == 2


def test_one_is_forgotten_everywhere(
    cluster: Cluster, another: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = sorted((f"{GATE} ssh-ed25519 {A}", f"{WORKER} ssh-ed25519 {B}"))
    pin(cluster, *lines)
    keep(cluster, THERE)
    monkeypatch.setattr(workflow, "read_outputs", lambda _: THERE)
    doing: list[str] = []

    @contextmanager
    def alone_in(_: Cluster, what: str) -> Iterator[None]:
        doing.append(what)
        yield

    monkeypatch.setattr(workflow, "alone_in", alone_in)
    assert forget_host_key(cluster, MANAGER.name, lambda _: None)
    assert here(cluster) == [f"{WORKER} ssh-ed25519 {B}"]
    assert parse(shared(cluster).read().text) == {(WORKER, "ssh-ed25519"): B}
    assert doing == [f"node forget-key {MANAGER.name}"], "nobody else is at it meanwhile"
    assert not forget(another, GATE)
    with pytest.raises(Refused, match="there is no node nobody"):
        forget_host_key(cluster, "nobody", lambda _: None)


def test_nothing_is_written_over_what_was_not_seen(cluster: Cluster) -> None:
    text = shared(cluster)
    nothing = text.read()
    assert nothing.mark is None
    assert text.write("first", nothing)
    assert not text.write("second", nothing)
    seen = text.read()
    assert text.write("third", seen)
    assert not text.write("fourth", seen)
    assert text.read().text == "third"


def test_what_is_pinned_for_the_first_time_is_said(cluster: Cluster) -> None:
    pin(cluster, f"{GATE} ssh-ed25519 {A}")
    assert keep(cluster, THERE) == (f"{MANAGER.name} ({GATE}): ssh-ed25519 {fingerprint(A)}",)
    assert keep(cluster, THERE) == ()


def test_pins_that_were_lost_are_no_first_contact(cluster: Cluster, another: Cluster) -> None:
    pin(cluster, f"{GATE} ssh-ed25519 {A}")
    keep(cluster, THERE)
    assert unmet(cluster, THERE) == {WORKER}
    cluster.aws.client("s3").delete_object(Bucket=bucket_of(cluster), Key=KEY)
    fetch(another, THERE)
    with pytest.raises(HostError) as caught:
        unmet(another, THERE)
    assert caught.value.what == f"the host key of {MANAGER.name} is not known any more"
    # Where a copy is left, it is put back.
    assert unmet(cluster, THERE) == {WORKER}
    keep(cluster, THERE)
    fetch(another, THERE)
    assert unmet(another, THERE) == {WORKER}


def test_an_up_that_was_killed_before_it_pinned_goes_on(cluster: Cluster) -> None:
    pin(cluster)
    fetch(cluster, THERE)
    assert unmet(cluster, THERE) == {GATE, WORKER}


def test_one_that_was_forgotten_is_met_again(cluster: Cluster, another: Cluster) -> None:
    pin(cluster, f"{GATE} ssh-ed25519 {A}")
    keep(cluster, THERE)
    cluster.aws.client("s3").delete_object(Bucket=bucket_of(cluster), Key=KEY)
    assert forget(another, GATE)
    assert unmet(another, THERE) == {GATE, WORKER}


def test_machines_that_are_gone_were_never_met(cluster: Cluster) -> None:
    pin(cluster, f"{GATE} ssh-ed25519 {A}", f"{WORKER} ssh-ed25519 {B}")
    keep(cluster, THERE)
    keep(cluster, outputs(nodes=(MANAGER,)))
    met = SharedText(cluster.aws, bucket_of(cluster), MET)
    assert met.read().text == f"{GATE}\n"


def test_what_was_forgotten_does_not_come_back_from_a_copy(
    cluster: Cluster, another: Cluster
) -> None:
    pin(cluster, f"{GATE} ssh-ed25519 {A}")
    keep(cluster, THERE)
    fetch(another, THERE)
    forget(cluster, GATE)
    fetch(another, THERE)
    keep(another, THERE)
    assert here(another) == []
    assert parse(shared(cluster).read().text) == {}

    # Nor does it stand against the key that is pinned then.
    pin(another, f"{GATE} ssh-ed25519 {A}")
    pin(cluster, f"{GATE} ssh-ed25519 {B}")
    keep(cluster, THERE)
    fetch(another, THERE)
    assert here(another) == [f"{GATE} ssh-ed25519 {B}"]


def test_one_that_shows_the_same_key_again_is_pinned_again(
    cluster: Cluster, another: Cluster
) -> None:
    pin(cluster, f"{GATE} ssh-ed25519 {A}")
    keep(cluster, THERE)
    forget(cluster, GATE)
    fetch(cluster, THERE)
    pin(cluster, f"{GATE} ssh-ed25519 {A}")
    keep(cluster, THERE)
    fetch(another, THERE)
    assert here(cluster) == here(another) == [f"{GATE} ssh-ed25519 {A}"]
    assert shared(cluster).read().text == f"{GATE} ssh-ed25519 {A}\n"
