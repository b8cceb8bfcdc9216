"""Sign-ins that end, made anew while most of their life is left."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from beeyard.apps import Credentials
from beeyard.apps.registry_auth import EndingAuth, FixedAuth, Lent, RegistryAuth
from beeyard.errors import AppError, CloudError, render
from beeyard.secret import Secret
from beeyard.testing import FakeClock

HOUR = 3600.0


class Lender:
    """Gives sign-ins that are numbered, each good for `lasts` seconds."""

    def __init__(self, lasts: float = 12 * HOUR) -> None:
        self.lasts = lasts
        self.asked = 0
        self.error: CloudError | None = None

    def __call__(self) -> Lent:
        self.asked += 1
        if self.error:
            raise self.error
        return Lent(Credentials("AWS", Secret(str(self.asked))), self.lasts)


def given(auth: RegistryAuth) -> str:
    return auth.credentials().password.reveal()


def test_one_that_stays_is_the_same_always() -> None:
    known = Credentials("me", Secret("hush"))
    assert FixedAuth("r.example.com", known).credentials() is known


def test_it_is_made_anew_with_two_thirds_of_its_life_left() -> None:
    clock, lender = FakeClock(), Lender()
    auth = EndingAuth("r", lender, clock)
    assert (given(auth), lender.asked) == ("1", 1)
    clock.sleep(4 * HOUR)
    assert (given(auth), lender.asked) == ("1", 1)
    clock.sleep(1)
    assert (given(auth), lender.asked) == ("2", 2)


def test_the_time_that_the_question_took_is_its_own() -> None:
    clock, lender = FakeClock(), Lender(30)

    def slow() -> Lent:
        made = lender()
        clock.sleep(11)
        return made

    auth = EndingAuth("r", slow, clock)
    assert given(auth) == "1"
    assert given(auth) == "2"


def test_one_that_can_not_be_made_is_no_reason_to_give_an_old_one() -> None:
    clock, lender = FakeClock(), Lender()
    auth = EndingAuth("r", lender, clock)
    auth.credentials()
    clock.sleep(12 * HOUR)
    lender.error = CloudError("your AWS credentials have expired")
    for _ in range(2):
        with pytest.raises(CloudError, match="have expired"):
            auth.credentials()
    lender.error = None
    assert given(auth) == "4"


def test_one_that_has_ended_already() -> None:
    auth = EndingAuth("1.dkr.ecr.x.amazonaws.com", Lender(-90), FakeClock())
    with pytest.raises(AppError) as caught:
        auth.credentials()
    assert render(caught.value) == (
        "error: the sign-in to 1.dkr.ecr.x.amazonaws.com had ended when it was given\n"
        "  why:   its end was 90 s ago by the clock of who gave it\n"
        "  do:    run it again; a rehearsal has no Amazon ECR: there, let the cluster have its own "
        "registry (`registry: {kind: cluster}`)"
    )


def test_many_ask_and_one_goes() -> None:
    lender = Lender()
    auth = EndingAuth("r", lender, FakeClock())
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: given(auth), range(64))) == {"1"}
    assert lender.asked == 1


def test_nothing_of_it_is_shown() -> None:
    auth = EndingAuth("r", Lender(), FakeClock())
    auth.credentials()
    assert "Lent" not in repr(auth)
    assert repr(auth.credentials()) == "Credentials(username='AWS', password=***)"
