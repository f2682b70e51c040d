"""Retention: bodies, notifications and idempotency keys are erased when their time is over, and not before."""

import json
from datetime import timedelta
from uuid import UUID

import pytest

from app.domain.errors import ServiceUnavailable
from app.domain.sending.state_machine import State
from app.services.operating.retention import Retention
from app.services.operating.sweeps import Sweep
from app.store.operating import heartbeats
from app.store.submission import idempotency_keys
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import bounced, put
from tests.support.gateway.emails import ROOT, submission, submit
from tests.support.gateway.gateways import ScriptedMailer, caller
from tests.support.gateway.rows import age, change, count, rows

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def ended(gateway: Gateway, mailer: ScriptedMailer, number: int = 1) -> list[UUID]:
    """Emails that ended two days ago."""
    who = caller(gateway)
    emails = [submission(f"r{one}@example.net") for one in range(number)]
    answer = gateway.accept(who, emails, idempotency=None, answer=lambda made: {"ids": [str(one.id) for one in made]})
    change(gateway, "recipients", {"state": State.SENT})
    age(gateway, "recipients", "updated_at", 2 * DAY)
    age(gateway, "emails", "created_at", 2 * DAY)
    return [UUID(one) for one in answer.body["ids"]]


def one_by_one(gateway: Gateway) -> Retention:
    """The erasure of the gateway, with one row in a batch."""
    return Retention(database=gateway.database, body_lasts=DAY, notifications_last=90 * DAY, batch=1)


def test_content_is_erased_after_its_retention(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Body, key and subject are gone from the row, and a look-up shows none of them, and since when."""
    [email] = ended(gateway, mailer)
    assert gateway.look_up.email(ROOT, email).text == "Come and see."
    gateway.upkeep.run(Sweep.RETENTION)
    [row] = rows(gateway, "emails")
    assert (row["sealed_body"], row["sealed_key"], row["subject"]) == (None, None, None)
    view = gateway.look_up.email(ROOT, email)
    assert (view.text, view.html, view.subject) == (None, None, None)
    assert view.erased_at is not None
    assert view.erased_at > view.created_at
    assert view.to == ("r0@example.net",)


@pytest.mark.parametrize("because", ["it waits", "it ended just now"])
def test_content_that_is_needed_is_kept(gateway: Gateway, mailer: ScriptedMailer, because: str) -> None:
    """An email that has not ended, or only recently, keeps its body, however old it is."""
    ended(gateway, mailer)
    if because == "it waits":
        change(gateway, "recipients", {"state": State.RETRY_WAIT})
    else:
        age(gateway, "recipients", "updated_at", timedelta(hours=23))
    gateway.upkeep.run(Sweep.RETENTION)
    assert rows(gateway, "emails")[0]["sealed_key"] is not None


def test_all_that_is_past_its_retention_is_erased_at_once(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The sweep runs once an hour, and erases everything that is due by then."""
    ended(gateway, mailer, 450)
    put(gateway, *["{}"] * 450)
    change(gateway, "notifications", {"state": "processed"})
    age(gateway, "notifications", "received_at", 91 * DAY)
    assert gateway.upkeep.run(Sweep.RETENTION) == 900
    assert count(gateway, "emails", sealed_key=None) == 450
    assert count(gateway, "notifications") == 0


def test_notifications_are_kept_for_their_time_and_until_settled(gateway: Gateway) -> None:
    """A processed one goes after 90 days and leaves its event; one that still waits stays."""
    put(gateway, "Successfully validated SNS topic for Amazon SES event publishing.")
    gateway.settle.drain()
    put(gateway, "{}")
    age(gateway, "notifications", "received_at", 89 * DAY)
    assert gateway.upkeep.run(Sweep.RETENTION) == 0
    age(gateway, "notifications", "received_at", 91 * DAY)
    assert gateway.upkeep.run(Sweep.RETENTION) == 1
    assert [row["state"] for row in rows(gateway, "notifications")] == ["new"]


def test_an_event_outlives_its_notification(gateway: Gateway) -> None:
    """The timeline stays after the raw text is erased."""
    put(gateway, json.dumps(bounced("kim@example.net", message="m")))
    gateway.settle.drain()
    change(gateway, "notifications", {"state": "processed"})
    age(gateway, "notifications", "received_at", 91 * DAY)
    gateway.upkeep.run(Sweep.RETENTION)
    [event] = rows(gateway, "events")
    assert event["feedback_id"] is None


def test_expired_idempotency_keys_are_forgotten(gateway: Gateway) -> None:
    """Their answers contain emails' ids; after their time no one may see them."""
    submit(gateway, caller(gateway), "ann@example.net", idempotency="invite-1")
    gateway.upkeep.run(Sweep.RETENTION)
    assert count(gateway, "idempotency_keys") == 1
    age(gateway, "idempotency_keys", "expires_at", SECOND)
    gateway.upkeep.run(Sweep.RETENTION)
    assert count(gateway, "idempotency_keys") == 0


def test_keys_are_forgotten_by_batches(gateway: Gateway) -> None:
    """No statement deletes more than its batch, and the sweep deletes all that expired."""
    who = caller(gateway)
    for number in range(5):
        submit(gateway, who, "ann@example.net", idempotency=f"invite-{number}")
        age(gateway, "idempotency_keys", "expires_at", (number + 1) * SECOND, key=f"invite-{number}")
    with gateway.database.transaction() as connection:
        assert idempotency_keys.forget_expired(connection, limit=2) == 2
    assert {row["key"] for row in rows(gateway, "idempotency_keys")} == {"invite-0", "invite-1", "invite-2"}
    assert one_by_one(gateway).sweep() == 3
    assert count(gateway, "idempotency_keys") == 0


def test_a_body_that_is_needed_keeps_no_other_from_being_erased(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """However many old emails still wait: the sweep looks past them, a batch at a time."""
    waiting, spent = ended(gateway, mailer, 2)
    change(gateway, "recipients", {"state": State.HELD}, email_id=waiting)
    assert one_by_one(gateway).sweep() == 1
    assert {row["id"]: row["sealed_key"] is None for row in rows(gateway, "emails")} == {waiting: False, spent: True}


@pytest.mark.parametrize("broken", ["emails.erase_bodies", "notifications.erase", "idempotency_keys.forget_expired"])
def test_a_kind_that_cannot_be_erased_delays_no_other(
    gateway: Gateway, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Bodies, notifications and keys are independent; the sweep still fails, so that `/readyz` reports it."""
    ended(gateway, mailer)
    put(gateway, "{}")
    change(gateway, "notifications", {"state": "processed"})
    age(gateway, "notifications", "received_at", 91 * DAY)
    submit(gateway, caller(gateway), "ann@example.net", idempotency="invite-1")
    age(gateway, "idempotency_keys", "expires_at", SECOND)

    def fail(*_: object, **__: object) -> int:
        raise ServiceUnavailable("Too slow.")

    monkeypatch.setattr(f"app.services.operating.retention.{broken}", fail)
    with pytest.raises(ServiceUnavailable):
        gateway.upkeep.run(Sweep.RETENTION)
    kept = {
        "emails.erase_bodies": count(gateway, "emails", sealed_key=None) < 1,
        "notifications.erase": count(gateway, "notifications") > 0,
        "idempotency_keys.forget_expired": count(gateway, "idempotency_keys") > 0,
    }
    assert [name for name, is_kept in kept.items() if is_kept] == [broken]
    with gateway.database.reading() as connection:
        assert heartbeats.last_seen(connection, kind=heartbeats.SWEEPER) == {}
