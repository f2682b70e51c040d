"""After the database was restored to an earlier moment, nothing that had left since is sent again."""

from uuid import UUID

import pytest

from app.domain.delivery import State
from app.domain.errors import Conflict
from app.queue import Lane
from app.services.authenticate import operator
from app.store.ids import new_id
from app.wiring import Gateway
from tests.gateways import ScriptedMailer, caller
from tests.mails import delivery, feed, state_of, submit

ROOT = operator("test")


def test_nothing_is_sent_while_recovering(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Mail is accepted and kept; the first call comes after the end of the recovery."""
    gateway.restore.begin(ROOT, reason="Restored to 04:00.")
    submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert mailer.sent == []
    gateway.restore.end(ROOT, force=True)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert len(mailer.sent) == 1


def test_an_event_brings_back_the_call_that_the_database_forgot(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A mail that looks unsent is settled by an event whose attempt is unknown, and is not sent again."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    gateway.restore.begin(ROOT, reason="Restored to 04:00.")
    forgotten = new_id()
    recipient = gateway.look_up.email(ROOT, mail).recipients[0].id
    tags = {"postern_recipient": str(recipient), "postern_attempt": str(forgotten)}
    feed(gateway, delivery(gateway, mail, ses_message_id="ses-before-the-crash", tags=tags), times=2)
    assert state_of(gateway, mail) is State.DELIVERED
    assert calls_of(gateway, mail) == [(str(forgotten), "accepted", "event")]
    gateway.restore.end(ROOT, force=True)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert mailer.sent == []


def test_recovery_ends_only_once_events_have_had_their_time(gateway: Gateway) -> None:
    """Before the quiet time is over it ends only by force; without a recovery there is nothing to end."""
    with pytest.raises(Conflict):
        gateway.restore.end(ROOT)
    gateway.restore.begin(ROOT, reason="Restored to 04:00.")
    with pytest.raises(Conflict, match="events may come until"):
        gateway.restore.end(ROOT)
    with gateway.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE circuits SET opened_at = '2020-01-01 00:00:00.000000'")
    gateway.restore.end(ROOT)
    assert gateway.restore.progress() is None


def calls_of(gateway: Gateway, mail: UUID) -> list[tuple[str, str, str]]:
    entries = gateway.look_up.timeline(ROOT, mail)
    calls = [dict(entry.data) for entry in entries if entry.type == "attempt"]
    return [(call["attempt_id"], call["outcome"], call["evidence"]) for call in calls]
