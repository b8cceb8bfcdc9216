"""Whatever a genuine sender, or anybody, sends: it is read, or refused in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beeyard.controller.forges.receive import receive
from beeyard.controller.forges.refusal import HookError
from controller.forges.payloads import FORMS, NOW, UNHURRIED, A, Delivery, pull, push, settings

EVENTS = ("push", "pull_request", "ping", "Push Hook", "Tag Push Hook", "Merge Request Hook", "")
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just(A)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)


def _told_in_words(form: str, delivery: Delivery) -> None:
    """A genuine sender sends anything: it is read, or refused in words that can be sent."""
    problem: HookError | None = None
    try:
        delivery.received(settings(delivery.kind, delivery.secret))
    except HookError as error:
        problem = error
    assert problem is None or (problem.what and 400 <= problem.status < 500)


@UNHURRIED
@given(st.sampled_from(FORMS), st.sampled_from(EVENTS), st.binary(max_size=300))
def test_any_bytes_are_refused_in_words(form: str, name: str, body: bytes) -> None:
    delivery = push(form)
    delivery.event, delivery.payload = name, body
    _told_in_words(form, delivery)


@UNHURRIED
@given(st.data())
def test_any_value_at_any_place_is_read_or_refused_in_words(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(FORMS))
    delivery = data.draw(st.sampled_from([push, pull]))(form)
    place = delivery.payload
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(TREES)
    _told_in_words(form, delivery)


@UNHURRIED
@given(
    st.sampled_from(FORMS),
    st.dictionaries(
        st.sampled_from(
            [
                "x-hub-signature-256",
                "x-github-event",
                "x-gitea-signature",
                "x-forgejo-signature",
                "x-gitlab-token",
                "webhook-id",
                "webhook-timestamp",
                "webhook-signature",
                "content-type",
            ]
        ),
        st.text(st.characters(codec="latin-1"), max_size=40),
    ),
    st.binary(max_size=50),
)
def test_any_headers_are_refused_in_words(form: str, headers: dict[str, str], body: bytes) -> None:
    delivery = push(form)
    with pytest.raises(HookError):
        receive(settings(delivery.kind, delivery.secret), headers, body, NOW)
