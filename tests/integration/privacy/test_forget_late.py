"""Late data about a forgotten person: events, and emails that waited or were on their way."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.errors import Conflict
from app.domain.message.address import Mailbox, parse_address
from app.domain.message.mailboxes import parse_mailbox
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.submission.accept import Submission
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import bounced
from tests.support.gateway.emails import (
    bounce,
    complaint,
    delivery,
    feed,
    message_of,
    state_of,
    submission,
    submit,
    take,
)
from tests.support.gateway.forgetting import KEY, KIM, NAMED, OpaqueMailer, forget, live
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, change, everything_stored, recipient_of, rows
from tests.support.gateway.web import AccountList


@pytest.fixture
def mailer() -> OpaqueMailer:
    return OpaqueMailer()


@pytest.fixture
def account() -> AccountList:
    return AccountList()


@pytest.mark.parametrize("known", [True, False])
def test_a_late_event_does_not_bring_the_address_back(gateway: Gateway, known: bool) -> None:
    """A bounce, a complaint and a repeated old event, with our tags or about an unknown email."""
    who = caller(gateway)
    email = submit(gateway, who, KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    kinds = [bounce(gateway, email), complaint(gateway, email)]
    if not known:
        kinds = [bounced(KIM, message="not-ours", feedback_id="f1")]
    feed(gateway, kinds[0])
    name = gateway.pseudonyms(KEY)
    forget(gateway)
    events = len(rows(gateway, "events"))
    for late in (kinds[0], *kinds, json.loads(json.dumps(kinds[-1]).replace(KIM, KEY))):
        feed(gateway, late)
    assert KEY not in everything_stored(gateway).lower()
    assert len(rows(gateway, "events")) == events + (len(kinds) - 1)
    assert live(gateway) == {(name, "*", "complaint" if known else "bounce")}
    assert {row["state"] for row in rows(gateway, "notifications")} == {"processed"}
    if known:
        assert state_of(gateway, email) is State.COMPLAINED


def test_a_late_event_of_another_recipient_does_not_either(gateway: Gateway) -> None:
    """SES repeats the email's headers with all recipients: that text is erased, the event of the other one stays."""
    who = caller(gateway)
    shared = submit(gateway, who, "ann@example.net", NAMED)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    late = delivery(gateway, shared)
    late["mail"]["headers"] = [{"name": "To", "value": f"ann@example.net, {NAMED}"}]
    forget(gateway)
    feed(gateway, late)
    assert recipient_of(gateway, shared).state is State.DELIVERED
    assert [row["key"] for row in rows(gateway, "events", type="delivery")] == ["ann@example.net"]
    assert KEY not in everything_stored(gateway).lower()


def test_a_forward_to_a_forgotten_person_is_not_recorded(gateway: Gateway) -> None:
    """A bounce names the target of a known person's forward: the known person is suppressed, the target not stored."""
    forget(gateway)
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    reported = bounce(gateway, email)
    reported["bounce"]["bouncedRecipients"][0] |= {"emailAddress": KIM, "diagnosticCode": f"550 5.1.1 {KIM} is unknown"}
    reported["mail"]["timestamp"] = "2026-01-01T00:00:00Z"
    feed(gateway, reported)
    assert live(gateway) == {("ann@example.net", "*", "bounce")}
    assert KEY not in everything_stored(gateway).lower()


def test_waiting_emails_are_canceled(gateway: Gateway, mailer: OpaqueMailer) -> None:
    """Queued, scheduled, to be tried again or held: none is sent; other recipients get theirs, without the address."""
    who = caller(gateway)
    waiting = submit(gateway, who, KIM)
    shared = submit(gateway, who, "ann@example.net", NAMED)
    held = submit(gateway, who, KIM)
    change(gateway, "recipients", {"state": State.HELD}, email_id=held)
    assert forget(gateway).canceled == 3
    assert {state_of(gateway, waiting), recipient_of(gateway, shared, 1).state, state_of(gateway, held)} == {
        State.CANCELED
    }
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    [envelope] = mailer.sent
    assert envelope.recipient == "ann@example.net"
    assert b"To: ann@example.net\r\n" in envelope.raw


@pytest.mark.parametrize("state", [State.SENDING, State.UNCONFIRMED])
def test_no_one_is_forgotten_while_an_email_is_on_its_way(gateway: Gateway, account: AccountList, state: State) -> None:
    """The failure names the email; waiting emails are canceled all the same, and nothing else has changed."""
    who = caller(gateway)
    account.addresses = {KIM}
    flying = submit(gateway, who, KIM)
    take(gateway)
    change(gateway, "recipients", {"state": state}, email_id=flying)
    waiting = submit(gateway, who, KIM)
    with pytest.raises(Conflict, match=str(flying)):
        forget(gateway)
    assert state_of(gateway, waiting) is State.CANCELED
    assert recipient_of(gateway, flying).address == KIM
    assert account.addresses == {KIM}
    assert rows(gateway, "audit", action="forget") == []


def test_no_one_is_forgotten_while_an_earlier_call_may_have_sent(gateway: Gateway) -> None:
    """An email that waits for its next try is not canceled while the outcome of an earlier call is unknown."""
    email = submit(gateway, caller(gateway), KIM)
    take(gateway)
    age(gateway, "recipients", "lease_until", timedelta(seconds=1))
    gateway.upkeep.end_leases()
    change(gateway, "recipients", {"state": State.RETRY_WAIT})
    with pytest.raises(Conflict, match=str(email)):
        forget(gateway)
    assert state_of(gateway, email) is State.RETRY_WAIT
    assert recipient_of(gateway, email).address == KIM


def test_events_of_later_emails_are_left_to_their_retention(gateway: Gateway) -> None:
    """An email accepted for the address after it was forgotten is new, and so are its events."""
    who = caller(gateway)
    forget(gateway)
    age(gateway, "audit", "at", by=timedelta(hours=1))
    email = submit(gateway, who, KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, email))
    [event] = rows(gateway, "events", type="bounce")
    assert event["key"] == KEY


def test_a_waiting_email_to_another_person_loses_the_address(gateway: Gateway, mailer: OpaqueMailer) -> None:
    """The application had put the address into its headers or its Reply-To; it is removed, and the email is sent."""
    kept = Mailbox("Help", parse_address("help@example.com"))
    written = replace(
        message_of(submission("ann@example.net")),
        headers=(("X-From-Friend", f"{KIM} sent you this"),),
        reply_to=(parse_mailbox(NAMED), kept),
    )
    who = caller(gateway)
    gateway.accept(who, [Submission(message=written)], idempotency=None, answer=lambda _: {})
    name = gateway.pseudonyms(KEY)
    forget(gateway)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    [envelope] = mailer.sent
    assert b'Reply-To: "Help" <help@example.com>\r\n' in envelope.raw
    assert f"X-From-Friend: {name} sent you this".encode() in envelope.raw
