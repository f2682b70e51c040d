"""Every recipient has a reason when its state has one, in words, beside those of the server."""

import json
from typing import Any
from uuid import UUID

import pytest

from app.domain.sending.state_machine import State
from app.queue import Lane
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import Event, bounced, complained, delivered, event, put
from tests.support.gateway.emails import ROOT, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import recipient_of, rows

KIM = "kim@example.net"
SAID = "smtp; 421 4.4.1 cannot connect"


def sent(gateway: Gateway) -> tuple[UUID, str]:
    """An email that SES took, and its SES message id."""
    email = submit(gateway, caller(gateway), KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    return email, recipient_of(gateway, email).ses_message_id or ""


def delayed(message: str) -> Event:
    report: dict[str, Any] = {"emailAddress": KIM, "status": "4.4.1", "diagnosticCode": SAID}
    return event("DeliveryDelay", {"delayType": "General", "delayedRecipients": [report]}, message=message, to=[KIM])


def settle(gateway: Gateway, reported: Event) -> None:
    put(gateway, json.dumps(reported))
    gateway.settle.drain()


def test_a_delayed_email_says_so_until_it_is_delivered(gateway: Gateway) -> None:
    """Our words are the reason, the server's are in the timeline; a delivery takes the reason away."""
    email, message = sent(gateway)
    settle(gateway, delayed(message))
    [recipient] = gateway.look_up.email(ROOT, email).recipients
    assert recipient.state is State.DELIVERY_DELAYED
    assert recipient.reason == "The receiving server has not taken the email yet; SES goes on trying."

    settle(gateway, delivered(KIM, message=message))
    [recipient] = gateway.look_up.email(ROOT, email).recipients
    assert (recipient.state, recipient.reason, recipient.cause) == (State.DELIVERED, None, None)


def test_a_bounced_recipient_has_the_cause_of_its_worst_bounce(gateway: Gateway) -> None:
    """Beside the server's words, and whichever bounce comes first; a complaint after it takes the cause away."""
    email, message = sent(gateway)
    gone = {"action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
    full = {"action": "failed", "status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 mailbox full"}
    settle(gateway, bounced(KIM, message=message, fields=gone, feedback_id="f-1"))
    settle(gateway, bounced(KIM, message=message, kind="Transient", fields=full, feedback_id="f-2"))
    [recipient] = gateway.look_up.email(ROOT, email).recipients
    assert (recipient.state, recipient.cause) == (State.BOUNCED, "mailbox_gone")
    assert recipient.reason == "smtp; 550 5.1.1 user unknown"

    settle(gateway, complained(KIM, message=message))
    [recipient] = gateway.look_up.email(ROOT, email).recipients
    assert (recipient.state, recipient.cause) == (State.COMPLAINED, None)


@pytest.mark.parametrize("first_delivered", [True, False])
def test_a_complaint_is_a_reason(gateway: Gateway, *, first_delivered: bool) -> None:
    """Whether the delivery was reported before it or not."""
    email, message = sent(gateway)
    if first_delivered:
        settle(gateway, delivered(KIM, message=message))
    settle(gateway, complained(KIM, message=message))
    [recipient] = gateway.look_up.email(ROOT, email).recipients
    assert (recipient.state, recipient.reason) == (State.COMPLAINED, "The recipient reported the email as spam.")


def test_one_of_several_who_may_have_complained_is_suppressed_as_such(gateway: Gateway) -> None:
    """Other software wrote to two people at once, and SES names both. The entries say that it is a guess."""
    reported = complained("ann@example.net", message="0100-theirs", to=["ann@example.net", "bob@example.net"])
    reported["complaint"]["complainedRecipients"] = [{"emailAddress": f"{who}@example.net"} for who in ("ann", "bob")]
    settle(gateway, reported)
    words = "One of 2 recipients reported the email as spam; SES does not know which one."
    assert [row["reason"] for row in rows(gateway, "suppressions")] == [words, words]


def test_a_mistyped_domain_is_named_with_the_one_that_was_meant(gateway: Gateway) -> None:
    """There is no such domain; the timeline asks for the likely one, and the address is only counted."""
    fields = {"action": "failed", "status": "5.4.4", "diagnosticCode": "smtp; 550 5.4.4 Invalid domain"}
    settle(gateway, bounced("kim@gmial.com", message="0100-typo", kind="Transient", fields=fields))
    [stored] = rows(gateway, "events")
    assert stored["effect"].startswith("There is no such domain")
    assert stored["effect"].endswith("Was gmail.com meant?")
    assert rows(gateway, "suppressions") == []
