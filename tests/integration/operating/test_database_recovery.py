"""After the database was restored to an earlier moment, no email that had left since then is sent again."""

import json
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import event

from app.domain.errors import Conflict
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.apps.authenticate import operator
from app.services.operating.database_recovery import COUNTED_UP_TO, counted
from app.store.engine.ids import new_id
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import delivered, put
from tests.support.gateway.emails import delivery, feed, state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller

ROOT = operator("test")


def test_nothing_is_sent_while_recovering(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Emails are accepted and kept; the first call comes after the end of the recovery."""
    gateway.restore.begin(ROOT, reason="Restored to 04:00.")
    submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert mailer.sent == []
    gateway.restore.end(ROOT, force=True)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert len(mailer.sent) == 1


def test_an_event_restores_the_call_that_the_database_lost(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """An event with an unknown attempt settles an email that looks unsent, so it is not sent again."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.restore.begin(ROOT, reason="Restored to 04:00.")
    forgotten = new_id()
    recipient = gateway.look_up.email(ROOT, email).recipients[0].id
    tags = {"postern_recipient": str(recipient), "postern_attempt": str(forgotten)}
    feed(gateway, delivery(gateway, email, ses_message_id="ses-before-the-crash", tags=tags), times=2)
    assert state_of(gateway, email) is State.DELIVERED
    assert calls_of(gateway, email) == [(str(forgotten), "accepted", "event")]
    gateway.restore.end(ROOT, force=True)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert mailer.sent == []


def test_recovery_ends_only_after_the_quiet_time(gateway: Gateway) -> None:
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


def test_recovery_does_not_end_while_notifications_are_unread(gateway: Gateway) -> None:
    """They may report emails that left before the restore, which would otherwise be sent again."""
    gateway.restore.begin(ROOT, reason="Restored to 04:00.")
    with gateway.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE circuits SET opened_at = '2020-01-01 00:00:00.000000'")
    put(gateway, json.dumps(delivered("ann@example.net", message="before")))
    with pytest.raises(Conflict, match="1 notifications wait"):
        gateway.restore.end(ROOT)
    assert gateway.restore.progress() is not None
    gateway.settle.drain()
    gateway.restore.end(ROOT)
    assert gateway.restore.progress() is None


def test_only_waiting_notifications_are_counted(gateway: Gateway) -> None:
    """However many were settled. By force nothing is counted, so that a gateway of any size can send again."""
    gateway.restore.begin(ROOT, reason="Restored to 04:00.")
    put(gateway, "{}", "{}")
    progress = gateway.restore.progress()
    assert progress is not None
    assert (progress.unread, counted(progress)) == (2, "2")
    assert counted(replace(progress, unread=COUNTED_UP_TO)) == "more than 10,000"
    gateway.settle.drain()
    progress = gateway.restore.progress()
    assert progress is not None
    assert progress.unread == 0
    asked: list[str] = []
    event.listen(gateway.database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    gateway.restore.end(ROOT, force=True)
    assert not [statement for statement in asked if "notifications" in statement]


def calls_of(gateway: Gateway, email: UUID) -> list[tuple[str, str, str]]:
    entries = gateway.look_up.timeline(ROOT, email)
    calls = [dict(entry.data) for entry in entries if entry.type == "attempt"]
    return [(call["attempt_id"], call["outcome"], call["evidence"]) for call in calls]
