"""Upkeep: bells rung again, leases ended, emails expired, positives refilled, old content erased; safe to run twice."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from uuid import UUID

import pytest

from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Refused
from app.domain.sending.state_machine import State
from app.queue import DELIVER, SETTLE, Lane
from app.services.isolation import each_apart
from app.services.operating import upkeep
from app.services.operating.upkeep import Sweep
from app.store.apps import keys
from app.store.engine.database import Database
from app.store.operating import heartbeats
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import bounced, put
from tests.support.gateway.emails import ROOT, state_of, submission, submit, take
from tests.support.gateway.gateways import ScriptedMailer, caller
from tests.support.gateway.rows import age, change, count, outcomes, recipient_of, rows

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def rung(gateway: Gateway) -> set[str]:
    """The bells that wait for a worker."""
    return {bell.name for bell in (*DELIVER.values(), SETTLE) if gateway.redis.exists(f"postern:bell:{bell.name}")}


def test_bells_are_rung_only_for_due_work(gateway: Gateway) -> None:
    """After a flush of the broker the next sweep rings for each lane with due emails and for due notifications."""
    who = caller(gateway)
    assert gateway.upkeep.ring_bells() == 0
    submit(gateway, who, "ann@example.net", lane=Lane.BULK)
    put(gateway, "{}")
    gateway.redis.flushall()
    assert gateway.upkeep.ring_bells() == 2
    assert rung(gateway) == {DELIVER[Lane.BULK].name, SETTLE.name}


def test_an_ended_lease_leaves_the_outcome_unknown(gateway: Gateway) -> None:
    """Never straight back to the queue: the call may have been made. A lease that runs is left alone."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    take(gateway)
    assert gateway.upkeep.end_leases() == 0
    age(gateway, "recipients", "lease_until", SECOND)
    assert gateway.upkeep.end_leases() == 1
    assert gateway.upkeep.end_leases() == 0
    row = recipient_of(gateway, email)
    assert (row.state, row.attempts, row.lease_token) == (State.UNCONFIRMED, 0, None)
    assert row.unconfirmed_since is not None
    assert outcomes(gateway, email) == ["unknown"]


@pytest.mark.parametrize("state", [State.QUEUED, State.SCHEDULED, State.RETRY_WAIT, State.HELD])
def test_an_email_past_its_deadline_expires(gateway: Gateway, state: State) -> None:
    """An email that was not sent in time ends as expired, with its reason, and is never sent."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    change(gateway, "recipients", {"state": state})
    assert gateway.upkeep.expire() == 0
    age(gateway, "recipients", "expires_at", SECOND)
    assert gateway.upkeep.expire() == 1
    assert recipient_of(gateway, email).reason == "The email expired before it could be sent."
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.EXPIRED


def test_an_email_that_may_have_been_sent_does_not_expire(gateway: Gateway) -> None:
    """With a call whose outcome is unknown, it must not be reported as unsent."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    take(gateway)
    age(gateway, "recipients", "lease_until", SECOND)
    gateway.upkeep.end_leases()
    change(gateway, "recipients", {"state": State.RETRY_WAIT})
    age(gateway, "recipients", "expires_at", SECOND)
    assert gateway.upkeep.expire() == 0
    assert state_of(gateway, email) is State.RETRY_WAIT


