"""Upkeep: bells rung again, leases ended, mails expired, positives refilled, old content erased; safe to run twice."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from uuid import UUID

import pytest

from app.domain.delivery import State
from app.domain.outcome import Refused
from app.queue import DELIVER, SETTLE, Lane
from app.services import upkeep
from app.services.upkeep import Sweep
from app.store import heartbeats
from app.store.db import Database
from app.wiring import Gateway
from tests.feedback import bounced, put
from tests.gateways import ScriptedMailer, caller
from tests.mails import ROOT, state_of, submission, submit, take
from tests.rows import age, change, count, outcomes, recipient_of, rows

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def rung(gateway: Gateway) -> set[str]:
    """Which bells wait to be answered."""
    return {bell.name for bell in (*DELIVER.values(), SETTLE) if gateway.redis.exists(f"postern:bell:{bell.name}")}


def test_bells_are_rung_for_what_is_due_and_for_nothing_else(gateway: Gateway) -> None:
    """After a flush of the broker the next sweep rings for each lane with due mail and for due feedback."""
    who = caller(gateway)
    assert gateway.upkeep.ring_bells() == 0
    submit(gateway, who, "ann@example.net", lane=Lane.BULK)
    put(gateway, "{}")
    gateway.redis.flushall()
    assert gateway.upkeep.ring_bells() == 2
    assert rung(gateway) == {DELIVER[Lane.BULK].name, SETTLE.name}


def test_an_ended_lease_leaves_the_mail_in_doubt(gateway: Gateway) -> None:
    """Never straight back to the queue: the call may have been made. A lease that runs is left alone."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    take(gateway)
    assert gateway.upkeep.end_leases() == 0
    age(gateway, "recipients", "lease_until", SECOND)
    assert gateway.upkeep.end_leases() == 1
    assert gateway.upkeep.end_leases() == 0
    row = recipient_of(gateway, mail)
    assert (row.state, row.attempts, row.lease_token) == (State.UNCONFIRMED, 1, None)
    assert row.unconfirmed_since is not None
    assert outcomes(gateway, mail) == ["unknown"]


@pytest.mark.parametrize("state", [State.QUEUED, State.SCHEDULED, State.RETRY_WAIT, State.HELD])
def test_a_mail_past_its_deadline_expires(gateway: Gateway, state: State) -> None:
    """What was not sent in time ends as expired, with its reason, and is never sent."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    change(gateway, "recipients", {"state": state})
    assert gateway.upkeep.expire() == 0
    age(gateway, "recipients", "expires_at", SECOND)
    assert gateway.upkeep.expire() == 1
    assert recipient_of(gateway, mail).reason == "The mail expired before it could be sent."
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, mail) is State.EXPIRED


def test_a_mail_that_may_have_been_sent_does_not_expire(gateway: Gateway) -> None:
    """With a call whose outcome is unknown nobody says that it was not sent."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    take(gateway)
    age(gateway, "recipients", "lease_until", SECOND)
    gateway.upkeep.end_leases()
    change(gateway, "recipients", {"state": State.RETRY_WAIT})
    age(gateway, "recipients", "expires_at", SECOND)
    assert gateway.upkeep.expire() == 0
    assert state_of(gateway, mail) is State.RETRY_WAIT


