"""Notifications settled on real SQL: each event counts once, in any order, and none is lost by an accident."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Ambiguous
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.store.feedback import events
from app.store.feedback.notifications import InboxState
from app.wiring.gateway import Gateway, build
from tests.support.aws.notifications import Event, bounced, complained, delivered, event, fresh_address, put
from tests.support.gateway.emails import bounce, complaint, delivery, feed, state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, settings_for
from tests.support.gateway.rows import age, change, count, outcomes, recipient_of, rows

CORPUS = Path(__file__).parents[2] / "corpus" / "ses"


def sent(gateway: Gateway, address: str = "kim@example.net", **more: Any) -> UUID:
    """An email that SES took."""
    email = submit(gateway, caller(gateway), address, **more)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    return email


def settle_events(gateway: Gateway, *reported: Event) -> None:
    put(gateway, *map(json.dumps, reported))
    gateway.settle.drain()


def live_keys(gateway: Gateway) -> list[str]:
    return [row["key"] for row in rows(gateway, "suppressions", removed_at=None)]


def inbox_states(gateway: Gateway) -> list[str]:
    return [row["state"] for row in rows(gateway, "notifications")]


def make_due(gateway: Gateway) -> None:
    age(gateway, "notifications", "due_at", timedelta(seconds=1))


# The events that one email can have, each in a notification of its own.
EVENTS: list[Callable[[str, str], Event]] = [
    lambda address, message: event("Send", {}, message=message, to=[address]),
    lambda address, message: event("DeliveryDelay", {"delayType": "General"}, message=message, to=[address]),
    lambda address, message: delivered(address, message=message),
    lambda address, message: bounced(address, message=message),
    lambda address, message: bounced(address, message=message, kind="Transient", feedback_id=f"soft-{message}"),
    lambda address, message: complained(address, message=message),
    lambda address, message: complained(address, message=message, feedback_type="not-spam", feedback_id=f"n-{message}"),
    lambda address, message: event("Open", {}, message=message, to=[address]),
    lambda address, message: event("Reject", {"reason": "Bad content"}, message=message, to=[address]),
]


def stored_of(gateway: Gateway, email: UUID) -> dict[str, Any]:
    """What is stored of an email after its events, without ids and times of storing."""
    row = recipient_of(gateway, email)
    return {
        "recipient": (row.state, row.reason, row.ses_message_id is not None, row.opened_at, row.lease_token),
        "events": sorted(
            (one["type"], one["occurred_at"], one["counts_against"], one["recipient_id"] == row.id, bool(one["effect"]))
            for one in rows(gateway, "events", key=row.key)
        ),
        "suppressions": [
            (one["scope"], one["expires_at"]) for one in rows(gateway, "suppressions", key=row.key, removed_at=None)
        ],
    }


@given(
    chosen=st.lists(st.sampled_from(range(len(EVENTS))), min_size=1, max_size=6, unique=True),
    repeated=st.integers(0, 5),
    known_late=st.booleans(),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_events_in_any_order_and_number_leave_the_same_rows(
    gateway: Gateway, chosen: list[int], repeated: int, known_late: bool, order: Any
) -> None:
    """Shuffled, repeated, before or after the email is known to be sent: recipient, events and list are the same."""
    ends = []
    for shuffled in (False, True):
        address = fresh_address()
        email = submit(gateway, caller(gateway), address)
        message = f"ses-{address}"
        reported = [EVENTS[index](address, message) for index in chosen]
        if shuffled:
            reported += [reported[repeated % len(reported)]]
            order.shuffle(reported)
        if not (shuffled and known_late):
            change(gateway, "recipients", {"state": State.SENT, "ses_message_id": message}, email_id=email)
        settle_events(gateway, *reported)
        if shuffled and known_late:
            change(gateway, "recipients", {"state": State.SENT, "ses_message_id": message}, email_id=email)
            make_due(gateway)
            gateway.settle.drain()
        ends.append(stored_of(gateway, email))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("times", [2, 5])
def test_a_notification_under_many_sns_ids_is_settled_once(gateway: Gateway, times: int) -> None:
    """SNS may publish one event twice under two ids: one event, one suppression, all copies processed."""
    email = sent(gateway)
    feed(gateway, bounce(gateway, email), times=times)
    assert count(gateway, "events") == 1
    assert live_keys(gateway) == ["kim@example.net"]
    assert inbox_states(gateway) == ["processed"] * times


def test_two_settlers_at_once_settle_each_event_once(migrated_postgres_url: str, redis_url: str) -> None:
    """Two workers hold copies of the same events, about the same addresses, in either order."""
    gateway = build(settings_for(migrated_postgres_url, redis_url), mailer=ScriptedMailer())
    kinds = (bounced, delivered)
    reported = [kinds[number % 2](f"r{number % 20}@example.net", message=f"m{number}") for number in range(60)]
    put(gateway, *map(json.dumps, reported), *map(json.dumps, reversed(reported)))

    def settle() -> int:
        refused = 0
        while True:
            try:
                if not gateway.settle.batch():
                    return refused
            except ServiceUnavailable:
                refused += 1

    with ThreadPoolExecutor(4) as threads:
        refusals = [each.result() for each in [threads.submit(settle) for _ in range(4)]]
    assert refusals == [0, 0, 0, 0]
    assert count(gateway, "events") == 60
    assert sorted(live_keys(gateway)) == sorted(f"r{number}@example.net" for number in range(0, 20, 2))
    gateway.close()


def test_copies_in_one_batch_are_one_event(gateway: Gateway) -> None:
    """SNS may bring a copy before the first was settled: it counts once, and both are finished."""
    email = sent(gateway)
    feed(gateway, delivery(gateway, email), times=3)
    assert [row["type"] for row in rows(gateway, "events")] == ["delivery"]
    assert state_of(gateway, email) is State.DELIVERED
    assert inbox_states(gateway) == ["processed"] * 3


def test_a_greeting_is_finished_with_a_note(gateway: Gateway) -> None:
    """It is kept, explained, and not read again."""
    put(gateway, "Successfully validated SNS topic for Amazon SES event publishing.")
    gateway.settle.drain()
    [row] = rows(gateway, "notifications")
    assert row["state"] == InboxState.PROCESSED
    assert row["note"]


@pytest.mark.parametrize("by", ["recipient tag", "attempt tag", "message id"])
def test_an_event_that_came_too_early_is_matched_later(gateway: Gateway, mailer: ScriptedMailer, by: str) -> None:
    """Parked until the email is known by any of its three names; the address is suppressed at once."""
    mailer.answers["kim@example.net"] = Ambiguous("Silence.")
    email = sent(gateway)
    tags = dict(mailer.sent[0].tags)
    known = {"recipient tag": "postern_recipient", "attempt tag": "postern_attempt"}.get(by, "")
    settle_events(gateway, bounced("kim@example.net", message="ses-1", tags={}))
    assert inbox_states(gateway) == [InboxState.PARKED]
    assert state_of(gateway, email) is State.UNCONFIRMED
    assert live_keys(gateway) == ["kim@example.net"]
    if known:
        settle_events(gateway, event("Send", {}, message="ses-1", to=["kim@example.net"], tags={known: tags[known]}))
    else:
        change(gateway, "attempts", {"ses_message_id": "ses-1"})
    make_due(gateway)
    gateway.settle.drain()
    assert state_of(gateway, email) is State.BOUNCED
    assert inbox_states(gateway) == [InboxState.PROCESSED] * (2 if known else 1)
    [stored] = rows(gateway, "events", type="bounce")
    assert stored["recipient_id"] == recipient_of(gateway, email).id


def test_an_event_with_the_tag_of_the_call_closes_that_call(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The attempt with an unknown outcome becomes accepted, with the event as evidence."""
    mailer.answers["kim@example.net"] = Ambiguous("Silence.")
    email = sent(gateway)
    assert outcomes(gateway, email) == ["unknown"]
    settle_events(gateway, delivered("kim@example.net", message="ses-1", tags=dict(mailer.sent[0].tags)))
    [attempt] = rows(gateway, "attempts")
    assert (attempt["outcome"], attempt["evidence"], attempt["ses_message_id"]) == ("accepted", "event", "ses-1")


