"""Emails are deleted once their retention is over: all of them, nothing younger, and nothing that is needed."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.domain.errors import NotFound, ServiceUnavailable
from app.domain.sending.state_machine import WAITING, State
from app.queue import Lane
from app.services.feedback import settle
from app.services.operating.retention import EmailRetention
from app.services.operating.sweeps import Sweep
from app.services.suppression.disclosure import OF_ANOTHER
from app.store.account.ses_list import Mirrored, mirror
from app.store.engine.ids import first_id_of, new_id
from app.store.submission import old_emails
from app.wiring.gateway import Gateway, build
from app.wiring.operating import emails_last
from tests.support.aws.notifications import bounced, delivered, event, put
from tests.support.database.interleaving import just_after
from tests.support.gateway.emails import ROOT, bounce, complaint, delivery, feed, state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, settings_for
from tests.support.gateway.rows import age, change, count, rows

SECOND, WEEK = timedelta(seconds=1), timedelta(weeks=1)
LASTS = timedelta(days=400)
OLD, YOUNG = LASTS + timedelta(hours=1), LASTS - timedelta(hours=1)
OF_EMAILS = ("emails", "recipients", "attempts", "events")


@dataclass
class Past:
    """Submits emails as if long ago; their ids and times say so."""

    gateway: Gateway
    patch: pytest.MonkeyPatch

    def submit(self, *to: str, ago: timedelta = OLD, **more: Any) -> UUID:
        """Submit an email, let it be sent, and let its body be erased."""
        moment = datetime.now(UTC) - ago
        with self.patch.context() as patched:
            patched.setattr("app.services.submission.accept.new_id", lambda: id_of(moment))
            email = submit(self.gateway, caller(self.gateway), *to or ("ann@example.net",), **more)
        self.gateway.deliver.drain(Lane.TRANSACTIONAL)
        age(self.gateway, "emails", "created_at", ago, id=email)
        change(self.gateway, "emails", {"sealed_body": None, "sealed_key": None}, id=email)
        return email


def id_of(moment: datetime) -> UUID:
    """An id as it was made at that moment."""
    return UUID(int=first_id_of(moment).int | (new_id().int & (1 << 80) - 1))


@pytest.fixture
def past(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Past:
    return Past(gateway, monkeypatch)


def counts(gateway: Gateway) -> dict[str, int]:
    return {table: count(gateway, table) for table in OF_EMAILS}


def test_an_old_email_is_deleted_with_all_that_belongs_to_it(gateway: Gateway, past: Past) -> None:
    """Its recipients, calls and events go too; a look-up answers as if it had never been."""
    email = past.submit("ann@example.net", "bob@example.net")
    feed(gateway, delivery(gateway, email))
    assert counts(gateway) == {"emails": 1, "recipients": 2, "attempts": 2, "events": 1}
    assert gateway.upkeep.run(Sweep.OLD_EMAILS) == 1
    assert counts(gateway) == dict.fromkeys(OF_EMAILS, 0)
    for look in (gateway.look_up.email, gateway.look_up.timeline, gateway.revise.cancel):
        with pytest.raises(NotFound):
            look(ROOT, email)


def test_a_younger_email_is_kept(gateway: Gateway, past: Past) -> None:
    """By the time at which it was accepted, whatever its id says."""
    young = past.submit(ago=YOUNG)
    behind = past.submit(ago=OLD)
    age(gateway, "emails", "created_at", YOUNG, id=behind)
    past.submit()
    assert gateway.upkeep.run(Sweep.OLD_EMAILS) == 1
    assert {row["id"] for row in rows(gateway, "emails")} == {young, behind}


@pytest.mark.parametrize("state", sorted(WAITING))
def test_an_email_that_has_not_ended_is_kept(gateway: Gateway, past: Past, state: State) -> None:
    """For any of its recipients, however old it is; and it holds up no other."""
    email = past.submit("ann@example.net", "bob@example.net")
    past.submit("cy@example.net")
    change(gateway, "recipients", {"state": state}, email_id=email, key="bob@example.net")
    before = counts(gateway)
    assert gateway.upkeep.run(Sweep.OLD_EMAILS) == 1
    assert counts(gateway) == before | {"emails": 1, "recipients": 2, "attempts": 2}


def test_an_email_whose_body_is_kept_is_kept(gateway: Gateway, past: Past) -> None:
    """A body lasts for a while after the last event, and is erased by its own sweep."""
    email = past.submit()
    change(gateway, "emails", {"sealed_key": b"key", "sealed_body": b"body"}, id=email)
    assert gateway.upkeep.run(Sweep.OLD_EMAILS) == 0
    age(gateway, "recipients", "updated_at", timedelta(days=2))
    gateway.upkeep.run(Sweep.RETENTION)
    assert gateway.upkeep.run(Sweep.OLD_EMAILS) == 1


def test_the_list_keeps_its_entries_and_their_evidence(gateway: Gateway, past: Past) -> None:
    """Bounces and complaints of addresses that are or were on the list stay, without their recipient."""
    gone, cross, back = (past.submit(f"{name}@example.net") for name in ("gone", "cross", "back"))
    for told in (bounce(gateway, gone), complaint(gateway, cross), bounce(gateway, back)):
        feed(gateway, told)
    gateway.unsuppress(ROOT, "back@example.net", reason="A mistake.", force=True, wait_for_ses=False)
    stored, listed = rows(gateway, "events"), rows(gateway, "suppressions")
    assert gateway.upkeep.run(Sweep.OLD_EMAILS) == 3
    assert rows(gateway, "suppressions") == listed
    assert rows(gateway, "events") == [{**row, "recipient_id": None} for row in stored]
    explained = gateway.explain(ROOT, "gone@example.net")
    assert not explained.would_send
    assert explained.last_event is not None
    assert [one.type for one in gateway.look_up.events_of(ROOT, "back@example.net")] == ["bounce"]
    # Whose email it was is not known any more, so its application sees no more of it than any other.
    assert gateway.suppress.find(caller(gateway), "gone@example.net").entries[0].reason == OF_ANOTHER


def test_an_old_bounce_suppresses_nothing_again(gateway: Gateway, past: Past) -> None:
    """A removal sticks, also when SNS brings an event of an email that is deleted by now."""
    bounces = bounce(gateway, past.submit("back@example.net"))
    feed(gateway, bounces)
    gateway.unsuppress(ROOT, "back@example.net", reason="A mistake.", force=True, wait_for_ses=False)
    gateway.upkeep.run(Sweep.OLD_EMAILS)
    feed(gateway, bounces)
    assert state_of(gateway, submit(gateway, caller(gateway), "back@example.net")) is State.QUEUED
    assert count(gateway, "events") == 1


def test_bounces_in_a_row_count_although_their_emails_are_deleted(gateway: Gateway, past: Past) -> None:
    """The fifth soft bounce in a row pauses the address, as if nothing had been deleted."""
    for weeks in range(8, 0, -2):
        feed(gateway, bounce(gateway, past.submit("full@example.net", ago=OLD + weeks * WEEK), kind="Transient"))
    assert gateway.upkeep.run(Sweep.OLD_EMAILS) == 4
    assert count(gateway, "suppressions") == 0
    fifth = past.submit("full@example.net", ago=timedelta(0))
    feed(gateway, bounce(gateway, fifth, kind="Transient"))
    [entry] = rows(gateway, "suppressions")
    assert entry["reason"].startswith("5 emails in a row")


def test_a_delivery_that_ended_a_row_of_bounces_still_ends_it(gateway: Gateway, past: Past) -> None:
    """The bounces before it stay, since SES's list has the address; so it has to stay, too. Other deliveries go."""
    full = "full@example.net"
    at_ses = Mirrored(address=full, key=full, reason="BOUNCE", updated_at=datetime.now(UTC))
    with gateway.database.transaction() as connection:
        mirror(connection, [at_ses])
    for weeks in (8, 6, 4, 2):
        feed(gateway, bounce(gateway, past.submit(full, ago=OLD + weeks * WEEK), kind="Transient"))
    feed(gateway, delivery(gateway, past.submit(full, ago=OLD + WEEK)))
    feed(gateway, delivery(gateway, past.submit("ann@example.net")))
    assert gateway.upkeep.run(Sweep.OLD_EMAILS) == 6
    assert [row["type"] for row in rows(gateway, "events")] == ["bounce"] * 4 + ["delivery"]
    feed(gateway, bounce(gateway, past.submit(full, ago=timedelta(0)), kind="Transient"))
    assert count(gateway, "suppressions") == 0


