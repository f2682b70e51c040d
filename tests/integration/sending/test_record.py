"""What a worker may record about its calls: other outcomes while it holds the lease, acceptance always."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection

from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Accepted, Ambiguous, Outcome, Refused, Retry, Throttled, Tripped
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.sending.call_results import FoundSuppressed, NotCalled, Report
from app.services.sending.record import Record
from app.store.engine.database import Database, clock
from app.store.feedback import notifications
from app.store.sending import recipients
from app.wiring.gateway import Gateway, build
from tests.support.gateway.emails import bounce, feed, submit, take
from tests.support.gateway.gateways import ScriptedMailer, caller, replace_parts, settings_for
from tests.support.gateway.reports import claimed, record
from tests.support.gateway.rows import age, change, outcomes, recipient_of, rows

OWN = {"id", "email_id", "ses_message_id", "due_at", "created_at", "updated_at"}
"""The fields that two recipients never share."""

NOT_ACCEPTED = [
    Refused("No."),
    Retry("Away."),
    Throttled("Slow."),
    Tripped("account", "Paused."),
    Ambiguous("Silence."),
]


def lose_the_lease(gateway: Gateway, email: UUID) -> None:
    age(gateway, "recipients", "lease_until", timedelta(seconds=1))
    assert gateway.upkeep.end_leases() == 1
    assert recipient_of(gateway, email).state is State.UNCONFIRMED


@pytest.mark.parametrize("result", NOT_ACCEPTED, ids=lambda result: type(result).__name__)
def test_a_worker_that_lost_its_lease_may_record_no_other_outcome(gateway: Gateway, result: Outcome) -> None:
    """After the end of the lease, a report without an acceptance changes nothing: the email may have been sent."""
    email, report = claimed(gateway)
    lose_the_lease(gateway, email)
    before = recipient_of(gateway, email)
    record(gateway, report(result))
    assert recipient_of(gateway, email) == before


def test_acceptance_wins_over_an_ended_lease(gateway: Gateway) -> None:
    """However late: SES answered with a message id, so the email is sent, under that id."""
    email, report = claimed(gateway)
    lose_the_lease(gateway, email)
    record(gateway, report(Accepted("ses-late")))
    row = recipient_of(gateway, email)
    assert (row.state, row.ses_message_id, row.lease_token) == (State.SENT, "ses-late", None)
    assert row.unconfirmed_since is None
    assert outcomes(gateway, email) == ["accepted"]


@pytest.mark.parametrize("result", NOT_ACCEPTED, ids=lambda result: type(result).__name__)
def test_a_report_under_another_claim_changes_nothing(gateway: Gateway, result: Outcome) -> None:
    """Where another worker holds the email, an old report leaves it with that worker."""
    email, old = claimed(gateway)
    change(gateway, "recipients", {"state": State.QUEUED, "lease_token": None})
    new = take(gateway)
    record(gateway, old(result))
    row = recipient_of(gateway, email)
    assert (row.state, row.lease_token) == (State.SENDING, new.token)
    record(gateway, old(Accepted("ses-old")))
    assert recipient_of(gateway, email).state is State.SENT


def test_acceptance_is_written_the_same_whether_or_not_the_row_was_read_again(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A held email is written from what the claim has read; the result is the one that a decision under a lock has."""
    written = []
    for number in range(2):
        email, report = claimed(gateway)
        if number:
            monkeypatch.setattr(recipients, "save_accepted", lambda *_, **__: frozenset())
        record(gateway, report(Accepted(f"ses-{number}")))
        [row] = rows(gateway, "recipients", email_id=email)
        written.append({name: value for name, value in row.items() if name not in OWN})
    assert written[0] == written[1]
    assert written[0]["state"] == State.SENT


def test_two_reports_of_one_email_in_a_batch_are_recorded_in_turn(gateway: Gateway) -> None:
    """An earlier call's acceptance is not lost to a later call's failure that is written with it."""
    email, old = claimed(gateway)
    change(gateway, "recipients", {"state": State.QUEUED, "lease_token": None})
    new = take(gateway)
    failed = Report(attempt=new.emails[0], result=Retry("Away."))
    record(gateway, old(Accepted("ses-first")), failed)
    row = recipient_of(gateway, email)
    assert (row.state, row.ses_message_id) == (State.SENT, "ses-first")


