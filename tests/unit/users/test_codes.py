"""The codes of an authenticator app."""

from datetime import UTC, datetime

import pytest

from app.services.users.codes import code_at, new_secret, read_secret, step_of, uri_of

SECRET = b"12345678901234567890"
"""That of the test vectors of RFC 6238, appendix B."""


@pytest.mark.parametrize(
    "seconds, code",
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037"), (20000000000, "353130")],
)
def test_the_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    """The last six of the eight digits of the vectors."""
    assert step_of(SECRET, code, now=datetime.fromtimestamp(seconds, UTC), used=None) == seconds // 30


@pytest.mark.parametrize("steps, is_taken", [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_one_step_off(steps: int, is_taken: bool) -> None:
    """Not more: each step more is a guess more."""
    now = datetime.fromtimestamp(1_800_000_000, UTC)
    step = 1_800_000_000 // 30 + steps
    assert step_of(SECRET, code_at(SECRET, step).decode(), now=now, used=None) == (step if is_taken else None)


@pytest.mark.parametrize("used, is_taken", [(-1, True), (0, False), (1, False)])
def test_a_code_of_a_step_that_was_used_is_refused(used: int, is_taken: bool) -> None:
    """And so are the codes before it."""
    now = datetime.fromtimestamp(1_800_000_000, UTC)
    step = 1_800_000_000 // 30
    taken = step_of(SECRET, code_at(SECRET, step).decode(), now=now, used=step + used)
    assert (taken is not None) is is_taken


@pytest.mark.parametrize(
    "code", [None, "", "28708", "2870820", "\uff12\uff18\uff17\uff10\uff18\uff12", "28708x", "287082\n"]
)
def test_what_is_no_code_is_refused(code: str | None) -> None:
    """Six digits of ASCII; spaces between them do not matter."""
    now = datetime.fromtimestamp(59, UTC)
    assert step_of(SECRET, code, now=now, used=None) is None
    assert step_of(SECRET, "287 082", now=now, used=None) == 1


def test_a_secret_is_read_as_it_was_made() -> None:
    """And nothing else is one: a person could choose a weaker one otherwise."""
    secret = new_secret()
    assert len(read_secret(secret) or b"") == 20
    assert [read_secret(other) for other in ("", "A" * 31, "A" * 33, "a" * 32, "1" * 32, "A" * 31 + "\n")] == [None] * 6


def test_the_uri_names_the_user_and_the_gateway() -> None:
    """An authenticator app shows both."""
    assert uri_of("A" * 32, name="kim@example.com").startswith("otpauth://totp/Postern:kim%40example.com?")
