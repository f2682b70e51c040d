"""How long the intake waits: after a failure, and with a message that stays in its queue."""

from hypothesis import given
from hypothesis import strategies as st

from app.services.feedback.queues.intake import Backoff
from app.services.feedback.queues.visibility import wait_of


@given(st.integers(min_value=1, max_value=10**9))
def test_a_message_that_was_left_waits_longer_each_time(receives: int) -> None:
    """Never less than ten seconds, so that nothing loops, and never above a quarter of an hour."""
    assert 10 <= wait_of(receives) <= wait_of(receives + 1) <= 900


@given(st.floats(min_value=0, max_value=1, exclude_max=True), st.integers(min_value=1, max_value=200))
def test_a_poller_that_fails_pauses_longer_each_time(jitter: float, failures: int) -> None:
    """From half a second to half a minute; a success begins anew."""
    backoff = Backoff(lambda: jitter)
    pauses = [backoff.next_s() for _ in range(failures)]
    assert pauses == sorted(pauses)
    assert all(0.5 <= pause <= 30 for pause in pauses)
    backoff.reset()
    assert backoff.next_s() == pauses[0]