def test_events_about_email_of_others_are_deleted_once_they_are_as_old(gateway: Gateway) -> None:
    """Those that the list needs stay, and no later run looks at them again."""
    theirs = (
        event("Send", {}, message="sent", to=["kim@example.net"]),
        delivered("kim@example.net", message="delivered"),
        bounced("kim@example.net", message="bounced"),
        delivered("ann@example.net", message="young"),
    )
    put(gateway, *map(json.dumps, theirs))
    gateway.settle.drain()
    for row in rows(gateway, "events"):
        if row["ses_message_id"] != "young":
            old = {"id": id_of(datetime.now(UTC) - OLD), "recorded_at": datetime.now(UTC) - OLD}
            change(gateway, "events", old, id=row["id"])
    assert gateway.upkeep.run(Sweep.OLD_EMAILS) == 2
    assert [row["ses_message_id"] for row in rows(gateway, "events")] == ["bounced", "young"]
    change(gateway, "suppressions", {"key": "renamed@example.net"})
    assert gateway.upkeep.run(Sweep.OLD_EMAILS) == 0
    assert count(gateway, "events") == 2


def test_an_event_whose_id_was_made_by_a_slow_clock_is_deleted_too(gateway: Gateway) -> None:
    """Its id is older than its time, so a run must not go past the id before the time is over."""
    now, minute = datetime.now(UTC), timedelta(minutes=1)
    ages = {"slow": (LASTS + 4 * minute, LASTS - minute), "right": (LASTS + 3 * minute, LASTS + 3 * minute)}
    for message, (age_of_id, age_of_event) in ages.items():
        put(gateway, json.dumps(delivered("kim@example.net", message=message)))
        gateway.settle.drain()
        stamped = {"id": id_of(now - age_of_id), "recorded_at": now - age_of_event}
        change(gateway, "events", stamped, ses_message_id=message)
    gateway.upkeep.run(Sweep.OLD_EMAILS)
    EmailRetention(database=gateway.database, lasts=LASTS - timedelta(hours=1)).sweep()
    assert count(gateway, "events") == 0


