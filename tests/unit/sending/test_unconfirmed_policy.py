"""An email of unknown outcome is sent again, left to a person, or waits: by time, by proof, and as its app wishes."""

from datetime import timedelta

import pytest

from app.domain.sending.state_machine import Event
from app.domain.sending.unconfirmed_policy import OnUnconfirmed, Peers, verdict

QUIET = timedelta(minutes=15)
DAY = timedelta(hours=24)
TICK = timedelta(microseconds=1)
ABSENT, UNPROVEN = Event.PROVEN_ABSENT, Event.LEFT_UNPROVEN


@pytest.mark.parametrize(
    "accepted, seen, canary_seen, caught_up",
    [
        (20, 20, False, True),
        (19, 19, False, False),
        (19, 19, True, True),
        (19, 18, True, False),
        (20, 19, False, False),
        (20, 19, True, False),
        (100, 99, False, True),
        (100, 98, False, False),
        (1000, 990, False, True),
        (1000, 989, False, False),
        (0, 0, False, False),
        (0, 0, True, True),
    ],
)
def test_the_events_have_caught_up_when_99_of_100_peers_have_theirs(
    accepted: int, seen: int, canary_seen: bool, caught_up: bool
) -> None:
    """Of twenty peers at least; a canary stands in where there are fewer, and then all peers must have theirs."""
    assert Peers(accepted=accepted, seen=seen, canary_seen=canary_seen).caught_up is caught_up


def test_without_a_canary_none_was_seen() -> None:
    """Where nothing is said of one."""
    assert not Peers(accepted=0, seen=0).caught_up


CAUGHT_UP, NOT_CAUGHT_UP = Peers(accepted=20, seen=20), Peers(accepted=20, seen=0)


@pytest.mark.parametrize(
    "policy, quiet_for, peers, event",
    [
        (OnUnconfirmed.RESEND, QUIET - TICK, CAUGHT_UP, None),
        (OnUnconfirmed.RESEND, QUIET, CAUGHT_UP, ABSENT),
        (OnUnconfirmed.RESEND, QUIET, NOT_CAUGHT_UP, None),
        (OnUnconfirmed.RESEND, DAY - TICK, NOT_CAUGHT_UP, None),
        (OnUnconfirmed.RESEND, DAY, NOT_CAUGHT_UP, UNPROVEN),
        (OnUnconfirmed.RESEND, DAY, CAUGHT_UP, ABSENT),
        (OnUnconfirmed.HOLD, QUIET - TICK, CAUGHT_UP, None),
        (OnUnconfirmed.HOLD, QUIET, CAUGHT_UP, UNPROVEN),
        (OnUnconfirmed.HOLD, QUIET, NOT_CAUGHT_UP, UNPROVEN),
    ],
)
def test_only_proof_sends_an_email_again(
    policy: OnUnconfirmed, quiet_for: timedelta, peers: Peers, event: Event | None
) -> None:
    """It waits its quiet time first, and a day for proof at most; an application may leave it to a person at once."""
    assert verdict(policy, quiet_for=quiet_for, quiet_needed=QUIET, peers=peers) is event
