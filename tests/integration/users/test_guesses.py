"""A name is locked after too many passwords or codes that were wrong."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.domain.errors import SignInLocked, SignInRefused, ValidationFailed
from app.services.operating.sweeps import Sweep
from app.services.users.guesses import Guesses
from app.wiring.gateway import Gateway
from tests.support.gateway.rows import age, count, rows
from tests.support.users.people import PASSWORD, ROOT, CountingHasher, code_of, person, sign_in, with_codes

WRONG = "a wrong password"
ON_POSTGRESQL = pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)


def fail(gateway: Gateway, times: int, name: str = "kim") -> None:
    """Give wrong passwords, which are refused and not locked."""
    for _ in range(times):
        with pytest.raises(SignInRefused):
            sign_in(gateway, name, WRONG)


def locked(gateway: Gateway, name: str = "kim") -> int:
    """For how many seconds the name is locked: the right password is refused, too."""
    with pytest.raises(SignInLocked) as refused:
        sign_in(gateway, name)
    assert refused.value.retry_after is not None
    return refused.value.retry_after


def wait(gateway: Gateway) -> None:
    """Let the lock end."""
    age(gateway, "sign_in_failures", "locked_until", timedelta(0))


@pytest.mark.parametrize("name", ["kim", "lee", " KIM"])
def test_the_fifth_failure_locks_a_name_whether_it_exists_or_not(
    gateway: Gateway, hasher: CountingHasher, name: str
) -> None:
    """So the lock does not show which names exist. While it lasts, no password is verified."""
    person(gateway)
    fail(gateway, 5, name)
    hasher.verified = 0
    assert 55 <= locked(gateway, name) <= 61
    assert hasher.verified == 0


def test_each_failure_after_a_lock_locks_for_twice_as_long(gateway: Gateway) -> None:
    """Up to an hour; the attempt between two locks is a real one."""
    person(gateway)
    fail(gateway, 5)
    for minutes in (2, 4):
        wait(gateway)
        fail(gateway, 1)
        assert 60 * minutes - 5 <= locked(gateway) <= 60 * minutes + 1
    wait(gateway)
    assert sign_in(gateway)


def test_a_success_resets_the_failures(gateway: Gateway) -> None:
    """They count in a row."""
    person(gateway)
    for _ in range(3):
        fail(gateway, 4)
        assert sign_in(gateway)
    assert count(gateway, "sign_in_failures") == 0


def test_a_lock_is_of_one_name(gateway: Gateway) -> None:
    """Others sign in meanwhile."""
    person(gateway)
    fail(gateway, 5, "lee")
    assert sign_in(gateway)


def test_a_link_opens_a_locked_name(gateway: Gateway) -> None:
    """An administrator helps a user that an attacker keeps out; the failures are forgotten."""
    user = person(gateway)
    fail(gateway, 5)
    token = gateway.users.sign_in.with_link(gateway.users.users.link(ROOT, "kim"), user_agent="")
    assert token
    gateway.users.users.set_password(user, None, PASSWORD)
    fail(gateway, 4)
    assert sign_in(gateway)


@pytest.mark.parametrize("name, noted", [("kim", {"seconds": 60, "user": "kim"}), ("hunter2", {"seconds": 60})])
def test_a_lock_is_in_the_audit_without_a_name_that_is_not_known(
    gateway: Gateway, name: str, noted: dict[str, object]
) -> None:
    """People type their password into the field of the name."""
    person(gateway)
    fail(gateway, 5, name)
    assert [row["data"] for row in rows(gateway, "audit", action="user.locked")] == [noted]


def outcomes(guess: Callable[[], object]) -> Counter[str]:
    """Guess twenty times at the same moment. Returns how often each error came."""

    def once(_: int) -> str:
        try:
            guess()
        except (SignInRefused, SignInLocked) as refused:
            return type(refused).__name__
        return "none"

    with ThreadPoolExecutor(20) as pool:
        return Counter(pool.map(once, range(20)))


@ON_POSTGRESQL
def test_attempts_at_the_same_moment_get_no_more_guesses(gateway: Gateway, hasher: CountingHasher) -> None:
    """Of twenty at once five are verified; the others find the name locked."""
    person(gateway)
    hasher.verified = 0
    found = outcomes(lambda: sign_in(gateway, password=WRONG))
    assert found == {"SignInRefused": 5, "SignInLocked": 15}
    assert hasher.verified == 5


@ON_POSTGRESQL
def test_a_guess_is_counted_before_it_is_checked(gateway: Gateway) -> None:
    """Twenty processes that verify at the same moment get no more guesses than one."""
    assert outcomes(lambda: Guesses(database=gateway.database).begin("kim")) == {"none": 5, "SignInLocked": 15}


def test_guesses_of_a_signed_in_browser_count_too(gateway: Gateway) -> None:
    """A stolen session does not allow to guess the password, nor a code."""
    user = person(gateway)
    secret = with_codes(gateway, user)
    guesses: tuple[Callable[[], None], ...] = (
        lambda: gateway.users.users.set_password(user, WRONG, "another long password"),
        lambda: gateway.users.users.end_totp(user, code_of(gateway, secret, ahead=9)),
    )
    for number in range(5):
        with pytest.raises(ValidationFailed, match="is wrong"):
            guesses[number % 2]()
    with pytest.raises(SignInLocked):
        gateway.users.users.set_password(user, PASSWORD, "another long password")
    with pytest.raises(SignInLocked):
        gateway.users.users.end_totp(user, code_of(gateway, secret, ahead=1))


def test_failures_are_forgotten_after_a_day(gateway: Gateway) -> None:
    """By the sweep; what is locked or was given today stays."""
    for name in ("kim", "lee"):
        fail(gateway, 1, name)
    [first, _] = rows(gateway, "sign_in_failures")
    age(gateway, "sign_in_failures", "last_at", timedelta(hours=25), name_key=first["name_key"])
    gateway.upkeep.run(Sweep.RETENTION)
    assert count(gateway, "sign_in_failures") == 1
