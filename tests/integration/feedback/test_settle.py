"""Feedback settled on real SQL: once however often it comes, alike in any order, and lost by no accident."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from app.domain.delivery import State
from app.domain.errors import ServiceUnavailable
from app.domain.outcome import Ambiguous
from app.queue import Lane
from app.services.conclude import Conclude, Conclusions
from app.services.judge import News
from app.store import events
from app.store.inbox import InboxState
from app.wiring import Gateway, build
from tests.feedback import Event, bounced, complained, delivered, event, fresh_address, put
from tests.gateways import ScriptedMailer, caller, settings_for
from tests.mails import bounce, complaint, delivery, feed, state_of, submit
from tests.rows import age, change, count, outcomes, recipient_of, rows

CORPUS = Path(__file__).parents[1] / "corpus" / "ses"


def sent(gateway: Gateway, address: str = "kim@example.net", **more: Any) -> UUID:
    """A mail that SES took."""
    mail = submit(gateway, caller(gateway), address, **more)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    return mail


def tell(gateway: Gateway, *told: Event) -> None:
    put(gateway, *map(json.dumps, told))
    gateway.settle.drain()


def live_keys(gateway: Gateway) -> list[str]:
    return [row["key"] for row in rows(gateway, "suppressions", removed_at=None)]


def inbox_states(gateway: Gateway) -> list[str]:
    return [row["state"] for row in rows(gateway, "feedback")]


def make_due(gateway: Gateway) -> None:
    age(gateway, "feedback", "due_at", timedelta(seconds=1))


# What can be told about one mail, each told alone.
NEWS: list[Callable[[str, str], Event]] = [
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


def told_of(gateway: Gateway, mail: UUID) -> dict[str, Any]:
    """What is stored of a mail after its feedback, without ids and times of storing."""
    row = recipient_of(gateway, mail)
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
    chosen=st.lists(st.sampled_from(range(len(NEWS))), min_size=1, max_size=6, unique=True),
    repeated=st.integers(0, 5),
    known_late=st.booleans(),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_news_in_any_order_and_number_leaves_the_same_rows(
    gateway: Gateway, chosen: list[int], repeated: int, known_late: bool, order: Any
) -> None:
    """Shuffled, repeated, and before or after the mail is known to be sent: recipient, events and list are the same."""
    ends = []
    for shuffled in (False, True):
        address = fresh_address()
        mail = submit(gateway, caller(gateway), address)
        message = f"ses-{address}"
        news = [NEWS[index](address, message) for index in chosen]
        if shuffled:
            news += [news[repeated % len(news)]]
            order.shuffle(news)
        if not (shuffled and known_late):
            change(gateway, "recipients", {"state": State.SENT, "ses_message_id": message}, email_id=mail)
        tell(gateway, *news)
        if shuffled and known_late:
            change(gateway, "recipients", {"state": State.SENT, "ses_message_id": message}, email_id=mail)
            make_due(gateway)
            gateway.settle.drain()
        ends.append(told_of(gateway, mail))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("times", [2, 5])
def test_a_notification_under_many_sns_ids_is_settled_once(gateway: Gateway, times: int) -> None:
    """SNS may publish one event twice under two ids: one event, one suppression, all copies processed."""
    mail = sent(gateway)
    feed(gateway, bounce(gateway, mail), times=times)
    assert count(gateway, "events") == 1
    assert live_keys(gateway) == ["kim@example.net"]
    assert inbox_states(gateway) == ["processed"] * times


def test_two_settlers_at_once_settle_each_event_once(migrated_postgres_url: str, redis_url: str) -> None:
    """Copies of the same news in the hands of two workers, about the same addresses in either order."""
    gateway = build(settings_for(migrated_postgres_url, redis_url), mailer=ScriptedMailer())
    kinds = (bounced, delivered)
    told = [kinds[number % 2](f"r{number % 20}@example.net", message=f"m{number}") for number in range(60)]
    put(gateway, *map(json.dumps, told), *map(json.dumps, reversed(told)))

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


class Choking(Conclude):
    """Breaks on one message, as on a case that nobody has thought of."""

    def __call__(self, connection: Connection, news: Sequence[News], *more: Any, **named: Any) -> Conclusions:
        after = super().__call__(connection, news, *more, **named)
        if any(one.feedback.ses_message_id == "poison" for one in news):
            raise KeyError("nobody has thought of this")
        return after


def test_a_poison_notification_delays_nobody_and_is_kept(gateway: Gateway) -> None:
    """It leaves no half of itself behind, is tried five times, then set aside; what came with it is settled at once."""
    exempt = gateway.settle._conclude._exempt_simulator
    gateway.settle._conclude = Choking(positives=gateway.positives, exempt_mailbox_simulator=exempt)
    tell(
        gateway,
        bounced("one@example.net", message="m1"),
        bounced("two@example.net", message="poison"),
        bounced("three@example.net", message="m3"),
    )
    assert live_keys(gateway) == ["one@example.net", "three@example.net"]
    assert count(gateway, "events") == 2
    for _ in range(4):
        make_due(gateway)
        gateway.settle.drain()
    [poison] = [row for row in rows(gateway, "feedback") if "poison" in row["raw"]]
    assert (poison["state"], poison["tries"]) == (InboxState.QUARANTINED, 5)
    assert poison["note"] == "broke its reader: KeyError"
    make_due(gateway)
    gateway.settle.drain()
    assert [row["tries"] for row in rows(gateway, "feedback", id=poison["id"])] == [5]


class Spoiling(Conclude):
    """Makes the database refuse whatever comes with one message, which ends all that was not made safe before."""

    def __call__(self, connection: Connection, news: Sequence[News], *more: Any, **named: Any) -> Conclusions:
        after = super().__call__(connection, news, *more, **named)
        if any(one.feedback.ses_message_id == "poison" for one in news):
            connection.execute(text("INSERT INTO attempts (id) VALUES (NULL)"))
        return after


@pytest.mark.parametrize("told", [delivered, bounced])
def test_ninety_nine_are_settled_beside_one_that_the_database_refuses(
    gateway: Gateway, told: Callable[..., Event]
) -> None:
    """In one and the same batch, whether it is settled together with others or by itself; none counts twice."""
    gateway.settle._conclude = Spoiling(positives=gateway.positives, exempt_mailbox_simulator=True)
    gateway.settle._monotonic = lambda: 0.0  # no batch is cut short, however busy the machine
    mail = submit(gateway, caller(gateway), "kim@example.net")
    change(gateway, "recipients", {"state": State.SENT, "ses_message_id": "m0"}, email_id=mail)
    news = [delivered("kim@example.net", message="m0"), bounced("gone@example.net", message="m1")]
    news += [delivered(f"r{number}@example.net", message=f"m{number}") for number in range(2, 99)]
    put(gateway, *map(json.dumps, [*news, told("poison@example.net", message="poison")]))
    assert gateway.settle.batch() == 100
    assert count(gateway, "events") == 99
    assert state_of(gateway, mail) is State.DELIVERED
    assert live_keys(gateway) == ["gone@example.net"]
    [poison] = [row for row in rows(gateway, "feedback") if "poison" in row["raw"]]
    assert poison["note"] == "broke its reader: IntegrityError"


def test_copies_in_one_batch_are_one_event(gateway: Gateway) -> None:
    """SNS may bring a copy before the first was settled: told once, and both are done with."""
    mail = sent(gateway)
    feed(gateway, delivery(gateway, mail), times=3)
    assert [row["type"] for row in rows(gateway, "events")] == ["delivery"]
    assert state_of(gateway, mail) is State.DELIVERED
    assert inbox_states(gateway) == ["processed"] * 3


@pytest.mark.parametrize("raw", ["", "no json", "[]", '{"eventType": "Bounce"}', "Successfully validated SNS topic"])
def test_what_names_no_mail_is_finished_with_a_note(gateway: Gateway, raw: str) -> None:
    """Greetings and whatever cannot be read are kept, explained, and not looked at again."""
    put(gateway, raw)
    gateway.settle.drain()
    [row] = rows(gateway, "feedback")
    assert row["state"] == InboxState.PROCESSED
    assert row["note"]


@pytest.mark.parametrize("by", ["recipient tag", "attempt tag", "message id"])
def test_feedback_that_came_too_early_is_matched_later(gateway: Gateway, mailer: ScriptedMailer, by: str) -> None:
    """Parked until the mail is known, by whichever of its three names; the address is suppressed at once."""
    mailer.answers["kim@example.net"] = Ambiguous("Silence.")
    mail = sent(gateway)
    tags = dict(mailer.sent[0].tags)
    known = {"recipient tag": "postern_recipient", "attempt tag": "postern_attempt"}.get(by, "")
    tell(gateway, bounced("kim@example.net", message="ses-1", tags={}))
    assert inbox_states(gateway) == [InboxState.PARKED]
    assert state_of(gateway, mail) is State.UNCONFIRMED
    assert live_keys(gateway) == ["kim@example.net"]
    if known:
        tell(gateway, event("Send", {}, message="ses-1", to=["kim@example.net"], tags={known: tags[known]}))
    else:
        change(gateway, "attempts", {"ses_message_id": "ses-1"})
    make_due(gateway)
    gateway.settle.drain()
    assert state_of(gateway, mail) is State.BOUNCED
    assert inbox_states(gateway) == [InboxState.PROCESSED] * (2 if known else 1)
    [told] = rows(gateway, "events", type="bounce")
    assert told["recipient_id"] == recipient_of(gateway, mail).id


def test_an_event_with_the_tag_of_the_call_closes_that_call(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The attempt whose outcome was unknown is accepted, by evidence of the event."""
    mailer.answers["kim@example.net"] = Ambiguous("Silence.")
    mail = sent(gateway)
    assert outcomes(gateway, mail) == ["unknown"]
    tell(gateway, delivered("kim@example.net", message="ses-1", tags=dict(mailer.sent[0].tags)))
    [attempt] = rows(gateway, "attempts")
    assert (attempt["outcome"], attempt["evidence"], attempt["ses_message_id"]) == ("accepted", "event", "ses-1")


