"""One word for a mail with many recipients, and the way back: which mails have that word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.delivery import State
from app.domain.headline import LAST_EVENTS, Behind, Seen, behind, last_event

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


def test_the_worst_news_speaks_for_the_mail() -> None:
    """One bounce among deliveries is what its sender has to know."""
    mixed = [Seen(state=S.DELIVERED, clicked=True), Seen(state=S.BOUNCED), Seen(state=S.SUPPRESSED)]
    assert last_event(mixed) == "bounced"


@pytest.mark.parametrize("state", [S.SENT, S.DELIVERED])
def test_what_was_read_says_so(state: State) -> None:
    """An open is more than a delivery, a click more than an open."""
    assert last_event([Seen(state=state, opened=True)]) == "opened"
    assert last_event([Seen(state=state, opened=True, clicked=True)]) == "clicked"


def matches(recipients: list[Seen], wanted: Behind) -> bool:
    """What the query for a word asks of the rows of a mail."""

    def is_asked_for(one: Seen) -> bool:
        return (
            one.state in wanted.states and wanted.opened in {None, one.opened} and wanted.clicked in {None, one.clicked}
        )

    return any(map(is_asked_for, recipients)) and not any(one.state in wanted.without for one in recipients)


def is_told_apart(recipients: list[Seen]) -> bool:
    """Not where some recipients have read a mail and others not: a list by one word may name such a mail twice."""
    return len({one.state for one in recipients if one.state in {S.SENT, S.DELIVERED}}) < 2 and (
        len({(one.opened, one.clicked) for one in recipients if one.state in {S.SENT, S.DELIVERED}}) < 2
    )


@given(st.lists(seen, min_size=1, max_size=5))
def test_the_filter_finds_each_mail_under_its_word(recipients: list[Seen]) -> None:
    """A mail is found by asking for its own last event."""
    assert matches(recipients, behind(last_event(recipients)))


@given(st.lists(seen, min_size=1, max_size=5).filter(is_told_apart))
def test_the_filter_finds_no_mail_under_another_word(recipients: list[Seen]) -> None:
    """A mail is not found by asking for what another of its recipients would say."""
    found = {word for word in LAST_EVENTS if matches(recipients, behind(word))}
    assert found == {last_event(recipients)}