def test_after_a_week_an_unknown_email_is_not_ours(gateway: Gateway) -> None:
    """The notification is finished. Until then it is looked at ever more rarely, but at least once a day."""
    put(gateway, json.dumps(bounced("kim@example.net", message="theirs")))
    waits = []
    for _ in range(20):
        make_due(gateway)
        assert gateway.settle.batch() == 1
        [row] = rows(gateway, "notifications")
        waits.append(row["due_at"] - row["received_at"])
    assert waits == sorted(waits)
    assert waits[0] < timedelta(minutes=1)
    assert timedelta(hours=23) < waits[-1] < timedelta(hours=25)
    age(gateway, "notifications", "received_at", timedelta(days=7, seconds=1))
    make_due(gateway)
    gateway.settle.drain()
    assert inbox_states(gateway) == [InboxState.PROCESSED]


def test_a_bounce_of_a_foreign_email_to_the_mailbox_simulator_is_understood(gateway: Gateway) -> None:
    """A real identity's notification: stored, in the timeline of its address, with its exemption."""
    put(gateway, (CORPUS / "identity-bounce.json").read_text().replace("154131996403", "123456789012"))
    gateway.settle.drain()
    with gateway.database.reading() as connection:
        [shown] = events.of_address(connection, "bounce@simulator.amazonses.com")
    assert shown.type == "bounce"
    assert shown.detail == "Permanent bounce (General), status 5.1.1."
    assert shown.effect == "An address of the SES mailbox simulator; exempt, or each could be tried only once."
    assert shown.data["diagnostic"] == "smtp; 550 5.1.1 user unknown"
    assert live_keys(gateway) == []
    assert inbox_states(gateway) == [InboxState.PARKED]


def test_the_mailbox_simulator_is_exempt_by_a_setting(migrated_url: str, redis_url: str) -> None:
    """Without the exemption its addresses are suppressed like any other."""
    settings = settings_for(migrated_url, redis_url, exempt_mailbox_simulator=False)
    gateway = build(settings, mailer=ScriptedMailer())
    settle_events(gateway, bounced("bounce@simulator.amazonses.com", message="m"))
    assert live_keys(gateway) == ["bounce@simulator.amazonses.com"]
    gateway.close()


def test_each_event_is_in_the_timeline_of_its_email(gateway: Gateway) -> None:
    """Delivery and complaint are listed once each, with their consequences."""
    email = sent(gateway)
    feed(gateway, delivery(gateway, email))
    feed(gateway, complaint(gateway, email))
    assert state_of(gateway, email) is State.COMPLAINED
    assert [row["origin"] for row in rows(gateway, "suppressions")] == ["complaint"]
    assert [row["effect"] for row in rows(gateway, "events", type="complaint")] == [
        "The recipient reported the email as spam. The address is suppressed."
    ]
