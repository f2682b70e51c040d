"""Passwords are hashed with Argon2id, a few at a time."""

from contextlib import ExitStack

import pytest
from argon2 import PasswordHasher

from app.domain.errors import ServiceUnavailable
from app.services.users import passwords
from app.services.users.passwords import Passwords
from tests.support.users.people import CountingHasher


@pytest.fixture
def cheap() -> Passwords:
    return Passwords(CountingHasher())


def test_the_hash_is_of_argon2id_with_the_costs_of_rfc_9106() -> None:
    """64 MiB, three passes, four lanes, with a salt of its own for each."""
    real = Passwords(PasswordHasher())
    one, other = real.hash("correct horse battery"), real.hash("correct horse battery")
    assert one.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert one != other
    assert real.verify(one, "correct horse battery")
    assert not real.verify(one, "correct horse batters")
    assert not real.verify(None, "correct horse battery")


@pytest.mark.parametrize(
    "typed, stored", [("passwo\u0308rterbuch", "passw\u00f6rterbuch"), ("\ud800" * 12, "\ud800" * 12)]
)
def test_a_password_is_the_same_however_a_keyboard_composes_it(cheap: Passwords, typed: str, stored: str) -> None:
    """NIST SP 800-63B section 3.1.1.2 advises to normalise. Text that is not Unicode breaks nothing."""
    assert cheap.verify(cheap.hash(stored), typed)


def test_a_huge_password_costs_no_more_and_is_wrong(cheap: Passwords) -> None:
    """Even when it begins with the right one."""
    assert not cheap.verify(cheap.hash("x" * 256), "x" * 1_000_000)


def test_two_are_verified_at_a_time(cheap: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third waits for a while, and then gets an answer that says to try again."""
    monkeypatch.setattr(passwords, "_PATIENCE_S", 0.05)
    with ExitStack() as stack:
        stack.enter_context(cheap.turn())
        stack.enter_context(cheap.turn())
        with pytest.raises(ServiceUnavailable), cheap.turn():
            pytest.fail("there was a third turn")
    with cheap.turn(), cheap.turn():
        assert cheap.verify(cheap.hash("x" * 12), "x" * 12)
