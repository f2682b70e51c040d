"""Emails with an unknown outcome: the proof that SES did not take one, what follows, and what a person may decide."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from app.domain.apps.callers import Caller
from app.domain.sending.call_outcome import Ambiguous
from app.domain.sending.state_machine import State
from app.domain.sending.unconfirmed_policy import ENOUGH_PEERS, GIVE_UP_AFTER, OnUnconfirmed
from app.queue import Lane
from app.services.sending import unconfirmed
from app.services.sending.call_results import Report
from app.services.sending.record import Record
from app.services.sending.unconfirmed import CANARY
from app.wiring.gateway import Gateway
from tests.support.aws.ses_events import about, bring
from tests.support.gateway.emails import ROOT, bounce, delivery, feed, state_of, submit, take
from tests.support.gateway.gateways import ScriptedMailer, caller
from tests.support.gateway.rows import age, change, outcomes, recipient_of, rows
from tests.support.gateway.unconfirmed import ANN, QUIET, be_quiet, calls_to, send_peers, sent, submit_in_silence


@pytest.fixture
def who(gateway: Gateway) -> Caller:
    return caller(gateway)


@pytest.fixture
def email(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> UUID:
    """An email to Ann with an unknown outcome."""
    return submit_in_silence(gateway, mailer, who, ANN)[0]


def test_an_email_proven_absent_is_sent_again_once_and_flagged(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, email: UUID
) -> None:
    """The quiet time is over, and peers have their events: it is sent again once, marked as a possible duplicate."""
    send_peers(gateway, mailer, who, seen=ENOUGH_PEERS)
    be_quiet(gateway)
    assert gateway.reconcile.sweep() == 1
    assert gateway.reconcile.sweep() == 0
    assert state_of(gateway, email) is State.RETRY_WAIT
    for _ in range(2):
        gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.SENT
    assert recipient_of(gateway, email).possible_duplicate
    assert calls_to(mailer) == 2
    assert outcomes(gateway, email) == ["not_sent", "accepted"]


@pytest.mark.parametrize("seen", [0, ENOUGH_PEERS - 1])
def test_silence_proves_nothing_while_peers_lack_their_events(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, email: UUID, seen: int
) -> None:
    """Events of peers are missing, so the event of this email may still come: it waits, however quiet it is."""
    send_peers(gateway, mailer, who, seen=seen)
    be_quiet(gateway)
    assert gateway.reconcile.sweep() == 0
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.UNCONFIRMED
    assert calls_to(mailer) == 1


def test_nothing_is_sent_again_before_it_was_quiet(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, email: UUID
) -> None:
    """However well its peers are doing, the email waits its quarter of an hour."""
    send_peers(gateway, mailer, who, seen=ENOUGH_PEERS)
    be_quiet(gateway, timedelta(minutes=14))
    assert gateway.reconcile.sweep() == 0
    assert state_of(gateway, email) is State.UNCONFIRMED


def test_an_application_may_refuse_a_second_email(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> None:
    """With `hold`, the same proof leads to a decision by a person instead of a second email."""
    email = submit_in_silence(gateway, mailer, who, ANN, on_unconfirmed=OnUnconfirmed.HOLD)[0]
    send_peers(gateway, mailer, who, seen=ENOUGH_PEERS)
    be_quiet(gateway)
    assert gateway.reconcile.sweep() == 1
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.HELD
    assert not recipient_of(gateway, email).possible_duplicate
    assert calls_to(mailer) == 1


def test_an_email_without_proof_within_a_day_is_left_to_a_person(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, email: UUID
) -> None:
    """After 24 hours without proof the email is held, with the reason."""
    send_peers(gateway, mailer, who, seen=0)
    be_quiet(gateway, GIVE_UP_AFTER + timedelta(minutes=1))
    assert gateway.reconcile.sweep() == 1
    assert state_of(gateway, email) is State.HELD
    assert "a person has to decide" in (recipient_of(gateway, email).reason or "")


def canaries(gateway: Gateway) -> list[UUID]:
    return [UUID(str(row["email_id"])) for row in rows(gateway, "recipients", key=CANARY)]


def test_with_little_traffic_one_canary_is_the_proof(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, email: UUID
) -> None:
    """Too few peers: one email goes to SES's mailbox simulator, however often the sweep runs; its event is proof."""
    send_peers(gateway, mailer, who, accepted=2, seen=2)
    be_quiet(gateway)
    for _ in range(3):
        assert gateway.reconcile.sweep() == 0
        gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert len(canaries(gateway)) == calls_to(mailer, CANARY) == 1
    bring(gateway, sent(gateway, mailer.sent[-1]))
    assert gateway.reconcile.sweep() == 1
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert calls_to(mailer) == 2
    assert state_of(gateway, email) is State.SENT