def test_after_a_week_a_mail_that_nobody_knows_is_not_ours(gateway: Gateway) -> None:
    """The notification is finished; until then it is looked at ever more rarely, at least once a day."""
    put(gateway, json.dumps(bounced("kim@example.net", message="theirs")))
    waits = []
    for _ in range(20):
        make_due(gateway)
        assert gateway.settle.batch() == 1
        [row] = rows(gateway, "feedback")
        waits.append(row["due_at"] - row["received_at"])
    assert waits == sorted(waits)
    assert waits[0] < timedelta(minutes=1)
    assert timedelta(hours=23) < waits[-1] < timedelta(hours=25)
    age(gateway, "feedback", "received_at", timedelta(days=7, seconds=1))
    make_due(gateway)
    gateway.settle.drain()
    assert inbox_states(gateway) == [InboxState.PROCESSED]


def test_the_bounce_of_a_foreign_mail_to_the_mailbox_simulator_is_understood(gateway: Gateway) -> None:
    """A real identity's notification: stored, in the timeline of its address, and its exemption said."""
    put(gateway, (CORPUS / "identity-bounce.json").read_text())
    gateway.settle.drain()
    with gateway.database.reading() as connection:
        [told] = events.of_address(connection, "bounce@simulator.amazonses.com")
    assert told.type == "bounce"
    assert told.detail == "Permanent bounce (General), status 5.1.1."
    assert told.effect == "An address of the SES mailbox simulator; it is exempt, or each could be tried only once."
    assert told.data["diagnostic"] == "smtp; 550 5.1.1 user unknown"
    assert live_keys(gateway) == []
    assert inbox_states(gateway) == [InboxState.PARKED]


def test_the_mailbox_simulator_is_exempt_by_a_setting(migrated_url: str, redis_url: str) -> None:
    """Without the exemption its addresses are suppressed like any other."""
    settings = settings_for(migrated_url, redis_url, exempt_mailbox_simulator=False)
    gateway = build(settings, mailer=ScriptedMailer())
    tell(gateway, bounced("bounce@simulator.amazonses.com", message="m"))
    assert live_keys(gateway) == ["bounce@simulator.amazonses.com"]
    gateway.close()


def test_each_event_tells_of_its_mail_in_the_timeline(gateway: Gateway) -> None:
    """Delivery, complaint: told once each, with what followed."""
    mail = sent(gateway)
    feed(gateway, delivery(gateway, mail))
    feed(gateway, complaint(gateway, mail))
    assert state_of(gateway, mail) is State.COMPLAINED
    assert [row["origin"] for row in rows(gateway, "suppressions")] == ["complaint"]
    assert [row["effect"] for row in rows(gateway, "events", type="complaint")] == [
        "The recipient reported the mail as spam. The address is suppressed."
    ]
