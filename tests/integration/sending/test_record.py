"""What a worker may write about its calls: its own outcomes while it holds the lease, acceptance always."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection

from app.domain.delivery import State
from app.domain.errors import ServiceUnavailable
from app.domain.outcome import Accepted, Ambiguous, Outcome, Paused, Refused, Retry, Throttled
from app.queue import Lane
from app.services.record import Record, Report
from app.store import inbox, recipients
from app.store.db import Database, clock
from app.wiring import Gateway, build
from tests.gateways import ScriptedMailer, caller, settings_for
from tests.mails import bounce, feed, submit, take
from tests.rows import age, change, outcomes, recipient_of, rows

OWN = {"id", "email_id", "ses_message_id", "due_at", "created_at", "updated_at"}
"""What two recipients never share."""

NOT_ACCEPTED = [Refused("No."), Retry("Away."), Throttled("Slow."), Paused("account", "Paused."), Ambiguous("Silence.")]


def record(gateway: Gateway, *reports: Report, jitter: float = 0.5) -> None:
    """Write reports as the worker does, with jitter that is no chance."""
    Record(database=gateway.database, max_attempts=12, jitter=lambda: jitter)(reports)


def claimed(gateway: Gateway) -> tuple[UUID, Callable[[Outcome], Report]]:
    """A mail that a worker has claimed, and what it reports about its call."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    taken = take(gateway)
    return mail, lambda result: Report(mine=taken.mails[0], token=taken.token, result=result)


def lose_the_lease(gateway: Gateway, mail: UUID) -> None:
    age(gateway, "recipients", "lease_until", timedelta(seconds=1))
    assert gateway.upkeep.end_leases() == 1
    assert recipient_of(gateway, mail).state is State.UNCONFIRMED


@pytest.mark.parametrize("result", NOT_ACCEPTED, ids=lambda result: type(result).__name__)
def test_a_worker_that_lost_its_lease_is_not_believed(gateway: Gateway, result: Outcome) -> None:
    """After the lease ended, what the worker did not achieve moves nothing: the mail may have been sent."""
    mail, report = claimed(gateway)
    lose_the_lease(gateway, mail)
    before = recipient_of(gateway, mail)
    record(gateway, report(result))
    assert recipient_of(gateway, mail) == before


def test_acceptance_wins_over_an_ended_lease(gateway: Gateway) -> None:
    """However late: SES answered with a message id, so the mail is sent, under that id."""
    mail, report = claimed(gateway)
    lose_the_lease(gateway, mail)
    record(gateway, report(Accepted("ses-late")))
    row = recipient_of(gateway, mail)
    assert (row.state, row.ses_message_id, row.lease_token) == (State.SENT, "ses-late", None)
    assert row.unconfirmed_since is None
    assert outcomes(gateway, mail) == ["accepted"]


@pytest.mark.parametrize("result", NOT_ACCEPTED, ids=lambda result: type(result).__name__)
def test_a_report_under_another_claim_moves_nothing(gateway: Gateway, result: Outcome) -> None:
    """Where somebody else holds the mail by now, an old report leaves it with its holder."""
    mail, old = claimed(gateway)
    change(gateway, "recipients", {"state": State.QUEUED, "lease_token": None})
    new = take(gateway)
    record(gateway, old(result))
    row = recipient_of(gateway, mail)
    assert (row.state, row.lease_token) == (State.SENDING, new.token)
    record(gateway, old(Accepted("ses-old")))
    assert recipient_of(gateway, mail).state is State.SENT


