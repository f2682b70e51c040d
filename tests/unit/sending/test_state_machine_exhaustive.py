"""All worlds within some steps of a new email: no invariant is broken, but without its guard each one would be."""

import sys
from collections.abc import Callable
from datetime import timedelta

import pytest

from app.domain.sending import state_machine
from app.domain.sending.state_machine import Decision, Effect, Event, State, TransitionFacts
from app.domain.sending.unconfirmed_policy import OnUnconfirmed, Peers, verdict
from app.services.sending import transition
from tests.support.state_space.model import Game, Rules
from tests.support.state_space.search import I15, search
from tests.support.state_space.world import Email, World

RESEND, HOLD = Email(), Email(policy=OnUnconfirmed.HOLD)


@pytest.mark.parametrize(
    "emails, depth",
    [((RESEND,), 11), ((HOLD,), 10), ((RESEND, HOLD), 7)],
    ids=["one email, resent", "one email, held", "two emails"],
)
def test_no_order_of_events_breaks_a_promise(emails: tuple[Email, ...], depth: int) -> None:
    """Two workers, a silent SES, crashes, sweepers, events in any order, people: all orders, to this depth."""
    walked = search(Game(Rules()), World(emails), depth=depth)
    sys.stdout.write(f"\n{len(emails)} mail(s), depth {depth}: {walked.worlds:,} worlds, {walked.steps:,} steps\n")
    assert walked.broken is None, " > ".join((*walked.way, walked.broken or ""))
    assert walked.worlds > 5_000


def spoilt(
    decides: Callable[[State, Event, TransitionFacts], Decision | None],
) -> Callable[[State, Event, TransitionFacts], Decision]:
    """Return the rules of delivery, replaced where `decides` returns a decision."""

    def decide(state: State, event: Event, facts: TransitionFacts) -> Decision:
        return decides(state, event, facts) or state_machine.decide(state, event, facts)

    return decide


def claims_what_is_claimed(state: State, event: Event, facts: TransitionFacts) -> Decision | None:
    return Decision(State.SENDING) if event is Event.CLAIM and state is State.SENDING else None


def queues_lapsed_mail_again(state: State, event: Event, facts: TransitionFacts) -> Decision | None:
    lapsed = event is Event.LEASE_EXPIRED and state is State.SENDING
    return Decision(State.QUEUED, frozenset({Effect.DROP_LEASE})) if lapsed else None


def lets_the_last_event_win(state: State, event: Event, facts: TransitionFacts) -> Decision | None:
    return state_machine.decide(State.QUEUED, event, TransitionFacts()) if event in state_machine.EVIDENCE else None


def forgets_the_flag(state: State, event: Event, facts: TransitionFacts) -> Decision | None:
    return Decision(State.RETRY_WAIT) if event is Event.PROVEN_ABSENT and state is State.UNCONFIRMED else None


def cancels_what_may_have_left(state: State, event: Event, facts: TransitionFacts) -> Decision | None:
    return Decision(State.CANCELED) if event is Event.CANCEL and state in state_machine.WAITING else None


def resends_what_may_have_left(state: State, event: Event, facts: TransitionFacts) -> Decision | None:
    return Decision(State.RETRY_WAIT) if event is Event.RESEND_FAILED and state is State.UNCONFIRMED else None


def burns_attempts_when_throttled(state: State, event: Event, facts: TransitionFacts) -> Decision | None:
    return state_machine.decide(state, Event.NOT_SENT, facts) if event is Event.NOT_SENT_BLAMELESS else None


def takes_silence_for_a_no(state: State, event: Event, facts: TransitionFacts) -> Decision | None:
    return state_machine.decide(state, Event.NOT_SENT, facts) if event is Event.OUTCOME_UNKNOWN else None


def takes_silence_for_a_refusal(state: State, event: Event, facts: TransitionFacts) -> Decision | None:
    return state_machine.decide(state, Event.REFUSED, facts) if event is Event.OUTCOME_UNKNOWN else None


def takes_silence_for_acceptance(state: State, event: Event, facts: TransitionFacts) -> Decision | None:
    return state_machine.decide(state, Event.ACCEPTED, facts) if event is Event.OUTCOME_UNKNOWN else None


