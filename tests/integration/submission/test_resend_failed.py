"""An operator may send a failed email again, as long as its body is there; the gate decides again."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, event

from app.domain.apps.callers import Caller
from app.domain.errors import Conflict, NotFound, RestrictedApiKey
from app.domain.sending.call_outcome import Refused, Retry
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.store.operating import audit
from app.store.submission import emails
from app.wiring.gateway import Gateway
from tests.support.aws.ses_events import about, bring
from tests.support.gateway.emails import ROOT, state_of, submit
from tests.support.gateway.forgetting import forget, with_account
from tests.support.gateway.gateways import ScriptedMailer, caller
from tests.support.gateway.rows import age, make_due, recipient_of, rows
from tests.support.gateway.web import AccountList

ANN, BOB = "ann@example.net", "bob@example.net"
WHY = "The content was mended at SES."


@pytest.fixture
def who(gateway: Gateway) -> Caller:
    return caller(gateway)


def fail(gateway: Gateway, mailer: ScriptedMailer, who: Caller, *to: str) -> UUID:
    """An email that SES has refused for Ann, and accepted for all others."""
    mailer.answers[ANN] = Refused("MessageRejected: not today.")
    email = submit(gateway, who, ANN, *to)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    del mailer.answers[ANN]
    assert state_of(gateway, email) is State.FAILED
    return email


def again(gateway: Gateway, email: UUID) -> int:
    return gateway.resend_failed(ROOT, email, reason=WHY)


def test_a_failed_email_is_sent_again(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> None:
    """Only to the recipient that failed, not as a possible duplicate: SES refused it. The audit says who and why."""
    email = fail(gateway, mailer, who, BOB)
    assert again(gateway, email) == 1
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    row = recipient_of(gateway, email)
    assert (row.state, row.possible_duplicate) == (State.SENT, False)
    assert sorted(envelope.recipient for envelope in mailer.sent) == [ANN, ANN, BOB]
    (entry,) = rows(gateway, "audit", action="resend_failed")
    assert (entry["actor"], entry["reason"], entry["data"]) == (ROOT.actor, WHY, {"recipient_id": str(row.id)})


def test_attempts_are_counted_from_zero_again(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> None:
    """An email that used most of its attempts has all of them again: one more failure does not end it."""
    mailer.answers[ANN] = Retry("No server there.")
    email = submit(gateway, who, ANN)
    for _ in range(gateway.settings.max_attempts - 2):
        make_due(gateway)
        gateway.deliver.drain(Lane.TRANSACTIONAL)
    mailer.answers[ANN] = Refused("SES refused the email: no.")
    make_due(gateway)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert (state_of(gateway, email), recipient_of(gateway, email).attempts) == (State.FAILED, 11)
    mailer.answers[ANN] = Retry("No server there.")
    again(gateway, email)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert (state_of(gateway, email), recipient_of(gateway, email).attempts) == (State.RETRY_WAIT, 1)


def test_an_address_that_was_suppressed_meanwhile_is_not_sent_to(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller
) -> None:
    """The gate decides again: the email ends as suppressed, without a call."""
    email = fail(gateway, mailer, who)
    gateway.suppress.add(who, ANN, reason="She asked us to stop.")
    again(gateway, email)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert (state_of(gateway, email), len(mailer.sent)) == (State.SUPPRESSED, 1)


def test_an_email_that_ses_took_and_then_rejected_is_not_sent_again(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller
) -> None:
    """It has a MessageId, and SES rejected its content, not the call: the same content would be rejected again."""
    email = submit(gateway, who, ANN)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    bring(gateway, about(mailer.sent[-1], "Reject", recipient_of(gateway, email).ses_message_id or ""))
    assert state_of(gateway, email) is State.FAILED
    with pytest.raises(Conflict, match="submit it anew"):
        again(gateway, email)
    assert state_of(gateway, email) is State.FAILED


def test_an_email_without_its_body_is_not_sent_again(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> None:
    """Its retention has ended and nothing is left to send; the error says so, and the email does not fail once more."""
    email = fail(gateway, mailer, who)
    with gateway.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE emails SET sealed_body = NULL, sealed_key = NULL")
    with pytest.raises(Conflict, match="body was erased"):
        again(gateway, email)
    assert state_of(gateway, email) is State.FAILED


def test_an_email_past_its_deadline_is_not_sent_again(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> None:
    """It would only expire."""
    email = fail(gateway, mailer, who)
    with gateway.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE recipients SET expires_at = '2020-01-01 00:00:00.000000'")
    with pytest.raises(Conflict, match="expires_at"):
        again(gateway, email)


def test_an_address_that_was_forgotten_is_not_sent_to(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> None:
    """This holds even if the body is still there, since others got the email too."""
    email = fail(gateway, mailer, who, BOB)
    forget(with_account(gateway, AccountList()), ANN)
    with pytest.raises(Conflict, match="forgotten"):
        again(gateway, email)


def test_only_an_operator_may_resend_and_only_a_failed_email(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller
) -> None:
    """Not the application; not an email that was sent; not one that does not exist."""
    email = fail(gateway, mailer, who)
    with pytest.raises(RestrictedApiKey):
        gateway.resend_failed(who, email, reason=WHY)
    with pytest.raises(NotFound):
        again(gateway, uuid4())
    again(gateway, email)
    with pytest.raises(Conflict, match="has failed"):
        again(gateway, email)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.SENT


def old_enough(gateway: Gateway) -> datetime:
    """Age all email beyond its retention; returns the time before which it ended."""
    age(gateway, "emails", "created_at", timedelta(days=3))
    age(gateway, "recipients", "updated_at", timedelta(days=3))
    return datetime.now(UTC) - timedelta(days=1)


def erase_bodies(connection: Connection, before: datetime) -> int:
    """The number of bodies that retention erases of emails that ended before this time."""
    return emails.erase_bodies(connection, ended_before=before, after=None, limit=10).erased


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_retention_leaves_an_email_alone_that_is_just_resent(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retention runs before the operator's resend is committed: no email may wait without a body."""
    email = fail(gateway, mailer, who)
    before = old_enough(gateway)
    erased = []

    def come_by(*_: object, **__: object) -> None:
        with gateway.database.transaction() as connection:
            erased.append(erase_bodies(connection, before))

    monkeypatch.setattr(audit, "write", come_by)
    again(gateway, email)
    come_by()
    assert erased == [0, 0]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.SENT


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_a_resend_waits_for_a_retention_that_came_first(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> None:
    """The body is gone once the retention commits, and the operator gets that as the reason."""
    email = fail(gateway, mailer, who)
    before = old_enough(gateway)
    with ThreadPoolExecutor(1) as pool:
        with gateway.database.transaction() as connection:
            assert erase_bodies(connection, before) == 1
            resent = pool.submit(again, gateway, email)
            wait_for_a_lock(gateway)
        with pytest.raises(Conflict, match="body was erased"):
            resent.result()


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_retention_checks_an_email_again_after_locking_it(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller
) -> None:
    """An email that was resent between the look and the lock of retention keeps its body."""
    email = fail(gateway, mailer, who)
    before = old_enough(gateway)
    with gateway.database.transaction() as connection:
        let_go: list[UUID] = []

        def let_it_go(*given: Any) -> None:
            if not let_go and "FOR " in given[2]:
                let_go.append(email)
                with gateway.database.transaction() as other:
                    other.exec_driver_sql("UPDATE recipients SET state = 'retry_wait'")

        event.listen(connection, "after_cursor_execute", let_it_go)
        erased = erase_bodies(connection, before)
    assert (let_go, erased) == ([email], 0)


def wait_for_a_lock(gateway: Gateway) -> None:
    """Wait until a session waits for a lock in this database."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    deadline = time.monotonic() + 30
    while True:
        with gateway.database.asking() as connection:
            if connection.exec_driver_sql(query).scalar_one():
                return
        assert time.monotonic() < deadline, "no transaction waits for a lock"