def test_a_repeated_request_is_answered_although_its_email_is_deleted(gateway: Gateway, past: Past) -> None:
    """An idempotency key is remembered for its own time."""
    email = past.submit(idempotency="one")
    assert gateway.upkeep.run(Sweep.OLD_EMAILS) == 1
    assert submit(gateway, caller(gateway), "ann@example.net", idempotency="one") == email
    assert count(gateway, "emails") == 0


def test_all_old_emails_are_deleted_a_batch_at_a_time(gateway: Gateway, past: Past) -> None:
    """Those that have to stay hold up no other, wherever they are."""
    emails = [past.submit(f"r{number}@example.net", ago=OLD + number * SECOND) for number in range(7)]
    for kept in (emails[1], emails[6]):
        change(gateway, "recipients", {"state": State.HELD}, email_id=kept)
    assert EmailRetention(database=gateway.database, lasts=LASTS, batch=2).sweep() == 5
    assert {row["id"] for row in rows(gateway, "emails")} == {emails[1], emails[6]}


def test_a_run_that_was_interrupted_is_gone_on_with(
    gateway: Gateway, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then whole emails were deleted; the batch that failed is as it was, and the next run deletes the rest."""
    for number in range(5):
        past.submit(f"r{number}@example.net")
    retention = EmailRetention(database=gateway.database, lasts=LASTS, batch=2)
    just_after(monkeypatch, old_emails, "delete_all", lambda: fail_the_next(monkeypatch))
    with monkeypatch.context(), pytest.raises(ServiceUnavailable):
        retention.sweep()
    assert counts(gateway) == {"emails": 3, "recipients": 3, "attempts": 3, "events": 0}
    monkeypatch.undo()
    assert retention.sweep() == 3
    assert counts(gateway) == dict.fromkeys(OF_EMAILS, 0)


def fail_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the database go away in the next batch, once its first rows are deleted."""
    real = old_emails.delete_all

    def fail(*given: Any, **named: Any) -> None:
        real(*given, **named)
        raise ServiceUnavailable("The database went away.")

    monkeypatch.setattr(old_emails, "delete_all", fail)


def test_all_emails_are_kept_when_the_setting_says_so(gateway: Gateway, past: Past) -> None:
    """`EMAIL_RETENTION_DAYS=0`."""
    past.submit()
    assert EmailRetention(database=gateway.database, lasts=None).sweep() == 0
    assert count(gateway, "emails") == 1


@pytest.mark.parametrize("days, hours, lasts", [(0, 24, None), (400, 24, 400), (60, 100 * 24, 100)])
def test_emails_last_as_long_as_their_bodies_at_least(
    gateway: Gateway, days: int, hours: int, lasts: int | None
) -> None:
    """Otherwise each run would look again at all emails whose body is still kept."""
    wanted = gateway.settings.model_copy(update={"email_retention_days": days, "body_retention_hours": hours})
    assert emails_last(wanted) == (None if lasts is None else timedelta(days=lasts))


def test_an_event_that_comes_while_its_email_is_deleted_is_settled(
    migrated_postgres_url: str,
    redis_url: str,
    mailer: ScriptedMailer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A settler has found the recipient, and waits for its row: then there is none, as for email that is not ours."""
    flight_dir = tmp_path / "flight"
    gateway = build(settings_for(migrated_postgres_url, redis_url, flight_dir=flight_dir), mailer=mailer)
    try:
        email = Past(gateway, monkeypatch).submit("gone@example.net")
        bounces = bounce(gateway, email)
        just_after(monkeypatch, settle, "match", lambda: gateway.upkeep.run(Sweep.OLD_EMAILS))
        feed(gateway, bounces)
        assert counts(gateway) == {"emails": 0, "recipients": 0, "attempts": 0, "events": 1}
        assert [row["state"] for row in rows(gateway, "notifications")] == ["parked"]
        assert count(gateway, "suppressions", key="gone@example.net") == 1
    finally:
        gateway.close()
