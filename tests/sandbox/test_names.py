"""The resolver: what it answers."""

from dataclasses import replace
from pathlib import Path

from beeyard.sandbox import names
from beeyard.sandbox.names import Names
from beeyard.sandbox.world import ARecord, World
from sandbox import worlds


def answers(world: World) -> Names:
    endpoints = {worlds.DATABASE.endpoint: "10.20.0.16"}
    return names.names(worlds.SPEC, worlds.ADDRESSES, world, endpoints, ["192.0.2.53"])


def test_public_addresses_are_answered_with_private_ones() -> None:
    assert "10.20.1.11 www.example.com\n" in answers(worlds.WORLD).hosts


def test_the_domain_and_all_below_it_lead_to_the_managers_without_any_record() -> None:
    found = answers(worlds.WORLD)
    assert "10.20.1.11 beeyard.localhost\n10.20.2.12 beeyard.localhost\n" in found.hosts
    assert "address=/beeyard.localhost/10.20.1.11\n" in found.config


def test_a_record_of_ones_own_comes_before_that() -> None:
    world = replace(worlds.WORLD, records=(ARecord("*.beeyard.localhost", ("192.0.2.9",)),))
    assert "address=/beeyard.localhost/192.0.2.9\n" in answers(world).config
    assert "address=/beeyard.localhost/10.20.1.11" not in answers(world).config


def test_what_aws_names_by_itself() -> None:
    hosts = answers(worlds.WORLD).hosts
    assert "10.20.11.5 fs-1.efs.us-east-1.amazonaws.com\n" in hosts
    assert "10.20.0.16 timeoff.aaaaaaaaaa.us-east-1.rds.amazonaws.com\n" in hosts
    assert "10.20.6.4 ip-10-20-6-4.ec2.internal\n" in hosts


def test_the_rest_is_asked_elsewhere() -> None:
    config = answers(worlds.WORLD).config
    assert "server=192.0.2.53\n" in config
    assert "local=/beeyard.localhost/\n" in config


def test_loopback_resolvers_are_passed_over(tmp_path: Path) -> None:
    stub, real = tmp_path / "stub", tmp_path / "real"
    stub.write_text("nameserver 127.0.0.53\n")
    real.write_text("search x\nnameserver 192.0.2.1\nnameserver 2001:db8::1\n")
    assert names.upstream_servers([stub, real]) == ["192.0.2.1", "2001:db8::1"]
