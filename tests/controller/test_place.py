"""Addresses that people are told."""

import pytest

from beeyard.controller.starts import Place


@pytest.mark.parametrize(("port", "shown"), [(443, ""), (8443, ":8443")])
def test_the_port_is_named_where_it_is_not_the_usual_one(port: int, shown: str) -> None:
    place = Place("yard", "ci.example.com", "git.example.com", port)
    assert place.link("runs/7") == f"https://ci.example.com{shown}/runs/7"
    assert place.remote("shop") == f"https://git.example.com{shown}/shop.git"