def keeps_the_lease(state: State, event: Event, facts: TransitionFacts) -> Decision | None:
    return Decision(State.RETRY_WAIT) if event is Event.NOT_SENT and state is State.SENDING else None


def forgets_to_give_up(state: State, event: Event, facts: TransitionFacts) -> Decision | None:
    return Decision(state, changed=False) if event is Event.LEASE_EXPIRED else None


@pytest.mark.parametrize(
    "decides, breaks",
    [
        (claims_what_is_claimed, "only_a_claim_takes_a_lease"),
        (claims_what_is_claimed, "accepted_once_or_flagged"),
        (queues_lapsed_mail_again, "accepted_once_or_flagged"),
        (lets_the_last_event_win, "the_worst_event_shows"),
        (lets_the_last_event_win, "a_repeated_event_changes_nothing"),
        (forgets_the_flag, "accepted_once_or_flagged"),
        (cancels_what_may_have_left, "ended_mail_is_not_called"),
        (resends_what_may_have_left, "accepted_once_or_flagged"),
        (burns_attempts_when_throttled, "attempts_burn_for_cause"),
        (takes_silence_for_a_no, "accepted_once_or_flagged"),
        (takes_silence_for_a_refusal, "unsent_means_not_taken"),
        (takes_silence_for_acceptance, "sent_means_taken"),
        (keeps_the_lease, "one_lease"),
        (forgets_to_give_up, I15),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_broken_rule_is_found(
    monkeypatch: pytest.MonkeyPatch, decides: Callable[[State, Event, TransitionFacts], Decision | None], breaks: str
) -> None:
    """Each invariant of the rules can fail: with a broken rule, the search finds the way."""
    monkeypatch.setattr(transition, "decide", spoilt(decides))
    assert search(Game(Rules()), World((RESEND,)), depth=9, only=breaks).broken == breaks


def never_waits(policy: OnUnconfirmed, *, quiet_for: timedelta, quiet_needed: timedelta, peers: Peers) -> Event | None:
    return verdict(policy, quiet_for=quiet_needed, quiet_needed=quiet_needed, peers=peers)


def asks_no_peers(
    policy: OnUnconfirmed, *, quiet_for: timedelta, quiet_needed: timedelta, peers: Peers
) -> Event | None:
    return verdict(policy, quiet_for=quiet_for, quiet_needed=quiet_needed, peers=Peers(accepted=20, seen=20))


@pytest.mark.parametrize(
    "rules, breaks",
    [
        (Rules(gate=False, last_look=False), "no_suppressed_address_is_mailed"),
        (Rules(last_look=False), "no_suppressed_address_is_mailed"),
        (Rules(fence=False, still_mine=False), "accepted_once_while_no_event_is_lost"),
        (Rules(verdict=never_waits), "accepted_once_while_no_event_is_lost"),
        (Rules(verdict=asks_no_peers), "accepted_once_while_no_event_is_lost"),
        (Rules(notes_before_calling=False), "accepted_once_or_flagged"),
        (Rules(leases=False), "accepted_once_while_no_event_is_lost"),
        (Rules(same_transaction=False), "hard_feedback_suppresses"),
        (Rules(tombstones=False), "hard_feedback_suppresses"),
        (Rules(close_on_resend=False), I15),
        (Rules(outcomes_stay=False), "sent_means_taken"),
    ],
    ids=[
        "no gate and no last look",
        "no last look",
        "no self-fence, and no look at the claim",
        "no quiet time",
        "no peers",
        "flight recorder written after the call",
        "no lease token",
        "suppression in a later transaction than the bounce",
        "no tombstones",
        "an unknown call after a resend",
        "outcomes overwritten",
    ],
)
def test_a_missing_guard_is_found(rules: Rules, breaks: str) -> None:
    """Each guard protects an invariant: without the guard, the search finds the way to break it."""
    assert search(Game(rules), World((RESEND,)), depth=9, only=breaks).broken == breaks


@pytest.mark.parametrize(
    "rules", [Rules(fence=False), Rules(still_mine=False)], ids=["no self-fence", "no look at the claim"]
)
def test_either_of_two_guards_keeps_a_late_worker_from_calling(rules: Rules) -> None:
    """The guards are its own clock, and the query for the holder of the email; either may fail."""
    assert search(Game(rules), World((RESEND,)), depth=9).broken is None
