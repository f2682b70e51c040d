"""One `last_event` for an email with many recipients, and the reverse: the emails with that value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.sending.last_event import LAST_EVENTS, Behind, Seen, behind, last_event
from app.domain.sending.state_machine import State

S = State
seen = st.builds(Seen, state=st.sampled_from(State), opened=st.booleans(), clicked=st.booleans())


@pytest.mark.parametrize(
    "state, word",
    [
        (S.SCHEDULED, "scheduled"),
        (S.QUEUED, "queued"),
        (S.SENDING, "queued"),
        (S.RETRY_WAIT, "queued"),
        (S.UNCONFIRMED, "queued"),
        (S.HELD, "queued"),
        (S.SENT, "sent"),
        (S.DELIVERY_DELAYED, "delivery_delayed"),
        (S.DELIVERED, "delivered"),
        (S.BOUNCED, "bounced"),
        (S.COMPLAINED, "complained"),
        (S.SUPPRESSED, "suppressed"),
        (S.FAILED, "failed"),
        (S.EXPIRED, "failed"),
        (S.CANCELED, "canceled"),
    ],
)
def test_every_state_has_a_word_that_clients_know(state: State, word: str) -> None:
    """The words are those of Resend's API."""
    assert last_event([Seen(state=state)]) == word
    assert word in LAST_EVENTS


def test_the_worst_event_is_the_last_event_of_an_email() -> None:
    """One bounce among deliveries is what the sender needs to know."""
    mixed = [Seen(state=S.DELIVERED, clicked=True), Seen(state=S.BOUNCED), Seen(state=S.SUPPRESSED)]
    assert last_event(mixed) == "bounced"


@pytest.mark.parametrize("state", [S.SENT, S.DELIVERED])
def test_an_open_or_a_click_outranks_a_delivery(state: State) -> None:
    """An open ranks above a delivery, a click above an open."""
    assert last_event([Seen(state=state, opened=True)]) == "opened"
    assert last_event([Seen(state=state, opened=True, clicked=True)]) == "clicked"


def matches(recipients: list[Seen], wanted: Behind) -> bool:
    """Return whether the rows of an email match the query for a value."""

    def is_asked_for(one: Seen) -> bool:
        return (
            one.state in wanted.states and wanted.opened in {None, one.opened} and wanted.clicked in {None, one.clicked}
        )

    return any(map(is_asked_for, recipients)) and not any(one.state in wanted.without for one in recipients)


def is_of_one_kind(recipients: list[Seen]) -> bool:
    """False if only some recipients have read the email: the lists of two values may then both have it."""
    return len({one.state for one in recipients if one.state in {S.SENT, S.DELIVERED}}) < 2 and (
        len({(one.opened, one.clicked) for one in recipients if one.state in {S.SENT, S.DELIVERED}}) < 2
    )


@given(st.lists(seen, min_size=1, max_size=5))
def test_the_filter_finds_each_email_under_its_last_event(recipients: list[Seen]) -> None:
    """The filter by its own last event finds an email."""
    assert matches(recipients, behind(last_event(recipients)))


@given(st.lists(seen, min_size=1, max_size=5).filter(is_of_one_kind))
def test_the_filter_finds_no_email_under_another_last_event(recipients: list[Seen]) -> None:
    """The filter by a value of another recipient does not find an email."""
    found = {word for word in LAST_EVENTS if matches(recipients, behind(word))}
    assert found == {last_event(recipients)}
