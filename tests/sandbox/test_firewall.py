"""Security groups as rules: what is let through, and in which order it is asked."""

from dataclasses import replace

import pytest

from beeyard.sandbox.desired import desired
from beeyard.sandbox.firewall import Firewall, Guarded, apply
from beeyard.sandbox.observe import security_group
from beeyard.sandbox.world import Rule, SecurityGroup
from beeyard.testing import FakeRunner
from sandbox import worlds

NODE = SecurityGroup(
    "sg-node",
    ingress=(Rule("udp", 4789, 4789, groups=("sg-node",)), Rule("50", groups=("sg-node",))),
    egress=(Rule("-1", blocks=("0.0.0.0/0",)),),
)
WEB = SecurityGroup(
    "sg-web",
    ingress=(
        Rule("tcp", 443, 443, blocks=("0.0.0.0/0",)),
        Rule("tcp", 22, 22, blocks=("203.0.113.0/24", "10.20.0.1/32")),
    ),
)
FILES = SecurityGroup("sg-files", ingress=(Rule("tcp", 2049, 2049, groups=("sg-node",)),))
MANAGER = Guarded("i-m1", "10.20.1.11", ("sg-node", "sg-web"))
WORKER = Guarded("i-w1", "10.20.6.4", ("sg-node",))
TARGET = Guarded("fsmt-a", "10.20.11.5", ("sg-files",))
WALL = Firewall(worlds.ADDRESSES, (MANAGER, WORKER, TARGET), (NODE, WEB, FILES))


def chain(firewall: Firewall, name: str) -> list[str]:
    """The lines of a chain or set."""
    text = firewall.render("beeyard_x")
    _, found, after = text.partition(f" {name} {{\n")
    assert found, f"{name} is not in\n{text}"
    return [line.strip() for line in after.partition("    }\n")[0].splitlines()]


def test_a_group_lets_in_whoever_has_the_group_it_names() -> None:
    assert chain(WALL, "in_sg_node") == [
        "ip saddr @members_sg_node udp dport 4789-4789 accept",
        "ip saddr @members_sg_node meta l4proto 50 accept",
    ]
    assert "elements = { 10.20.1.11, 10.20.6.4 }" in chain(WALL, "set members_sg_node")


def test_each_block_of_a_rule_is_a_line_and_the_world_needs_no_address() -> None:
    assert chain(WALL, "in_sg_web") == [
        "tcp dport 443-443 accept",
        "ip saddr 203.0.113.0/24 tcp dport 22-22 accept",
        "ip saddr 10.20.0.1/32 tcp dport 22-22 accept",
    ]


def test_what_no_group_of_an_address_lets_in_is_dropped() -> None:
    assert chain(WALL, "to_i_m1") == ["jump in_sg_node", "jump in_sg_web", "drop"]
    assert "10.20.11.5 : goto to_fsmt_a" in chain(WALL, "chain arriving")[0]


def test_what_is_let_out_has_to_be_let_in() -> None:
    assert chain(WALL, "out_sg_node") == ["goto arriving"]
    assert chain(WALL, "out_sg_files") == []
    assert chain(WALL, "from_fsmt_a") == ["jump out_sg_files", "drop"]


def test_answers_and_the_vpcs_own_services_pass_before_any_group_is_asked() -> None:
    first, second, third, last = chain(WALL, "chain leaving")
    assert first == "ct state established,related accept"
    assert second == "ip daddr { 169.254.169.254, 10.20.0.2 } accept"
    assert third.startswith("ip saddr vmap { 10.20.1.11 : goto from_i_m1")
    assert last == "goto arriving"


def test_without_groups_nothing_is_let_in() -> None:
    bare = replace(WALL, guarded=(Guarded("i-x", "10.20.6.9", ()),))
    assert chain(bare, "to_i_x") == ["drop"]


def test_a_group_that_is_not_known_yet_lets_nothing_in() -> None:
    early = replace(WALL, guarded=(Guarded("i-x", "10.20.6.9", ("sg-new", "sg-web")),))
    assert chain(early, "to_i_x") == ["jump in_sg_web", "drop"]


def test_where_nothing_is_guarded_there_is_no_map() -> None:
    assert chain(replace(WALL, guarded=()), "chain arriving") == ["accept"]


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (Rule("-1"), ""),
        (Rule("tcp", 0, 65535), "meta l4proto tcp "),
        (Rule("6", 8000, 8010), "tcp dport 8000-8010 "),
        (Rule("icmp", -1, -1), "meta l4proto icmp "),
        (Rule("icmp", 8, -1), "meta l4proto icmp icmp type 8 "),
        (Rule("1", 3, 4), "meta l4proto icmp icmp type 3 icmp code 4 "),
    ],
)
def test_protocols(rule: Rule, line: str) -> None:
    group = SecurityGroup("sg-node", ingress=(replace(rule, blocks=("10.0.0.0/8",)),))
    wall = replace(WALL, groups=(group,))
    assert chain(wall, "in_sg_node") == [f"ip saddr 10.0.0.0/8 {line}accept"]


def test_what_ipv4_does_not_have_is_left_out() -> None:
    group = SecurityGroup("sg-node", ingress=(Rule("icmpv6", blocks=("0.0.0.0/0",)),))
    assert chain(replace(WALL, groups=(group,)), "in_sg_node") == []


def test_the_apis_words_for_a_rule() -> None:
    pair = {"GroupId": "sg-node", "UserId": "1"}
    ingress = {
        "IpProtocol": "50", "FromPort": 0, "ToPort": 0, "UserIdGroupPairs": [pair], "IpRanges": []
    }  # fmt: skip
    egress = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    answer = {"GroupId": "sg-1", "IpPermissions": [ingress], "IpPermissionsEgress": [egress]}
    assert security_group(answer) == SecurityGroup(
        "sg-1",
        (Rule("50", 0, 0, groups=("sg-node",)),),
        (Rule("-1", blocks=("0.0.0.0/0",)),),
    )


def test_other_rules_have_another_version() -> None:
    other = replace(WALL, guarded=(MANAGER, WORKER))
    versions = {wall.render("t").partition("chain v_")[2][:16] for wall in (WALL, other, WALL)}
    assert len(versions) == 2


def test_all_that_has_groups_is_guarded() -> None:
    world = replace(
        worlds.WORLD,
        instances=(replace(worlds.WORKER, groups=("sg-node",)),),
        databases=(replace(worlds.DATABASE, groups=("sg-db",)),),
        groups=(NODE,),
    )
    found = desired(worlds.SETTING, world, {"db-timeoff": 0}).firewall
    assert Guarded("i-w1", "10.20.6.4", ("sg-node",)) in found.guarded
    assert Guarded("db-timeoff", "10.20.0.16", ("sg-db",)) in found.guarded
    assert Guarded("fsmt-a", "10.20.11.5", ()) in found.guarded
    assert found.groups == (NODE,)


def test_a_kernel_that_hides_what_is_bridged_is_told_of() -> None:
    with FakeRunner() as runner:
        runner.expect("/bin/sh", ...)
        runner.expect("/bin/sh", ..., stdout="unbridged\n")
        assert apply(runner, "my-bees", WALL) == ()
        (problem,) = apply(runner, "my-bees", WALL)
    assert "br_netfilter" in problem.why
    assert runner.calls[0].argv[-2] == "beeyard_my_bees"
    assert runner.calls[0].input == WALL.render("beeyard_my_bees").encode()
