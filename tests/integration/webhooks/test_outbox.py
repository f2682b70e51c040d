"""The outbox: an event is written with what it reports or not at all, for the endpoints that subscribe to it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event as sqlalchemy_event

from app.domain.apps.callers import Caller
from app.domain.sending.call_outcome import Refused
from app.domain.webhooks.events import SUBSCRIBABLE, WebhookEvent
from app.queue import Lane
from app.services import outbox
from app.services.webhooks.endpoints import EndpointChange, EndpointStatus
from app.store.operating import tallies
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import event
from tests.support.gateway.emails import ROOT, bounce, complaint, delivery, feed, submit
from tests.support.gateway.gateways import ScriptedMailer, caller
from tests.support.gateway.rows import age, count, recipient_of, rows
from tests.support.webhooks.endpoints import scripted, subscribe

OTHER_URL = "https://other.example.org/hooks"


def types(gateway: Gateway) -> list[str]:
    """The types of all messages of the outbox, in the order in which they were written."""
    return [row["type"] for row in rows(gateway, "webhook_messages")]


def all_events(gateway: Gateway, who: Caller) -> None:
    """Subscribe to every event."""
    subscribe(gateway, who, *(one.value for one in SUBSCRIBABLE))


def happened(gateway: Gateway, email: UUID, kind: str) -> Any:
    """An event of SES about an email, such as an open."""
    recipient = recipient_of(gateway, email)
    return event(kind, {}, message=recipient.ses_message_id or "", to=[recipient.address])


def test_an_event_is_written_with_its_move_or_not_at_all(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that fails after the outbox was written leaves neither the move nor the event."""
    who = caller(gateway)
    all_events(gateway, who)
    email = submit(gateway, who, "kim@example.net")

    def fails(*_: Any) -> None:
        raise ValueError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(tallies, "add", fails)
        with pytest.raises(ValueError, match="a fault of ours"):
            gateway.revise.cancel(who, email)
    assert (recipient_of(gateway, email).state, types(gateway)) == ("queued", [])

    gateway.revise.cancel(who, email)
    assert (recipient_of(gateway, email).state, types(gateway)) == ("canceled", ["email.canceled"])


def test_each_event_of_an_email_is_told_once(gateway: Gateway) -> None:
    """Also when SES repeats itself; each has the next number of its recipient."""
    who = caller(gateway)
    all_events(gateway, who)
    email = submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    for one in (delivery(gateway, email), complaint(gateway, email)):
        feed(gateway, one, times=2)
    for kind in ("Open", "Click", "Open"):
        feed(gateway, happened(gateway, email, kind))

    of_email = [row for row in rows(gateway, "webhook_messages") if row["email_id"] == email]
    assert [row["type"] for row in of_email] == [
        "email.sent",
        "email.delivered",
        "email.complained",
        "email.opened",
        "email.clicked",
    ]
    assert [row["sequence"] for row in of_email] == [1, 2, 3, 4, 5]


def test_an_email_that_bounces_before_its_answer_is_recorded_was_sent_first(gateway: Gateway) -> None:
    """SES may be quicker than our commit: then both events follow from one move, in their order."""
    who = caller(gateway)
    all_events(gateway, who)
    email = submit(gateway, who, "kim@example.net")
    feed(gateway, bounce(gateway, email, ses_message_id="quick"))
    of_email = [row["type"] for row in rows(gateway, "webhook_messages") if row["email_id"] == email]
    assert of_email == ["email.sent", "email.bounced"]


def test_what_acceptance_decides_is_told(gateway: Gateway) -> None:
    """A recipient may be suppressed already, and an email may be scheduled."""
    who = caller(gateway)
    gateway.suppress.add(ROOT, "kim@example.net", reason="test")
    subscribe(gateway, who, "email.suppressed", "email.scheduled")
    submit(gateway, who, "kim@example.net")
    submit(gateway, who, "ann@example.net", scheduled_at=datetime.now(UTC) + timedelta(hours=1))
    assert types(gateway) == ["email.suppressed", "email.scheduled"]