@pytest.mark.parametrize("earlier, bound_s", [(0, 2), (1, 4), (5, 64), (9, 900), (10, 900)])
@pytest.mark.parametrize("jitter", [0.0, 0.37, 1.0])
def test_a_retry_comes_within_a_bound_that_doubles(gateway: Gateway, earlier: int, bound_s: int, jitter: float) -> None:
    """Full jitter: any moment from now to 2 s, 4 s, … 15 minutes, and each retry burns an attempt."""
    email, report = claimed(gateway)
    change(gateway, "recipients", {"attempts": earlier})
    record(gateway, report(Retry("Away.")), jitter=jitter)
    row = recipient_of(gateway, email)
    assert (row.state, row.attempts, row.reason) == (State.RETRY_WAIT, earlier + 1, "Away.")
    wait = row.due_at - row.updated_at
    assert abs(wait - timedelta(seconds=bound_s * jitter)) < timedelta(seconds=0.5)


def test_after_the_last_attempt_a_person_has_to_decide(gateway: Gateway) -> None:
    """After the twelfth failed call that ends no email it is held, with the number of calls and the reason."""
    email, report = claimed(gateway)
    change(gateway, "recipients", {"attempts": 11})
    record(gateway, report(Retry("No answer.")))
    row = recipient_of(gateway, email)
    assert (row.state, row.attempts, row.lease_token) == (State.HELD, 12, None)
    assert row.reason == "Not sent in 12 attempts; a person has to decide. No answer."


@pytest.mark.parametrize("scope", ["ses", "account", "configuration_set", "sender:example.com"])
def test_a_failure_that_concerns_others_too_never_burns_an_attempt(gateway: Gateway, scope: str) -> None:
    """However often such a failure happens: an email with one attempt left still has it."""
    _, report = claimed(gateway)
    change(gateway, "recipients", {"attempts": 11})
    record(gateway, report(Tripped(scope, "Away.")))
    [row] = rows(gateway, "recipients")
    assert (row["state"], row["attempts"]) == (State.RETRY_WAIT, 11)


@pytest.mark.parametrize("ends", ["silence", "an ended lease"])
def test_an_unknown_outcome_burns_no_attempt(gateway: Gateway, ends: str) -> None:
    """Trouble of SES, or a worker that was killed, is not caused by the email."""
    email, report = claimed(gateway)
    if ends == "silence":
        record(gateway, report(Ambiguous("Silence.")))
    else:
        lose_the_lease(gateway, email)
    row = recipient_of(gateway, email)
    assert (row.state, row.attempts) == (State.UNCONFIRMED, 0)


@pytest.mark.parametrize("result", [Throttled("Slow down."), Tripped("account", "The account is paused.")])
def test_a_failure_that_the_email_did_not_cause_burns_no_attempt(gateway: Gateway, result: Throttled | Tripped) -> None:
    """After throttling, or with a paused account, it waits some seconds, with as many attempts left as before."""
    email, report = claimed(gateway)
    record(gateway, report(result))
    row = recipient_of(gateway, email)
    assert (row.state, row.attempts, row.reason) == (State.RETRY_WAIT, 0, result.reason)
    assert timedelta(seconds=0.9) <= row.due_at - row.updated_at <= timedelta(seconds=3.1)
    assert outcomes(gateway, email) == ["not_sent"]