def test_a_canary_whose_event_is_quicker_than_its_answer_proves_as_much(
    gateway: Gateway, mailer: ScriptedMailer, email: UUID
) -> None:
    """SNS may bring the event before the worker has recorded the answer, or the answer may never come."""
    be_quiet(gateway)
    gateway.reconcile.sweep()
    mailer.answers[CANARY] = Ambiguous("Silence.")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    bring(gateway, about(mailer.sent[-1], "Send", "ses-canary"))
    assert gateway.reconcile.sweep() == 1
    assert state_of(gateway, email) is State.RETRY_WAIT


def test_a_canary_that_was_sent_before_the_email_proves_nothing_about_it(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, email: UUID
) -> None:
    """A canary for an earlier email, sent in the same minute but before this one, proves nothing."""
    be_quiet(gateway)
    gateway.reconcile.sweep()
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    (canary,) = canaries(gateway)
    bring(gateway, sent(gateway, mailer.sent[-1]))
    later = recipient_of(gateway, email).unconfirmed_since
    assert later is not None
    end_of_minute = later.replace(second=59, microsecond=0)
    change(gateway, "recipients", {"unconfirmed_since": end_of_minute}, email_id=email)
    change(
        gateway,
        "attempts",
        {"started_at": end_of_minute - timedelta(seconds=30)},
        recipient_id=recipient_of(gateway, canary).id,
    )
    assert gateway.reconcile.sweep() == 0
    assert state_of(gateway, email) is State.UNCONFIRMED


def test_many_emails_without_proof_do_not_hold_up_those_with_it(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep looks past the emails that have to wait, however many there are."""
    monkeypatch.setattr(unconfirmed, "BATCH", 2)
    stuck = submit_in_silence(gateway, mailer, who, *(f"stuck{number}@example.net" for number in range(4)))
    be_quiet(gateway, timedelta(hours=2))
    provable = submit_in_silence(gateway, mailer, who, ANN)[0]
    send_peers(gateway, mailer, who, seen=ENOUGH_PEERS)
    for email, since in ((provable, QUIET), *((one, timedelta(hours=2)) for one in stuck)):
        age(gateway, "recipients", "unconfirmed_since", since, email_id=email)
    change(gateway, "attempts", {"started_at": recipient_of(gateway, provable).unconfirmed_since})
    assert gateway.reconcile.sweep() == 1
    assert state_of(gateway, provable) is State.RETRY_WAIT


def before_anything_else(_: Gateway, __: ScriptedMailer, ___: Caller) -> None:
    """Right after the call."""


def once_sent_again(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> None:
    send_peers(gateway, mailer, who, seen=ENOUGH_PEERS)
    be_quiet(gateway)
    assert gateway.reconcile.sweep() == 1


def once_held(gateway: Gateway, _: ScriptedMailer, __: Caller) -> None:
    be_quiet(gateway, GIVE_UP_AFTER + timedelta(minutes=1))
    assert gateway.reconcile.sweep() == 1


@pytest.mark.parametrize("when", [before_anything_else, once_sent_again, once_held], ids=lambda when: when.__name__)
def test_an_event_settles_the_email_at_any_time(
    gateway: Gateway,
    mailer: ScriptedMailer,
    who: Caller,
    email: UUID,
    when: Callable[[Gateway, ScriptedMailer, Caller], None],
) -> None:
    """SES's own event settles the outcome: the email is delivered and is not called again."""
    first = mailer.sent[0]
    when(gateway, mailer, who)
    bring(gateway, about(first, "Delivery", "ses-unheard-of"))
    gateway.reconcile.sweep()
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.DELIVERED
    assert calls_to(mailer) == 1
    assert outcomes(gateway, email) == ["accepted"]


def test_a_late_event_of_the_first_call_keeps_rank_and_flag(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, email: UUID
) -> None:
    """It was a duplicate after all: the `Send` event of the first call comes after the second call's delivery."""
    first = mailer.sent[0]
    once_sent_again(gateway, mailer, who)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, delivery(gateway, email))
    bring(gateway, about(first, "Send", "ses-the-first"))
    row = recipient_of(gateway, email)
    assert row.state is State.DELIVERED
    assert row.possible_duplicate
    assert outcomes(gateway, email) == ["accepted", "accepted"]


