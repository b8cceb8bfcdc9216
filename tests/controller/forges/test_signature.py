"""Signatures: what others have published as right, and everything beside it as wrong."""

import pytest

from beeyard.controller.forges.receive import receive
from beeyard.controller.forges.refusal import NotGenuine
from beeyard.controller.forges.settings import Kind, Settings
from beeyard.controller.forges.signature import hex_signed, standard_signed
from beeyard.errors import ConfigError
from beeyard.secret import Secret
from controller.forges.payloads import FORMS, NOW, SECRET, SIGNING, Delivery, push, settings


@pytest.mark.parametrize(
    ("secret", "body", "signature"),
    [
        # docs.github.com "Validating webhook deliveries", "Testing the webhook payload validation".
        (
            "It's a Secret to Everybody",
            b"Hello, World!",
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
        # RFC 4231, test case 2.
        (
            "Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
    ],
)
def test_published_signatures_are_right(secret: str, body: bytes, signature: str) -> None:
    assert hex_signed(signature, body, Secret(secret))
    assert not hex_signed(signature, body + b" ", Secret(secret))
    assert not hex_signed(signature, body, Secret(secret + "x"))


# The example of the Standard Webhooks specification.
VECTOR = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
VECTOR_KEY = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_AT = 1614265330.0


def test_the_published_example_of_a_signing_token_is_right() -> None:
    assert standard_signed(VECTOR, VECTOR_BODY, VECTOR_KEY, VECTOR_AT)


def test_one_of_several_signatures_is_enough_while_a_token_is_changed() -> None:
    several = VECTOR | {"webhook-signature": f"v1,bm9uZQ== {VECTOR['webhook-signature']}"}
    assert standard_signed(several, VECTOR_BODY, VECTOR_KEY, VECTOR_AT)


@pytest.mark.parametrize(
    ("changed", "at"),
    [
        ({"webhook-id": "msg_other"}, VECTOR_AT),
        ({"webhook-id": ""}, VECTOR_AT),
        ({"webhook-timestamp": "1614265331"}, VECTOR_AT),
        ({"webhook-timestamp": ""}, VECTOR_AT),
        ({"webhook-timestamp": "soon"}, VECTOR_AT),
        ({"webhook-timestamp": "²"}, VECTOR_AT),
        ({"webhook-signature": ""}, VECTOR_AT),
        (
            {"webhook-signature": VECTOR["webhook-signature"].removeprefix("v1,")},
            VECTOR_AT,
        ),
        ({}, VECTOR_AT + 301),
        ({}, VECTOR_AT - 301),
    ],
)
def test_whatever_is_not_as_it_was_signed_is_wrong(changed: dict[str, str], at: float) -> None:
    assert not standard_signed(VECTOR | changed, VECTOR_BODY, VECTOR_KEY, at)


def test_an_id_with_a_full_stop_is_not_believed() -> None:
    """Else what was signed could be parted in more than one way."""
    assert push("gitlab-signed", id="msg_1").received().event
    with pytest.raises(NotGenuine):
        push("gitlab-signed", id="msg_1.1700000000").received()


@pytest.mark.parametrize("form", FORMS)
def test_each_forge_is_believed_with_its_secret(form: str) -> None:
    event = push(form).received().event
    assert event is not None
    assert event.commit == "b" * 40


@pytest.mark.parametrize("form", FORMS)
def test_each_forge_is_not_believed_with_another_secret(form: str) -> None:
    wrong = {"gitlab-signed": Secret(f"whsec_{'b' * 44}")}
    known = settings(push(form).kind, wrong.get(form, Secret("another-secret-of-a-hook")))
    with pytest.raises(NotGenuine):
        push(form).received(known)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "gitlab"])
def test_a_body_that_was_changed_on_its_way_is_not_believed(form: str) -> None:
    delivery = push(form)
    changed = delivery.body.replace(b"Sell more", b"Sell less")
    assert len(changed) == len(delivery.body)
    with pytest.raises(NotGenuine):
        receive(settings(delivery.kind, delivery.secret), delivery.headers, changed, NOW)


@pytest.mark.parametrize("form", FORMS)
def test_a_delivery_without_its_signature_is_not_believed(form: str) -> None:
    delivery = push(form)
    bare = {
        name: value
        for name, value in delivery.headers.items()
        if "signature" not in name and "token" not in name
    }
    with pytest.raises(NotGenuine):
        receive(settings(delivery.kind, delivery.secret), bare, delivery.body, NOW)


def test_the_older_signature_of_github_does_not_count() -> None:
    delivery = push("github")
    headers = delivery.headers | {"x-hub-signature": "sha1=" + "0" * 40}
    del headers["x-hub-signature-256"]
    with pytest.raises(NotGenuine):
        receive(settings("github"), headers, delivery.body, NOW)


def test_a_signature_without_the_name_of_its_algorithm_does_not_count() -> None:
    delivery = push("github")
    bare = delivery.headers["x-hub-signature-256"].removeprefix("sha256=")
    delivery.more = {"x-hub-signature-256": bare}
    with pytest.raises(NotGenuine):
        delivery.received()


def test_a_signing_token_is_not_taken_as_a_secret_token() -> None:
    """Which scheme holds is not the sender's to say: else a signature could be left out."""
    delivery = push("gitlab", secret=SIGNING)
    with pytest.raises(NotGenuine):
        delivery.received(settings("gitlab", SIGNING))


def test_a_bad_signature_of_forgejo_is_not_mended_by_one_of_gitea() -> None:
    with pytest.raises(NotGenuine):
        push("forgejo", more={"x-forgejo-signature": "0" * 64}).received()


def test_nothing_is_read_before_the_signature_is_right() -> None:
    delivery = Delivery("github", "push", b"{ no JSON")
    with pytest.raises(NotGenuine):
        delivery.received(settings("github", Secret("another-secret-of-a-hook")))


def test_the_answer_to_a_wrong_signature_says_nothing_of_the_secret() -> None:
    with pytest.raises(NotGenuine) as caught:
        push("github", secret=Secret("guess")).received(settings("github"))
    said = str(caught.value.as_dict())
    assert SECRET.reveal() not in said
    assert "acme" not in said


@pytest.mark.parametrize(
    ("kind", "secret"), [("github", "hunter2"), ("github", ""), ("gitlab", "whsec_not base64!")]
)
def test_a_secret_that_is_none_is_refused_with_the_settings(kind: Kind, secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings(kind, Secret(secret), "acme/shop", "", "")
    assert not secret or secret not in str(caught.value.as_dict())
