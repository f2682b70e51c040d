"""How long a name is locked."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.users.lock_out import locked_for


@pytest.mark.parametrize(
    "failures, minutes",
    [(0, 0), (1, 0), (4, 0), (5, 1), (6, 2), (7, 4), (8, 8), (9, 16), (10, 32), (11, 60), (12, 60), (10_000, 60)],
)
def test_from_the_fifth_failure_a_name_is_locked_for_a_minute_doubling_to_an_hour(failures: int, minutes: int) -> None:
    """Each failure after a lock locks again."""
    assert locked_for(failures) == timedelta(minutes=minutes)


@given(st.integers(min_value=0, max_value=2**31))
def test_no_failure_shortens_a_lock(failures: int) -> None:
    """However many there are, in time that does not grow with them."""
    assert locked_for(failures) <= locked_for(failures + 1) <= timedelta(hours=1)
