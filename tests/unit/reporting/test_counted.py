"""What a recipient is counted as: one outcome at most, and the sum of all changes is always what is true now."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.feedback.bounce_causes import BounceCause
from app.domain.feedback.bounce_reader import BounceReader
from app.domain.feedback.events import Bounce, BounceType
from app.domain.feedback.reply_reader import ReplyReader
from app.domain.reporting.counted import HARD, Counted, change, counted, counted_at_first
from app.domain.sending.state_machine import State, first_state
from app.wiring.bounce_rules import packaged_rules

OUTCOMES = {
    State.DELIVERED: Counted.DELIVERED,
    State.DELIVERY_DELAYED: Counted.DELAYED,
    State.BOUNCED: Counted.BOUNCED,
    State.COMPLAINED: Counted.COMPLAINED,
    State.SUPPRESSED: Counted.SUPPRESSED,
    State.FAILED: Counted.FAILED,
    State.EXPIRED: Counted.EXPIRED,
    State.CANCELED: Counted.CANCELED,
    State.UNCONFIRMED: Counted.UNKNOWN,
    State.HELD: Counted.UNKNOWN,
}
MOMENT = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)
REPLIES = (
    (None, None),
    ("5.1.1", "smtp; 550 5.1.1 user unknown"),
    ("4.2.2", "smtp; 452 4.2.2 mailbox full"),
    ("5.7.1", "smtp; 550 5.7.1 blocked by policy"),
    ("4.4.7", "smtp; 421 4.4.7 no such domain"),
)
SUBTYPES = ("General", "NoEmail", "Suppressed", "OnAccountSuppressionList", "MailboxFull", "Undetermined")


@dataclass(frozen=True)
class One:
    """A recipient, as far as it is counted."""

    state: State = State.QUEUED
    cause: str | None = None
    ses_message_id: str | None = None
    opened_at: datetime | None = None
    clicked_at: datetime | None = None
    mailbox_provider: str = "gmail"


ANY = st.builds(
    One,
    state=st.sampled_from(State),
    cause=st.none() | st.sampled_from(BounceCause),
    ses_message_id=st.none() | st.just("ses-1"),
    opened_at=st.none() | st.just(MOMENT),
    clicked_at=st.none() | st.just(MOMENT),
)


@pytest.mark.parametrize("state", State)
def test_a_recipient_has_one_outcome_or_is_on_its_way(state: State) -> None:
    """The outcomes exclude each other, so that together they are never more than what was accepted."""
    outcome = {OUTCOMES[state]} if state in OUTCOMES else set()
    assert set(counted(One(state=state))) == {Counted.ACCEPTED} | outcome


def test_what_ses_took_is_sent_whatever_became_of_it() -> None:
    """Also an email that SES rejected afterwards."""
    assert Counted.SENT in counted(One(state=State.FAILED, ses_message_id="ses-1"))
    assert Counted.SENT not in counted(One(state=State.FAILED))


@pytest.mark.parametrize("cause", BounceCause)
def test_a_hard_bounce_is_told_by_its_cause(cause: BounceCause) -> None:
    """And by its state: after a complaint the email is no bounce any more."""
    assert (Counted.HARD_BOUNCED in counted(One(state=State.BOUNCED, cause=cause))) == (cause in HARD)
    assert Counted.HARD_BOUNCED not in counted(One(state=State.COMPLAINED, cause=cause))


def test_only_a_permanent_bounce_has_a_cause_that_counts_as_hard() -> None:
    """AWS counts no other type in its bounce rate, and none for the list of the account."""
    reader = BounceReader(ReplyReader(packaged_rules()))
    types = set()
    for kind, subtype, (status, diagnostic) in product(BounceType, SUBTYPES, REPLIES):
        bounce = Bounce(type=kind, subtype=subtype, action="failed", status=status, diagnostic=diagnostic)
        if reader.cause_of(bounce) in HARD:
            types.add(kind)
            assert subtype != "OnAccountSuppressionList"
    assert types == {BounceType.PERMANENT}


@given(st.lists(ANY, min_size=1, max_size=12))
def test_the_sum_of_all_changes_is_what_is_true_now(path: list[One]) -> None:
    """Whatever states a recipient passes, in whatever order."""
    total = Counter(dict.fromkeys(counted(path[0]), 1))
    for was, now in pairwise(path):
        total.update(dict(change(counted(was), counted(now))))
    assert {what for what, number in total.items() if number} == set(counted(path[-1]))
    assert set(total.values()) <= {0, 1}


@given(ANY)
def test_a_recipient_from_before_counting_began_is_never_counted(one: One) -> None:
    """Its moves would take off what was never added. Such a row names no mailbox provider."""
    assert counted(replace(one, mailbox_provider="")) == ()


@pytest.mark.parametrize("suppressed", [True, False])
@pytest.mark.parametrize("scheduled", [True, False])
def test_a_new_recipient_is_counted_as_its_row_will_be(suppressed: bool, scheduled: bool) -> None:
    """Otherwise its first move would change the counts by too much or too little."""
    state = first_state(suppressed=suppressed, scheduled=scheduled)
    assert counted_at_first(state) == counted(One(state=state))