def test_an_email_that_cannot_expire_delays_no_other(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many have an unknown outcome, the batch of a sweep holds only those that it can end."""
    monkeypatch.setattr(upkeep, "_BATCH", 1)
    who = caller(gateway)
    submit(gateway, who, "ann@example.net")
    take(gateway)
    late = submit(gateway, who, "bob@example.net")
    change(gateway, "recipients", {"state": State.RETRY_WAIT})
    age(gateway, "recipients", "expires_at", SECOND)
    assert gateway.upkeep.expire() == 1
    assert state_of(gateway, late) is State.EXPIRED


def test_lost_positives_are_refilled(gateway: Gateway) -> None:
    """A flushed Redis gives no answers until the sweep has filled it from SQL; then they are the same as before."""
    who = caller(gateway)
    gateway.suppress.add(who, "kim@example.net")
    gateway.redis.flushall()
    assert gateway.positives.look_up(["kim@example.net"]) is None
    assert gateway.upkeep.warm_positives() == 1
    assert gateway.positives.look_up(["kim@example.net", "ann@example.net"]) == frozenset({"kim@example.net"})
    assert gateway.upkeep.warm_positives() == 0


def ended(gateway: Gateway, mailer: ScriptedMailer, number: int = 1) -> list[UUID]:
    """Emails that ended two days ago."""
    who = caller(gateway)
    emails = [submission(f"r{one}@example.net") for one in range(number)]
    answer = gateway.accept(who, emails, idempotency=None, answer=lambda made: {"ids": [str(one.id) for one in made]})
    change(gateway, "recipients", {"state": State.SENT})
    age(gateway, "recipients", "updated_at", 2 * DAY)
    age(gateway, "emails", "created_at", 2 * DAY)
    return [UUID(one) for one in answer.body["ids"]]


def test_content_is_erased_after_its_retention(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Body, key and subject are gone from the row, and a look-up shows none of them."""
    [email] = ended(gateway, mailer)
    assert gateway.look_up.email(ROOT, email).text == "Come and see."
    gateway.upkeep.run(Sweep.RETENTION)
    [row] = rows(gateway, "emails")
    assert (row["sealed_body"], row["sealed_key"], row["subject"]) == (None, None, None)
    view = gateway.look_up.email(ROOT, email)
    assert (view.text, view.html, view.subject) == (None, None, None)
    assert view.to == ("r0@example.net",)


@pytest.mark.parametrize("because", ["it waits", "it ended just now"])
def test_content_that_is_needed_is_kept(gateway: Gateway, mailer: ScriptedMailer, because: str) -> None:
    """An email that has not ended, or only recently, keeps its body, however old it is."""
    ended(gateway, mailer)
    if because == "it waits":
        change(gateway, "recipients", {"state": State.RETRY_WAIT})
    else:
        age(gateway, "recipients", "updated_at", timedelta(hours=23))
    gateway.upkeep.erase()
    assert rows(gateway, "emails")[0]["sealed_key"] is not None


def test_all_that_is_past_its_retention_is_erased_at_once(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The sweep runs once an hour, and erases everything that is due by then."""
    ended(gateway, mailer, 450)
    put(gateway, *["{}"] * 450)
    change(gateway, "notifications", {"state": "processed"})
    age(gateway, "notifications", "received_at", 91 * DAY)
    assert gateway.upkeep.erase() == 900
    assert count(gateway, "emails", sealed_key=None) == 450
    assert count(gateway, "notifications") == 0


def test_notifications_are_kept_for_their_time_and_until_settled(gateway: Gateway) -> None:
    """A processed one goes after 90 days and leaves its event; one that still waits stays."""
    put(gateway, "Successfully validated SNS topic for Amazon SES event publishing.")
    gateway.settle.drain()
    put(gateway, "{}")
    age(gateway, "notifications", "received_at", 89 * DAY)
    assert gateway.upkeep.erase() == 0
    age(gateway, "notifications", "received_at", 91 * DAY)
    assert gateway.upkeep.erase() == 1
    assert [row["state"] for row in rows(gateway, "notifications")] == ["new"]


def test_an_event_outlives_its_notification(gateway: Gateway) -> None:
    """The timeline stays after the raw text is erased."""
    put(gateway, json.dumps(bounced("kim@example.net", message="m")))
    gateway.settle.drain()
    change(gateway, "notifications", {"state": "processed"})
    age(gateway, "notifications", "received_at", 91 * DAY)
    gateway.upkeep.erase()
    [event] = rows(gateway, "events")
    assert event["feedback_id"] is None


def test_expired_idempotency_keys_are_forgotten(gateway: Gateway) -> None:
    """Their answers contain emails' ids; after their time no one may see them."""
    submit(gateway, caller(gateway), "ann@example.net", idempotency="invite-1")
    gateway.upkeep.erase()
    assert count(gateway, "idempotency_keys") == 1
    age(gateway, "idempotency_keys", "expires_at", SECOND)
    gateway.upkeep.erase()
    assert count(gateway, "idempotency_keys") == 0


def test_keys_are_forgotten_by_batches(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """No statement deletes more than its batch, and the sweep deletes all that expired."""
    who = caller(gateway)
    for number in range(5):
        submit(gateway, who, "ann@example.net", idempotency=f"invite-{number}")
        age(gateway, "idempotency_keys", "expires_at", (number + 1) * SECOND, key=f"invite-{number}")
    with gateway.database.transaction() as connection:
        assert keys.forget_expired(connection, limit=2) == 2
    assert {row["key"] for row in rows(gateway, "idempotency_keys")} == {"invite-0", "invite-1", "invite-2"}
    monkeypatch.setattr(upkeep, "_BATCH", 1)
    assert gateway.upkeep.erase() == 3
    assert count(gateway, "idempotency_keys") == 0


def test_a_body_that_is_needed_keeps_no_other_from_being_erased(
    gateway: Gateway, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many old emails still wait: the sweep looks past them, a batch at a time."""
    monkeypatch.setattr(upkeep, "_BATCH", 1)
    waiting, spent = ended(gateway, mailer, 2)
    change(gateway, "recipients", {"state": State.HELD}, email_id=waiting)
    assert gateway.upkeep.erase() == 1
    assert {row["id"]: row["sealed_key"] is None for row in rows(gateway, "emails")} == {waiting: False, spent: True}


@pytest.mark.parametrize("broken", ["emails.erase_bodies", "notifications.erase", "keys.forget_expired"])
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

    monkeypatch.setattr(f"app.services.operating.upkeep.{broken}", fail)
    with pytest.raises(ServiceUnavailable):
        gateway.upkeep.run(Sweep.RETENTION)
    kept = {
        "emails.erase_bodies": count(gateway, "emails", sealed_key=None) < 1,
        "notifications.erase": count(gateway, "notifications") > 0,
        "keys.forget_expired": count(gateway, "idempotency_keys") > 0,
    }
    assert [name for name, is_kept in kept.items() if is_kept] == [broken]
    with gateway.database.reading() as connection:
        assert heartbeats.last_seen(connection, kind=heartbeats.SWEEPER) == {}


@pytest.mark.parametrize("sweep", Sweep)
def test_every_sweep_notes_that_it_succeeded(gateway: Gateway, sweep: Sweep) -> None:
    """An operator sees the time of each last success; an empty gateway gives no sweep any work."""
    gateway.upkeep.run(sweep)
    with gateway.database.reading() as connection:
        assert set(heartbeats.last_seen(connection, kind=heartbeats.SWEEPER)) == {f"sweep:{sweep}"}


def test_two_may_note_the_same_success_at_once(migrated_postgres_url: str) -> None:
    """Two workers end the first run of one sweep in the same moment: neither fails."""
    database = Database(migrated_postgres_url)
    first_has_noted = Event()

    def second() -> None:
        first_has_noted.wait(5)
        with database.transaction() as connection:
            heartbeats.beat(connection, "sweep:bells", kind=heartbeats.SWEEPER)

    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(second)
        with database.transaction() as connection:
            heartbeats.beat(connection, "sweep:bells", kind=heartbeats.SWEEPER)
            first_has_noted.set()
            with pytest.raises(TimeoutError):
                waiting.result(0.3)
        waiting.result(5)
    database.close()


def test_an_email_that_failed_for_good_is_left_alone(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """No sweep changes an email that has ended."""
    mailer.answers["ann@example.net"] = Refused("No.")
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    age(gateway, "recipients", "expires_at", SECOND)
    before = recipient_of(gateway, email)
    for sweep in Sweep:
        gateway.upkeep.run(sweep)
    assert recipient_of(gateway, email) == before


def test_an_item_that_takes_too_long_delays_no_other(gateway: Gateway) -> None:
    """The others are done before the sweep fails; three such items count as a database that is away."""
    done: list[int] = []

    def work(item: int) -> int:
        done.append(item)
        if item % 2:
            raise ServiceUnavailable("Too slow.")
        return 1

    with pytest.raises(ServiceUnavailable):
        each_apart(gateway.database, "test", range(4), work, name=str)
    assert done == [0, 1, 2, 3]
    with pytest.raises(ServiceUnavailable):
        each_apart(gateway.database, "test", range(1, 20, 2), work, name=str)
    assert done == [0, 1, 2, 3, 1, 3, 5]
    assert count(gateway, "incidents") == 0
