"""The edge: what it listens on, and how that is written down for HAProxy."""

import ipaddress
from dataclasses import replace

from beeyard.sandbox import edge
from beeyard.sandbox.edge import Bind
from beeyard.sandbox.ports import Listener
from beeyard.sandbox.world import PortRange, World
from sandbox import worlds


def places(binds: tuple[Bind, ...]) -> dict[str, Bind]:
    return {bind.place: bind for bind in binds}


def test_the_local_ports_are_held_before_anything_answers() -> None:
    found = places(edge.binds(World("us-east-1"), 8080, 8443))
    assert list(found) == ["127.0.0.1:8080", "127.0.0.1:8443"]
    assert found["127.0.0.1:8080"].servers == ()


def test_local_ports_lead_to_the_first_address_and_the_others_stand_in() -> None:
    found = places(edge.binds(worlds.WORLD, 8080, 8443))
    assert found["127.0.0.1:8443"].servers == ("10.20.1.11", "10.20.2.12")
    assert found["127.0.0.1:8443"].to_port == 443


def test_an_elastic_ip_answers_on_what_its_groups_open_and_on_the_printed_ports() -> None:
    found = places(edge.binds(worlds.WORLD, 8080, 8443))
    mine = [place for place in found if place.startswith("127.1.2.3:")]
    assert mine == [
        "127.1.2.3:80",
        "127.1.2.3:443",
        "127.1.2.3:8080",
        "127.1.2.3:8443",
    ]
    assert found["127.1.2.3:8080"].to_port == 80


def test_nothing_answers_for_ports_that_are_not_open_to_the_world() -> None:
    closed = replace(worlds.MANAGER, open_ports=())
    world = replace(worlds.WORLD, instances=(closed,))
    assert [one.address for one in edge.binds(world, 80, 443)] == ["127.0.0.1", "127.0.0.1"]


def test_a_stopped_instance_is_no_longer_reached() -> None:
    world = replace(worlds.WORLD, instances=(replace(worlds.MANAGER, running=False),))
    assert places(edge.binds(world, 80, 443))["127.0.0.1:80"].servers == ()


def test_the_configuration() -> None:
    text = edge.render(
        [
            Bind("127.0.0.1", PortRange(8080, 8080), ("10.0.0.1", "10.0.0.2"), 80),
            Bind("127.1.2.3", PortRange(7000, 7010), ("10.0.0.1",)),
        ]
    )
    assert text.partition("listen b0")[2] == (
        "\n    bind 127.0.0.1:8080\n"
        "    server s0 10.0.0.1:80 check inter 2s fall 2 rise 1\n"
        "    server s1 10.0.0.2:80 check inter 2s fall 2 rise 1 backup\n\n"
        "listen b1\n    bind 127.1.2.3:7000-7010\n    server s0 10.0.0.1\n"
    )


def test_what_another_program_holds_is_left_out_and_said() -> None:
    wanted = edge.binds(worlds.WORLD, 8080, 8443)
    web_server = Listener(ipaddress.ip_address("0.0.0.0"), 80, 1)
    possible, problems = edge.split(wanted, [web_server])
    assert "127.1.2.3:80" not in places(possible)
    assert "127.1.2.3:443" in places(possible)
    assert problems[0].about == "127.1.2.3:80 of this machine does not answer"
    assert "port 80 of 0.0.0.0 is taken" in problems[0].why


def test_a_group_that_opens_everything_is_not_forwarded() -> None:
    _, problems = edge.split([Bind("127.1.2.3", PortRange(0, 65535), ("10.0.0.1",))], [])
    assert "65536 ports" in problems[0].why
