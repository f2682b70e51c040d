"""The state machine over all states, events and facts: total, legal, and independent of the order of events."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.sending.state_machine import (
    CLAIMABLE,
    ENDED_UNSENT,
    RANK,
    TAKEN_BY_SES,
    WAITING,
    Decision,
    Effect,
    Event,
    State,
    TransitionFacts,
    decide,
    first_state,
)
from app.services.sending import transition

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
    TransitionFacts(lease_held=held, attempt_open=flying, taken_by_ses=taken)
    for held, flying, taken in product((True, False), repeat=3)
]
EVERYTHING = list(product(State, Event, FACTS))
NOT_WAITING = set(State) - WAITING

# Every legal change: from, by, to. All other events change nothing.
LEGAL = {
    **{(state, E.CLAIM): S.SENDING for state in CLAIMABLE},
    **{(state, E.FIND_SUPPRESSED): S.SUPPRESSED for state in {*CLAIMABLE, S.SENDING}},
    (S.SENDING, E.GIVE_BACK): S.QUEUED,
    (S.SENDING, E.REFUSED): S.FAILED,
    (S.SENDING, E.NOT_SENT): S.RETRY_WAIT,
    (S.SENDING, E.NOT_SENT_BLAMELESS): S.RETRY_WAIT,
    (S.SENDING, E.OUTCOME_UNKNOWN): S.UNCONFIRMED,
    (S.SENDING, E.ATTEMPTS_EXHAUSTED): S.HELD,
    (S.SENDING, E.LEASE_EXPIRED): S.UNCONFIRMED,
    (S.UNCONFIRMED, E.PROVEN_ABSENT): S.RETRY_WAIT,
    (S.UNCONFIRMED, E.LEFT_UNPROVEN): S.HELD,
    (S.HELD, E.RESEND): S.RETRY_WAIT,
    (S.HELD, E.DISCARD): S.CANCELED,
    (S.FAILED, E.RESEND_FAILED): S.RETRY_WAIT,
    (S.SCHEDULED, E.RESCHEDULE): S.SCHEDULED,
    **{(state, E.EXPIRE): S.EXPIRED for state in {*CLAIMABLE, S.HELD}},
    **{(state, E.CANCEL): S.CANCELED for state in {*CLAIMABLE, S.HELD}},
}


def is_worse(state: State, event: Event, facts: TransitionFacts) -> bool:
    """Restate the rule: evidence of acceptance counts if it is worse than the state, once SES has the email."""
    known = RANK.get(state, 0) if facts.taken_by_ses or state in TAKEN_BY_SES else 0
    return known < RANK[EVIDENCE[event]]


def test_every_state_has_an_answer_for_every_event() -> None:
    """The full product of states, events and facts: each answer is the one legal change, or none."""
    for state, event, facts in EVERYTHING:
        decision = decide(state, event, facts)
        if event in EVIDENCE:
            assert decision.changed == is_worse(state, event, facts), (state, event, facts)
            assert decision.state is (EVIDENCE[event] if decision.changed else state), (state, event, facts)
        elif decision.changed:
            assert decision.state is LEGAL[state, event], (state, event, facts)
        else:
            assert decision == Decision(state, changed=False), (state, event, facts)


def test_every_legal_change_is_made_when_nothing_forbids_it() -> None:
    """With the lease held and no call open, each row of the table is applied."""
    for (state, event), following in LEGAL.items():
        assert decide(state, event, TransitionFacts()).state is following, (state, event)
        assert decide(state, event, TransitionFacts()).changed


def test_the_state_never_improves_once_ses_has_the_email() -> None:
    """Neither an event, nor a worker, nor a sweep, nor the API lowers the rank of an email that SES accepted."""
    for state, event, facts in EVERYTHING:
        if state in TAKEN_BY_SES:
            assert RANK.get(decide(state, event, facts).state, 0) >= RANK[state], (state, event, facts)


def test_an_email_that_ended_unsent_stays_ended_unless_ses_has_it() -> None:
    """Only proof that SES accepted it moves an email that ended unsent; an operator can also move a failed one."""
    for state, event, facts in EVERYTHING:
        by_an_operator = (state, event) == (S.FAILED, E.RESEND_FAILED)
        if state in ENDED_UNSENT and event not in EVIDENCE and not by_an_operator:
            assert not decide(state, event, facts).changed, (state, event, facts)


def test_a_worker_without_the_lease_is_believed_in_acceptance_only() -> None:
    """A worker without the lease cannot report a failure, but its acceptance by SES counts."""
    for state, event in product(State, NEEDS_THE_LEASE | {E.FIND_SUPPRESSED}):
        if state not in CLAIMABLE:
            assert not decide(state, event, TransitionFacts(lease_held=False)).changed, (state, event)
    for state in WAITING:
        assert decide(state, E.ACCEPTED, TransitionFacts(lease_held=False)).state is S.SENT


def test_only_its_holder_returns_an_email_to_the_queue() -> None:
    """`sending` never becomes claimable by time alone, and becomes `queued` only if the holder says it did not call."""
    for event, facts in product(Event, FACTS):
        following = decide(S.SENDING, event, facts).state
        if following is S.QUEUED:
            assert event is E.GIVE_BACK, event
            assert facts.lease_held
        if following in CLAIMABLE:
            assert event in NEEDS_THE_LEASE, event
            assert facts.lease_held
    assert {decide(S.SENDING, E.LEASE_EXPIRED, facts).state for facts in FACTS} == {S.UNCONFIRMED}


def test_an_email_that_ses_may_have_is_not_resent_as_failed() -> None:
    """With a MessageId or an open call an operator cannot resend a failed email, nor one in another state."""
    for state, facts in product(State, FACTS):
        certainly_not_sent = state is S.FAILED and not facts.taken_by_ses and not facts.attempt_open
        decision = decide(state, E.RESEND_FAILED, facts)
        assert decision.changed == certainly_not_sent, (state, facts)
        assert Effect.MARK_POSSIBLE_DUPLICATE not in decision.effects


@pytest.mark.parametrize("event", [E.CANCEL, E.EXPIRE])
def test_an_email_that_may_have_been_sent_is_neither_canceled_nor_expired(event: Event) -> None:
    """While a call is open, no state says that the email was not sent."""
    for state, facts in product(State, FACTS):
        if facts.attempt_open:
            assert not decide(state, event, facts).changed, (state, facts)


def test_an_unconfirmed_email_is_resent_only_when_its_absence_is_proven() -> None:
    """Only one event makes an unconfirmed email claimable, and it marks the email as possibly sent twice."""
    ways_back = {
        event for event, facts in product(Event, FACTS) if decide(S.UNCONFIRMED, event, facts).state in CLAIMABLE
    }
    assert ways_back == {E.PROVEN_ABSENT}
    assert Effect.MARK_POSSIBLE_DUPLICATE in decide(S.UNCONFIRMED, E.PROVEN_ABSENT, TransitionFacts()).effects


BURNED = frozenset({Effect.DROP_LEASE, Effect.BURN_ATTEMPT})
DOUBTED = frozenset({Effect.DROP_LEASE, Effect.NOTE_UNCONFIRMED_SINCE})
KEPT = frozenset({Effect.KEEP_MESSAGE_ID, Effect.DROP_LEASE})
AGAIN = frozenset({Effect.MARK_POSSIBLE_DUPLICATE})


@pytest.mark.parametrize(
    "row, state, event, following, effects",
    [
        ("T2", S.QUEUED, E.CLAIM, S.SENDING, set()),
        ("T2", S.RETRY_WAIT, E.CLAIM, S.SENDING, set()),
        ("T2", S.SCHEDULED, E.CLAIM, S.SENDING, set()),
        ("T2s", S.QUEUED, E.FIND_SUPPRESSED, S.SUPPRESSED, set()),
        ("T2s", S.RETRY_WAIT, E.FIND_SUPPRESSED, S.SUPPRESSED, set()),
        ("T3", S.SENDING, E.FIND_SUPPRESSED, S.SUPPRESSED, {Effect.DROP_LEASE}),
        ("T3", S.SENDING, E.GIVE_BACK, S.QUEUED, {Effect.DROP_LEASE}),
        *[("T4", state, E.ACCEPTED, S.SENT, KEPT) for state in sorted(WAITING)],
        ("T5", S.SENDING, E.REFUSED, S.FAILED, BURNED),
        ("T6", S.SENDING, E.NOT_SENT, S.RETRY_WAIT, BURNED),
        ("T6", S.SENDING, E.NOT_SENT_BLAMELESS, S.RETRY_WAIT, {Effect.DROP_LEASE}),
        ("T6", S.SENDING, E.ATTEMPTS_EXHAUSTED, S.HELD, BURNED),
        ("T7", S.SENDING, E.OUTCOME_UNKNOWN, S.UNCONFIRMED, DOUBTED),
        ("T8", S.SENDING, E.LEASE_EXPIRED, S.UNCONFIRMED, DOUBTED),
        *[("T9", state, E.SES_DELIVERED, S.DELIVERED, KEPT) for state in sorted(WAITING)],
        ("T10", S.UNCONFIRMED, E.PROVEN_ABSENT, S.RETRY_WAIT, AGAIN),
        ("T11", S.UNCONFIRMED, E.LEFT_UNPROVEN, S.HELD, set()),
        ("T11", S.HELD, E.RESEND, S.RETRY_WAIT, AGAIN | {Effect.COUNT_ATTEMPTS_ANEW}),
        ("T11", S.HELD, E.DISCARD, S.CANCELED, set()),
        ("T14", S.FAILED, E.RESEND_FAILED, S.RETRY_WAIT, {Effect.COUNT_ATTEMPTS_ANEW}),
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
    assert decide(state, event, TransitionFacts()) == Decision(following, frozenset(effects)), row


def test_an_accepted_email_waits_unless_its_recipient_is_suppressed() -> None:
    """Whatever it is accepted for, the claim takes it later, or its story is over."""
    assert first_state(suppressed=False, scheduled=False) is S.QUEUED
    assert first_state(suppressed=False, scheduled=True) is S.SCHEDULED
    assert {first_state(suppressed=True, scheduled=later) for later in (False, True)} == {S.SUPPRESSED}


def test_every_effect_is_written_by_the_transition() -> None:
    """No decision asks for what production does not do: each effect changes a column of the recipient."""
    source = Path(transition.__file__).read_text(encoding="utf-8")
    assert [effect.name for effect in Effect if f"Effect.{effect.name}" not in source] == []
    assert {effect for state, event, facts in EVERYTHING for effect in decide(state, event, facts).effects} == set(
        Effect
    )


def after(state: State, events: list[Event], *, taken: bool) -> tuple[State, bool]:
    """Return the state after these events, decided one by one, and whether SES is known to have the email."""
    facts = TransitionFacts(lease_held=False, taken_by_ses=taken)
    for event in events:
        decision = decide(state, event, facts)
        state = decision.state
        facts = replace(facts, taken_by_ses=facts.taken_by_ses or Effect.KEEP_MESSAGE_ID in decision.effects)
    return state, facts.taken_by_ses


evidence = st.lists(st.sampled_from(sorted(EVIDENCE)), min_size=1, max_size=8)


@given(state=st.sampled_from(State), events=evidence, taken=st.booleans(), order=st.randoms(use_true_random=False))
def test_events_in_any_order_and_number_end_alike(
    state: State, events: list[Event], taken: bool, order: object
) -> None:
    """In whatever order SNS delivers the events, and however often, the email ends in the same state."""
    taken = taken or state in TAKEN_BY_SES
    shuffled = [*events, events[0], events[-1]]
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert after(state, shuffled, taken=taken) == after(state, events, taken=taken)


@given(events=st.lists(st.sampled_from(sorted(set(Event) - set(EVIDENCE))), max_size=10), facts=st.sampled_from(FACTS))
def test_only_evidence_makes_an_email_sent(events: list[Event], facts: TransitionFacts) -> None:
    """No sequence of claims, failures, sweeps and requests leads to a state that says SES has the email."""
    state = S.QUEUED
    for event in events:
        state = decide(state, event, facts).state
    assert state not in TAKEN_BY_SES


@pytest.mark.parametrize("event", [event for event, state in EVIDENCE.items() if state is not S.SENT])
@pytest.mark.parametrize("taken", [False, True])
def test_a_repeated_event_changes_nothing(event: Event, taken: bool) -> None:
    """Neither state nor effect: with a second MessageId it would replace the first one."""
    state = EVIDENCE[event]
    facts = TransitionFacts(taken_by_ses=taken or state is S.FAILED)
    assert decide(state, event, facts) == Decision(state, changed=False)


def test_facts_default_to_a_held_lease_and_no_acceptance() -> None:
    """By default the reporter holds the lease, no call is open, and SES has not accepted the email."""
    assert TransitionFacts() == TransitionFacts(lease_held=True, attempt_open=False, taken_by_ses=False)
    assert decide(S.FAILED, E.SES_TOOK_IT, TransitionFacts()).state is S.SENT