def test_one_report_that_the_database_refuses_takes_no_other_with_it(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Two emails cannot have one message id; the second stays in doubt, all others are written."""
    who = caller(gateway)
    emails = {name: submit(gateway, who, f"{name}@example.net") for name in ("a", "b", "c", "d")}
    for name in ("b", "c"):
        mailer.answers[f"{name}@example.net"] = Accepted("ses-twice")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    states = {name: recipient_of(gateway, email).state for name, email in emails.items()}
    assert sorted([states["b"], states["c"]]) == [State.SENDING, State.SENT]
    assert states["a"] is State.SENT
    assert states["d"] is State.SENT
    assert len(mailer.sent) == 4


def test_one_report_that_cannot_be_written_takes_no_other_with_it(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """No driver takes the text of its answer. The drain ends, and the others are recorded from the notes."""
    who = caller(gateway)
    emails = [submit(gateway, who, f"{name}@example.net") for name in ("a", "b", "c")]
    mailer.answers["b@example.net"] = Accepted("ses-\ud800")
    with pytest.raises(UnicodeEncodeError):
        gateway.deliver.drain(Lane.TRANSACTIONAL)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    gateway.recover()
    states = [recipient_of(gateway, email).state for email in emails]
    assert states == [State.SENT, State.SENDING, State.SENT]
    assert len(mailer.sent) == 3


class AwayFor(Database):
    """A database that is away for the first few transactions."""

    def __init__(self, database: Database, times: int) -> None:
        self.engine = database.engine
        self.refusals = times
        self._database = database

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        if self.refusals:
            self.refusals -= 1
            raise ServiceUnavailable("Away.")
        with self._database.transaction() as connection:
            yield connection


def test_an_answer_of_ses_outlives_a_database_that_is_away(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The report waits for the database, and SES is not called a second time."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    away = AwayFor(gateway.database, times=3)
    replace_parts(gateway, record=Record(database=away, max_attempts=gateway.settings.max_attempts))
    drained = gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert away.refusals == 0
    assert drained.reported == 1
    assert recipient_of(gateway, email).state is State.SENT
    assert len(mailer.sent) == 1


def test_an_event_that_waits_for_a_message_id_is_woken_by_it(gateway: Gateway) -> None:
    """A parked bounce is looked at again as soon as its message id is written."""
    email, report = claimed(gateway)
    feed(gateway, bounce(gateway, email, ses_message_id="ses-early", tags={}))
    change(gateway, "notifications", {"due_at": rows(gateway, "notifications")[0]["due_at"] + timedelta(hours=1)})
    record(gateway, report(Accepted("ses-early")))
    gateway.settle.drain()
    assert recipient_of(gateway, email).state is State.BOUNCED


def test_recording_and_settling_never_deadlock(migrated_postgres_url: str, redis_url: str) -> None:
    """A settler holds a notification and wants the email, a recorder wants both: neither ends in a deadlock."""
    gateway = build(settings_for(migrated_postgres_url, redis_url), mailer=ScriptedMailer())
    email, report = claimed(gateway)
    feed(gateway, bounce(gateway, email, ses_message_id="ses-early", tags={}))
    with gateway.database.reading() as connection:
        change(gateway, "notifications", {"due_at": clock(connection) - timedelta(seconds=1)})
    with ThreadPoolExecutor(1) as other:
        with gateway.database.transaction() as connection:
            assert len(notifications.take(connection, limit=10)) == 1
            recording = other.submit(record, gateway, report(Accepted("ses-early")))
            time.sleep(0.3)
            assert recipients.lock(connection, [recipient_of(gateway, email).id])
        recording.result(5)
    assert recipient_of(gateway, email).state is State.SENT
    gateway.close()


@pytest.mark.parametrize("jitter, waits_s", [(0.0, 1), (0.25, 1.5), (1.0, 3)])
def test_a_throttled_email_waits_for_one_to_three_seconds(gateway: Gateway, jitter: float, waits_s: float) -> None:
    """The wait is random, so that emails that were throttled together do not come back together."""
    email, report = claimed(gateway)
    began = database_now(gateway)
    record(gateway, report(Throttled("Slow down.")), jitter=jitter)
    row = recipient_of(gateway, email)
    assert began <= row.due_at - timedelta(seconds=waits_s) <= database_now(gateway)


def database_now(gateway: Gateway) -> datetime:
    with gateway.database.reading() as connection:
        return clock(connection)


@pytest.mark.parametrize(
    "scope, waited, waits_s",
    [
        ("account", timedelta(minutes=2), 1),
        ("keys", timedelta(seconds=1), 5),
        ("keys", timedelta(minutes=2), 120),
        ("keys", timedelta(hours=1), 300),
    ],
)
def test_an_email_without_its_key_waits_as_long_as_it_has_waited(
    gateway: Gateway, scope: str, waited: timedelta, waits_s: int
) -> None:
    """It waits five seconds at least and five minutes at most; one that waits for a circuit only is due at once."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    age(gateway, "recipients", "created_at", waited)
    taken = take(gateway)
    record(gateway, Report(attempt=taken.emails[0], result=Tripped(scope, "Away.")))
    row = recipient_of(gateway, email)
    assert abs(row.due_at - row.updated_at - timedelta(seconds=waits_s)) < timedelta(seconds=0.9 if waits_s < 6 else 20)


@pytest.mark.parametrize(
    "result, state, reason",
    [
        (NotCalled("The database was away."), State.QUEUED, "The database was away."),
        (FoundSuppressed("manual"), State.SUPPRESSED, "The address is on the suppression list (manual)."),
    ],
    ids=["not called", "found suppressed"],
)
def test_an_email_that_was_not_called_keeps_its_attempts_and_has_a_reason(
    gateway: Gateway, result: NotCalled | FoundSuppressed, state: State, reason: str
) -> None:
    """It goes back to the queue, or ends as suppressed; its attempt is known to have sent nothing."""
    email, report = claimed(gateway)
    record(gateway, report(result))
    row = recipient_of(gateway, email)
    assert (row.state, row.attempts, row.lease_token) == (state, 0, None)
    [attempt] = rows(gateway, "attempts")
    assert (attempt["outcome"], attempt["reason"]) == ("not_sent", reason)