def test_a_bounce_of_either_call_finds_its_email(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, email: UUID
) -> None:
    """After a resend both message ids are known: an event without tags finds the email by the first one too."""
    first = mailer.sent[0]
    once_sent_again(gateway, mailer, who)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    bring(gateway, about(first, "Send", "ses-the-first"))
    feed(gateway, bounce(gateway, email, ses_message_id="ses-the-first", tags={}))
    assert state_of(gateway, email) is State.BOUNCED


@pytest.mark.parametrize("by_person", [False, True], ids=["proven absent", "resent by a person"])
def test_nothing_is_sent_again_to_an_address_that_was_suppressed_meanwhile(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, email: UUID, by_person: bool
) -> None:
    """The claim of the second call asks the list, as the claim of the first did."""
    gateway.suppress.add(who, ANN, reason="She asked us to stop.")
    if by_person:
        once_held(gateway, mailer, who)
        gateway.reconcile.resend(ROOT, recipient_of(gateway, email).id, reason="Try once more.")
    else:
        once_sent_again(gateway, mailer, who)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.SUPPRESSED
    assert calls_to(mailer) == 1


@pytest.mark.parametrize("by_person", [False, True], ids=["proven absent", "resent by a person"])
def test_an_email_that_expires_before_its_second_call_ends_as_expired(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, email: UUID, by_person: bool
) -> None:
    """Once it is settled that the first call did not send it, it must not wait forever."""
    if by_person:
        once_held(gateway, mailer, who)
        gateway.reconcile.resend(ROOT, recipient_of(gateway, email).id, reason="Try once more.")
    else:
        once_sent_again(gateway, mailer, who)
    age(gateway, "recipients", "expires_at", timedelta(seconds=1), email_id=email)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    gateway.upkeep.expire()
    assert state_of(gateway, email) is State.EXPIRED
    assert calls_to(mailer) == 1


def test_a_late_report_without_an_answer_puts_no_settled_email_in_doubt(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller
) -> None:
    """A worker that stalled for long reports an unknown outcome: an email that was settled meanwhile stays settled."""
    email = submit(gateway, who, ANN)
    claim = take(gateway)
    age(gateway, "recipients", "lease_until", timedelta(seconds=1))
    gateway.upkeep.end_leases()
    once_sent_again(gateway, mailer, who)
    late = Report(attempt=claim.emails[0], result=Ambiguous("Silence."))
    Record(database=gateway.database, max_attempts=12)([late])
    assert outcomes(gateway, email) == ["not_sent"]
    age(gateway, "recipients", "expires_at", timedelta(seconds=1), email_id=email)
    gateway.upkeep.expire()
    assert state_of(gateway, email) is State.EXPIRED