def test_a_mail_that_cannot_expire_keeps_no_other_from_it(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are in doubt: the batch of a sweep is for those that it can end."""
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
    """A flushed Redis says nothing until the sweep has filled it from SQL; then it says the same as before."""
    who = caller(gateway)
    gateway.suppress.add(who, "kim@example.net")
    gateway.redis.flushall()
    assert gateway.positives.look_up(["kim@example.net"]) is None
    assert gateway.upkeep.warm_positives() == 1
    assert gateway.positives.look_up(["kim@example.net", "ann@example.net"]) == frozenset({"kim@example.net"})
    assert gateway.upkeep.warm_positives() == 0


def ended(gateway: Gateway, mailer: ScriptedMailer, number: int = 1) -> list[UUID]:
    """Mails that ended, two days ago."""
    who = caller(gateway)
    mails = [submission(f"r{one}@example.net") for one in range(number)]
    answer = gateway.accept(who, mails, idempotency=None, answer=lambda made: {"ids": [str(one.id) for one in made]})
    change(gateway, "recipients", {"state": State.SENT})
    age(gateway, "recipients", "updated_at", 2 * DAY)
    age(gateway, "emails", "created_at", 2 * DAY)
    return [UUID(one) for one in answer.body["ids"]]


def test_content_is_erased_after_its_retention(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Body, key and subject are gone from the row, and whoever looks the mail up is shown none of them."""
    [mail] = ended(gateway, mailer)
    assert gateway.look_up.email(ROOT, mail).text == "Come and see."
    gateway.upkeep.run(Sweep.RETENTION)
    [row] = rows(gateway, "emails")
    assert (row["sealed_body"], row["sealed_key"], row["subject"]) == (None, None, None)
    view = gateway.look_up.email(ROOT, mail)
    assert (view.text, view.html, view.subject) == (None, None, None)
    assert view.to == ("r0@example.net",)


@pytest.mark.parametrize("because", ["it waits", "it ended just now"])
def test_content_that_is_needed_is_kept(gateway: Gateway, mailer: ScriptedMailer, because: str) -> None:
    """A mail that has not ended, or not long ago, keeps its body, however old it is."""
    ended(gateway, mailer)
    if because == "it waits":
        change(gateway, "recipients", {"state": State.RETRY_WAIT})
    else:
        age(gateway, "recipients", "updated_at", timedelta(hours=23))
    gateway.upkeep.erase()
    assert rows(gateway, "emails")[0]["sealed_key"] is not None


def test_all_that_is_past_its_retention_is_erased_at_once(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The sweep runs once an hour; whatever has come together by then goes."""
    ended(gateway, mailer, 450)
    put(gateway, *["{}"] * 450)
    change(gateway, "feedback", {"state": "processed"})
    age(gateway, "feedback", "received_at", 91 * DAY)
    assert gateway.upkeep.erase() == 900
    assert count(gateway, "emails", sealed_key=None) == 450
    assert count(gateway, "feedback") == 0


def test_notifications_are_kept_for_their_time_and_until_settled(gateway: Gateway) -> None:
    """A processed one goes after 90 days and leaves its event; one that still waits stays."""
    put(gateway, "{}")
    gateway.settle.drain()
    put(gateway, "{}")
    age(gateway, "feedback", "received_at", 89 * DAY)
    assert gateway.upkeep.erase() == 0
    age(gateway, "feedback", "received_at", 91 * DAY)
    assert gateway.upkeep.erase() == 1
    assert [row["state"] for row in rows(gateway, "feedback")] == ["new"]


def test_an_event_outlives_its_notification(gateway: Gateway) -> None:
    """The timeline stays when the raw text is erased."""
    put(gateway, json.dumps(bounced("kim@example.net", message="m")))
    gateway.settle.drain()
    change(gateway, "feedback", {"state": "processed"})
    age(gateway, "feedback", "received_at", 91 * DAY)
    gateway.upkeep.erase()
    [event] = rows(gateway, "events")
    assert event["feedback_id"] is None


def test_expired_idempotency_keys_are_forgotten(gateway: Gateway) -> None:
    """Their answers name mails; after their time nobody may ask for them."""
    submit(gateway, caller(gateway), "ann@example.net", idempotency="invite-1")
    gateway.upkeep.erase()
    assert count(gateway, "idempotency_keys") == 1
    age(gateway, "idempotency_keys", "expires_at", SECOND)
    gateway.upkeep.erase()
    assert count(gateway, "idempotency_keys") == 0


@pytest.mark.parametrize("sweep", Sweep)
def test_every_sweep_notes_that_it_succeeded(gateway: Gateway, sweep: Sweep) -> None:
    """An operator sees when each last ran; an empty gateway gives none of them anything to do."""
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


def test_what_failed_for_good_is_left_alone(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """No sweep moves a mail that has ended."""
    mailer.answers["ann@example.net"] = Refused("No.")
    mail = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    age(gateway, "recipients", "expires_at", SECOND)
    before = recipient_of(gateway, mail)
    for sweep in Sweep:
        gateway.upkeep.run(sweep)
    assert recipient_of(gateway, mail) == before