def test_an_email_that_fails_or_expires_is_told(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Nothing ends in silence."""
    who = caller(gateway)
    subscribe(gateway, who, "email.failed", "email.expired")
    mailer.answers["kim@example.net"] = Refused("SES refused the address.")
    submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    late = submit(gateway, who, "ann@example.net")
    age(gateway, "recipients", "expires_at", by=timedelta(seconds=1), email_id=late)
    gateway.upkeep.expire()
    assert types(gateway) == ["email.failed", "email.expired"]


def test_only_subscribed_events_of_its_own_application_are_for_an_endpoint(gateway: Gateway) -> None:
    """Two endpoints that subscribe to one event share its message; a disabled or deleted endpoint gets none."""
    who, other = caller(gateway), caller(gateway, app="letters")
    subscribe(gateway, who, "email.sent")
    subscribe(gateway, who, "email.sent", "email.bounced", url=OTHER_URL)
    subscribe(gateway, other, "email.sent", url="https://letters.example.org/hooks")
    off = subscribe(gateway, who, "email.sent", url="https://off.example.org/hooks")
    gateway.webhooks.endpoints.change(who, off.endpoint.id, EndpointChange(status=EndpointStatus.DISABLED))
    gone = subscribe(gateway, who, "email.sent", url="https://gone.example.org/hooks")
    gateway.webhooks.endpoints.delete(who, gone.endpoint.id)

    submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)

    assert types(gateway) == ["email.sent"]
    assert count(gateway, "webhook_deliveries") == 2


def test_without_an_endpoint_a_transaction_has_one_more_statement(gateway: Gateway) -> None:
    """An application that has no endpoint pays one short query for a hundred moves, and nothing is written."""
    who = caller(gateway)
    for number in range(3):
        submit(gateway, who, f"kim{number}@example.net")
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    sqlalchemy_event.listen(gateway.database.engine, "before_cursor_execute", note)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    transactions = [one for one in statements if "INTO tallies" in one]
    assert len([one for one in statements if "webhook_" in one]) == len(transactions) > 0
    assert (count(gateway, "webhook_messages"), count(gateway, "webhook_deliveries")) == (0, 0)


def test_a_move_that_is_no_event_asks_nothing(gateway: Gateway) -> None:
    """An email that is accepted for now has no event yet, so that a single email costs no query more."""
    statements: list[str] = []
    sqlalchemy_event.listen(
        gateway.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2])
    )
    submit(gateway, caller(gateway), "kim@example.net")
    assert [one for one in statements if "webhook_" in one] == []


def test_changes_of_the_list_are_told_to_those_who_may_see_them(gateway: Gateway) -> None:
    """An entry for every email is for all applications, one in a scope for its own alone."""
    who, other = caller(gateway), caller(gateway, app="letters")
    subscribe(gateway, who, "suppression.added", "suppression.removed")
    subscribe(gateway, other, "suppression.added", url=OTHER_URL)
    poster = scripted(gateway)
    gateway.suppress.add(who, "kim@example.net", scope="invites", reason="asked")
    gateway.suppress.add(who, "ann@example.net", reason="asked")
    gateway.unsuppress(who, "ann@example.net", scope=None, reason="a mistake", force=False)
    gateway.webhooks.deliver.drain()

    assert poster.types() == ["suppression.added", "suppression.added", "suppression.removed"]
    assert poster.types(OTHER_URL) == ["suppression.added"]
    assert [one.json["data"]["email"] for one in poster.got if one.url == OTHER_URL] == ["ann@example.net"]


def test_an_entry_from_the_email_of_another_application_hides_it(gateway: Gateway) -> None:
    """The reply of the server and the email are for the application that sent it."""
    who, other = caller(gateway), caller(gateway, app="letters")
    for one, url in ((who, "https://invites.example.org/"), (other, OTHER_URL)):
        subscribe(gateway, one, "suppression.added", url=url)
    poster = scripted(gateway)
    email = submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, email))
    gateway.webhooks.deliver.drain()

    told = {one.url: one.json["data"] for one in poster.got}
    assert told["https://invites.example.org/"]["source_id"] == str(email)
    assert "user unknown" in told["https://invites.example.org/"]["reason"]
    assert told[OTHER_URL]["source_id"] is None
    assert "user unknown" not in told[OTHER_URL]["reason"]


def test_an_application_is_told_what_happens_to_itself(gateway: Gateway) -> None:
    """A budget that pauses it is announced in the transaction that pauses it."""
    who, poster = caller(gateway), scripted(gateway)
    subscribe(gateway, who, "app.paused")
    with gateway.database.transaction() as connection:
        outbox.announce(connection, app_id=who.app_id, event=WebhookEvent.APP_PAUSED, facts={"lane": "bulk"})
    gateway.webhooks.deliver.drain()
    assert poster.got[0].json["type"] == "app.paused"
    assert poster.got[0].json["data"] == {"app": "invites", "lane": "bulk"}
