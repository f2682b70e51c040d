"""The state machine over the full product of states, events and facts: total, legal, and blind to the order of news."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.delivery import (
    CLAIMABLE,
    ENDED_UNSENT,
    RANK,
    TAKEN_BY_SES,
    WAITING,
    Decision,
    Effect,
    Event,
    Facts,
    State,
    decide,
)

S, E = State, Event

EVIDENCE = {
    E.ACCEPTED: S.SENT,
    E.SES_TOOK_IT: S.SENT,
    E.SES_NOTED: S.SENT,
    E.SES_DELAYED: S.DELIVERY_DELAYED,
    E.SES_REJECTED: S.FAILED,
    E.SES_DELIVERED: S.DELIVERED,
    E.SES_BOUNCED: S.BOUNCED,
    E.SES_COMPLAINED: S.COMPLAINED,
}
NEEDS_THE_LEASE = {
    E.GIVE_BACK, E.REFUSED, E.NOT_SENT, E.NOT_SENT_BLAMELESS, E.OUTCOME_UNKNOWN, E.ATTEMPTS_EXHAUSTED,
}  # fmt: skip
FACTS = [
    Facts(lease_held=held, attempt_open=flying, taken_by_ses=taken)
    for held, flying, taken in product((True, False), repeat=3)
]
EVERYTHING = list(product(State, Event, FACTS))
NOT_WAITING = set(State) - WAITING

# Every change that is legal: from, by, to. What is not here changes nothing.
LEGAL = {
    **{(state, E.CLAIM): S.SENDING for state in CLAIMABLE},
    **{(state, E.FIND_SUPPRESSED): S.SUPPRESSED for state in {*CLAIMABLE, S.SENDING}},
    (S.SENDING, E.GIVE_BACK): S.QUEUED,
    (S.SENDING, E.REFUSED): S.FAILED,
    (S.SENDING, E.NOT_SENT): S.RETRY_WAIT,
    (S.SENDING, E.NOT_SENT_BLAMELESS): S.RETRY_WAIT,
    (S.SENDING, E.OUTCOME_UNKNOWN): S.UNCONFIRMED,
    (S.SENDING, E.ATTEMPTS_EXHAUSTED): S.FAILED,
    (S.SENDING, E.LEASE_EXPIRED): S.UNCONFIRMED,
    (S.UNCONFIRMED, E.PROVEN_ABSENT): S.RETRY_WAIT,
    (S.UNCONFIRMED, E.LEFT_UNPROVEN): S.HELD,
    (S.HELD, E.RESEND): S.RETRY_WAIT,
    (S.HELD, E.DISCARD): S.CANCELED,
    (S.SCHEDULED, E.RESCHEDULE): S.SCHEDULED,
    **{(state, E.EXPIRE): S.EXPIRED for state in {*CLAIMABLE, S.HELD}},
    **{(state, E.CANCEL): S.CANCELED for state in {*CLAIMABLE, S.HELD}},
}


def news(state: State, event: Event, facts: Facts) -> State:
    """What evidence of acceptance makes of a state, told anew: the worst news wins once SES has the mail."""
    known = RANK.get(state, 0) if facts.taken_by_ses or state in TAKEN_BY_SES else 0
    return state if known >= RANK[EVIDENCE[event]] else EVIDENCE[event]


def test_every_state_has_an_answer_for_every_event() -> None:
    """The full product of states, events and facts: each answer is the one legal change, or none."""
    for state, event, facts in EVERYTHING:
        decision = decide(state, event, facts)
        if event in EVIDENCE:
            assert decision.state is news(state, event, facts), (state, event, facts)
        elif decision.changed:
            assert decision.state is LEGAL[state, event], (state, event, facts)
        else:
            assert decision == Decision(state, changed=False), (state, event, facts)


def test_every_legal_change_is_made_when_nothing_forbids_it() -> None:
    """With the lease held and no call open, each row of the table takes place."""
    for (state, event), following in LEGAL.items():
        assert decide(state, event, Facts()).state is following, (state, event)
        assert decide(state, event, Facts()).changed


def test_news_never_gets_better_once_ses_has_the_mail() -> None:
    """Neither an event, nor a worker, nor a sweep, nor the API lowers the rank of a mail that SES took."""
    for state, event, facts in EVERYTHING:
        if state in TAKEN_BY_SES:
            assert RANK.get(decide(state, event, facts).state, 0) >= RANK[state], (state, event, facts)


def test_what_ended_unsent_stays_ended_unless_ses_has_it() -> None:
    """Only proof that SES took it after all moves a mail that ended unsent."""
    for state, event, facts in EVERYTHING:
        if state in ENDED_UNSENT and event not in EVIDENCE:
            assert not decide(state, event, facts).changed, (state, event, facts)


def test_a_worker_without_the_lease_is_believed_in_acceptance_only() -> None:
    """Whoever lost its lease moves nothing by what it did not achieve, and everything by what SES answered."""
    for state, event in product(State, NEEDS_THE_LEASE | {E.FIND_SUPPRESSED}):
        if state not in CLAIMABLE:
            assert not decide(state, event, Facts(lease_held=False)).changed, (state, event)
    for state in WAITING:
        assert decide(state, E.ACCEPTED, Facts(lease_held=False)).state is S.SENT


def test_a_mail_on_the_wire_goes_back_to_the_queue_only_by_its_holder() -> None:
    """`sending` never becomes claimable on time alone, and `queued` only where the holder says it did not call."""
    for event, facts in product(Event, FACTS):
        following = decide(S.SENDING, event, facts).state
        if following is S.QUEUED:
            assert event is E.GIVE_BACK, event
            assert facts.lease_held
        if following in CLAIMABLE:
            assert event in NEEDS_THE_LEASE, event
            assert facts.lease_held
    assert {decide(S.SENDING, E.LEASE_EXPIRED, facts).state for facts in FACTS} == {S.UNCONFIRMED}


@pytest.mark.parametrize("event", [E.CANCEL, E.EXPIRE])
def test_a_mail_that_may_have_left_is_neither_canceled_nor_expired(event: Event) -> None:
    """While a call is open, nobody says that the mail was not sent."""
    for state, facts in product(State, FACTS):
        if facts.attempt_open:
            assert not decide(state, event, facts).changed, (state, facts)


def test_an_unconfirmed_mail_is_sent_again_only_when_its_absence_is_proven() -> None:
    """Of all events one makes an unconfirmed mail claimable, and it marks the mail as possibly sent twice."""
    ways_back = {
        event for event, facts in product(Event, FACTS) if decide(S.UNCONFIRMED, event, facts).state in CLAIMABLE
    }
    assert ways_back == {E.PROVEN_ABSENT}
    assert Effect.MARK_POSSIBLE_DUPLICATE in decide(S.UNCONFIRMED, E.PROVEN_ABSENT, Facts()).effects


BURNED = frozenset({Effect.DROP_LEASE, Effect.BURN_ATTEMPT})
DOUBTED = BURNED | {Effect.NOTE_UNCONFIRMED_SINCE}
KEPT = frozenset({Effect.KEEP_MESSAGE_ID, Effect.DROP_LEASE})
AGAIN = frozenset({Effect.MARK_POSSIBLE_DUPLICATE, Effect.RING})


@pytest.mark.parametrize(
    "row, state, event, following, effects",
    [
        ("T2", S.QUEUED, E.CLAIM, S.SENDING, {Effect.OPEN_ATTEMPT}),
        ("T2", S.RETRY_WAIT, E.CLAIM, S.SENDING, {Effect.OPEN_ATTEMPT}),
        ("T2", S.SCHEDULED, E.CLAIM, S.SENDING, {Effect.OPEN_ATTEMPT}),
        ("T2s", S.QUEUED, E.FIND_SUPPRESSED, S.SUPPRESSED, set()),
        ("T2s", S.RETRY_WAIT, E.FIND_SUPPRESSED, S.SUPPRESSED, set()),
        ("T3", S.SENDING, E.FIND_SUPPRESSED, S.SUPPRESSED, {Effect.DROP_LEASE}),
        ("T3", S.SENDING, E.GIVE_BACK, S.QUEUED, {Effect.DROP_LEASE}),
        *[("T4", state, E.ACCEPTED, S.SENT, KEPT) for state in sorted(WAITING)],
        ("T5", S.SENDING, E.REFUSED, S.FAILED, BURNED),
        ("T6", S.SENDING, E.NOT_SENT, S.RETRY_WAIT, BURNED),
        ("T6", S.SENDING, E.NOT_SENT_BLAMELESS, S.RETRY_WAIT, {Effect.DROP_LEASE}),
        ("T6", S.SENDING, E.ATTEMPTS_EXHAUSTED, S.FAILED, BURNED),
        ("T7", S.SENDING, E.OUTCOME_UNKNOWN, S.UNCONFIRMED, DOUBTED),
        ("T8", S.SENDING, E.LEASE_EXPIRED, S.UNCONFIRMED, DOUBTED),
        *[("T9", state, E.SES_DELIVERED, S.DELIVERED, KEPT) for state in sorted(WAITING)],
        ("T10", S.UNCONFIRMED, E.PROVEN_ABSENT, S.RETRY_WAIT, AGAIN),
        ("T11", S.UNCONFIRMED, E.LEFT_UNPROVEN, S.HELD, set()),
        ("T11", S.HELD, E.RESEND, S.RETRY_WAIT, AGAIN),
        ("T11", S.HELD, E.DISCARD, S.CANCELED, set()),
        ("T12", S.SENT, E.SES_DELAYED, S.DELIVERY_DELAYED, {Effect.KEEP_MESSAGE_ID}),
        ("T12", S.DELIVERED, E.SES_BOUNCED, S.BOUNCED, {Effect.KEEP_MESSAGE_ID}),
        ("T12", S.BOUNCED, E.SES_COMPLAINED, S.COMPLAINED, {Effect.KEEP_MESSAGE_ID}),
        *[("T13", state, E.EXPIRE, S.EXPIRED, set()) for state in sorted({*CLAIMABLE, S.HELD})],
        *[("T13", state, E.CANCEL, S.CANCELED, set()) for state in sorted({*CLAIMABLE, S.HELD})],
    ],
)
def test_each_row_of_the_transition_table(
    row: str, state: State, event: Event, following: State, effects: set[Effect]
) -> None:
    """Every transition has its state and exactly its effects."""
    assert decide(state, event, Facts()) == Decision(following, frozenset(effects)), row


def tell(state: State, events: list[Event], *, taken: bool) -> tuple[State, bool]:
    """Where a mail stands after these events, each decided as it came, and whether SES is known to have it."""
    facts = Facts(lease_held=False, taken_by_ses=taken)
    for event in events:
        decision = decide(state, event, facts)
        state = decision.state
        facts = replace(facts, taken_by_ses=facts.taken_by_ses or Effect.KEEP_MESSAGE_ID in decision.effects)
    return state, facts.taken_by_ses


evidence = st.lists(st.sampled_from(sorted(EVIDENCE)), min_size=1, max_size=8)


@given(state=st.sampled_from(State), events=evidence, taken=st.booleans(), order=st.randoms(use_true_random=False))
def test_news_in_any_order_and_number_ends_alike(state: State, events: list[Event], taken: bool, order: object) -> None:
    """Whatever order SNS brings the news in, and however often, the mail ends in the same state."""
    taken = taken or state in TAKEN_BY_SES
    shuffled = [*events, events[0], events[-1]]
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert tell(state, shuffled, taken=taken) == tell(state, events, taken=taken)


@given(events=st.lists(st.sampled_from(sorted(set(Event) - set(EVIDENCE))), max_size=10), facts=st.sampled_from(FACTS))
def test_nothing_but_evidence_makes_a_mail_sent(events: list[Event], facts: Facts) -> None:
    """No sequence of claims, failures, sweeps and wishes ends in a state that says SES has the mail."""
    state = S.QUEUED
    for event in events:
        state = decide(state, event, facts).state
    assert state not in TAKEN_BY_SES