def test_acceptance_is_written_alike_whether_the_row_was_read_again_or_not(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a claim holds is written from what the claim has read; it comes to what would be decided under a lock."""
    written = []
    for number in range(2):
        mail, report = claimed(gateway)
        if number:
            monkeypatch.setattr(recipients, "save_accepted", lambda *_, **__: frozenset())
        record(gateway, report(Accepted(f"ses-{number}")))
        [row] = rows(gateway, "recipients", email_id=mail)
        written.append({name: value for name, value in row.items() if name not in OWN})
    assert written[0] == written[1]
    assert written[0]["state"] == State.SENT


def test_two_reports_of_one_mail_in_a_batch_are_taken_in_turn(gateway: Gateway) -> None:
    """Acceptance of an earlier call is not lost to the failure of a later one that is written with it."""
    mail, old = claimed(gateway)
    change(gateway, "recipients", {"state": State.QUEUED, "lease_token": None})
    new = take(gateway)
    failed = Report(mine=new.mails[0], token=new.token, result=Retry("Away."))
    record(gateway, old(Accepted("ses-first")), failed)
    row = recipient_of(gateway, mail)
    assert (row.state, row.ses_message_id) == (State.SENT, "ses-first")


@pytest.mark.parametrize("earlier, bound_s", [(0, 2), (1, 4), (5, 64), (9, 900), (10, 900)])
@pytest.mark.parametrize("jitter", [0.0, 0.37, 1.0])
def test_a_retry_comes_within_a_bound_that_doubles(gateway: Gateway, earlier: int, bound_s: int, jitter: float) -> None:
    """Full jitter: anywhere from now to 2 s, 4 s, … 15 minutes, and each one is an attempt burned."""
    mail, report = claimed(gateway)
    change(gateway, "recipients", {"attempts": earlier})
    record(gateway, report(Retry("Away.")), jitter=jitter)
    row = recipient_of(gateway, mail)
    assert (row.state, row.attempts, row.reason) == (State.RETRY_WAIT, earlier + 1, "Away.")
    wait = row.due_at - row.updated_at
    assert abs(wait - timedelta(seconds=bound_s * jitter)) < timedelta(seconds=0.5)


def test_the_last_attempt_ends_the_mail_with_its_reason(gateway: Gateway) -> None:
    """After the twelfth call whose own cause failed the mail has failed, and says after how many and why."""
    mail, report = claimed(gateway)
    change(gateway, "recipients", {"attempts": 11})
    record(gateway, report(Retry("Nobody answers.")))
    row = recipient_of(gateway, mail)
    assert (row.state, row.attempts) == (State.FAILED, 12)
    assert row.reason == "Given up after 12 attempts. Nobody answers."


@pytest.mark.parametrize("result", [Throttled("Slow down."), Paused("account", "The account is paused.")])
def test_what_is_not_the_mails_fault_burns_no_attempt(gateway: Gateway, result: Throttled | Paused) -> None:
    """Throttling and a paused account wait some seconds, with as many attempts left as before."""
    mail, report = claimed(gateway)
    record(gateway, report(result))
    row = recipient_of(gateway, mail)
    assert (row.state, row.attempts, row.reason) == (State.RETRY_WAIT, 0, result.reason)
    assert timedelta(seconds=0.9) <= row.due_at - row.updated_at <= timedelta(seconds=3.1)
    assert outcomes(gateway, mail) == ["not_sent"]


def test_one_report_that_the_database_refuses_takes_no_other_with_it(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Two mails under one message id cannot be; the second stays in doubt, all the others are written."""
    who = caller(gateway)
    mails = {name: submit(gateway, who, f"{name}@example.net") for name in ("a", "b", "c", "d")}
    for name in ("b", "c"):
        mailer.answers[f"{name}@example.net"] = Accepted("ses-twice")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    states = {name: recipient_of(gateway, mail).state for name, mail in mails.items()}
    assert sorted([states["b"], states["c"]]) == [State.SENDING, State.SENT]
    assert states["a"] is State.SENT
    assert states["d"] is State.SENT
    assert len(mailer.sent) == 4


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


def test_what_ses_said_outlives_a_database_that_is_away(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The report waits for the database, and SES is not called a second time."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver._parts.record._database = away = AwayFor(gateway.database, times=3)
    drained = gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert away.refusals == 0
    assert drained.reported == 1
    assert recipient_of(gateway, mail).state is State.SENT
    assert len(mailer.sent) == 1


def test_feedback_that_waits_for_an_id_is_woken_by_it(gateway: Gateway) -> None:
    """A parked bounce is looked at again as soon as the message id that it names is written."""
    mail, report = claimed(gateway)
    feed(gateway, bounce(gateway, mail, ses_message_id="ses-early", tags={}))
    change(gateway, "feedback", {"due_at": rows(gateway, "feedback")[0]["due_at"] + timedelta(hours=1)})
    record(gateway, report(Accepted("ses-early")))
    gateway.settle.drain()
    assert recipient_of(gateway, mail).state is State.BOUNCED


def test_recording_never_waits_for_whoever_waits_for_it(migrated_postgres_url: str, redis_url: str) -> None:
    """A settler holds a notification and wants the mail, a recorder wants both: neither is refused by a deadlock."""
    gateway = build(settings_for(migrated_postgres_url, redis_url), mailer=ScriptedMailer())
    mail, report = claimed(gateway)
    feed(gateway, bounce(gateway, mail, ses_message_id="ses-early", tags={}))
    with gateway.database.reading() as connection:
        change(gateway, "feedback", {"due_at": clock(connection) - timedelta(seconds=1)})
    with ThreadPoolExecutor(1) as other:
        with gateway.database.transaction() as connection:
            assert len(inbox.take(connection, limit=10)) == 1
            recording = other.submit(record, gateway, report(Accepted("ses-early")))
            time.sleep(0.3)
            assert recipients.lock(connection, [recipient_of(gateway, mail).id])
        recording.result(5)
    assert recipient_of(gateway, mail).state is State.SENT
    gateway.close()
