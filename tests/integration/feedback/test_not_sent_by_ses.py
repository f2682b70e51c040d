"""Emails that SES took and did not send, as its events say: not delivered, with the reason, and no complaint."""

from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from app.domain.feedback.bounce_causes import IN_PLAIN_WORDS, BounceCause
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import fresh_address
from tests.support.gateway.emails import ROOT, bounce, complaint, delivery, feed, state_of, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import rows

LISTED = ["OnAccountSuppressionList", "OnTenantSuppressionList", "onaccountsuppressionlist"]
EARLIER = "SES holds an earlier complaint of this address; it did not try to deliver."


def sent(gateway: Gateway, address: str = "kim@example.net") -> UUID:
    email = submit(gateway, caller(gateway), address)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    return email


def not_sent(gateway: Gateway, email: UUID, subtype: str, **more: Any) -> Any:
    """A complaint as SES reports it for an address on its own list: without a type and without a recipient."""
    reported = complaint(gateway, email, **more)
    reported["complaint"] = {name: reported["complaint"][name] for name in ("feedbackId", "timestamp")}
    return reported | {"complaint": reported["complaint"] | {"complaintSubType": subtype}}


def without_words(reported: Any) -> Any:
    """The same bounce without any server's diagnosis."""
    (recipient,) = reported["bounce"]["bouncedRecipients"]
    recipient.pop("diagnosticCode")
    return reported


def reason(gateway: Gateway, email: UUID) -> str | None:
    return gateway.look_up.email(ROOT, email).recipients[0].reason


@pytest.mark.parametrize("subtype", LISTED)
def test_a_complaint_about_an_email_that_ses_did_not_send_is_no_complaint(gateway: Gateway, subtype: str) -> None:
    """The email is bounced, with the reason. The entry is the one that a bounce of SES's own list makes."""
    email = sent(gateway)
    feed(gateway, not_sent(gateway, email, subtype))
    assert state_of(gateway, email) is State.BOUNCED
    assert reason(gateway, email) == EARLIER
    [entry] = rows(gateway, "suppressions")
    assert (entry["key"], entry["scope"], entry["origin"]) == ("kim@example.net", "*", "ses_account")
    [event] = rows(gateway, "events")
    assert event["detail"].startswith("SES did not send the email")


def test_a_complaint_with_an_unknown_subtype_is_a_complaint(gateway: Gateway) -> None:
    """A subtype that does not say that the email was not sent leaves it the recipient's own complaint."""
    email = sent(gateway)
    feed(gateway, not_sent(gateway, email, "OfSomeLaterYear"))
    assert state_of(gateway, email) is State.COMPLAINED
    assert [entry["origin"] for entry in rows(gateway, "suppressions")] == ["complaint"]


@pytest.mark.parametrize(
    "subtype, cause",
    [
        ("OnAccountSuppressionList", BounceCause.SES_LIST),
        ("OnTenantSuppressionList", BounceCause.SES_LIST),
        ("Suppressed", BounceCause.SES_GLOBAL_LIST),
        ("UnsubscribedRecipient", BounceCause.OPTED_OUT),
        ("EmailValidationSuppressed", BounceCause.NOT_ATTEMPTED),
    ],
)
def test_a_bounce_of_an_email_that_ses_did_not_send_says_why(
    gateway: Gateway, subtype: str, cause: BounceCause
) -> None:
    """Where SES gives no diagnosis, the reason is the meaning of its subtype; it is never empty."""
    email = sent(gateway)
    feed(gateway, without_words(bounce(gateway, email, subtype=subtype)))
    assert state_of(gateway, email) is State.BOUNCED
    assert reason(gateway, email) == IN_PLAIN_WORDS[cause]


def test_the_reason_is_the_same_in_any_order(gateway: Gateway) -> None:
    """Of several bounces of one email, a server's diagnosis outweighs our own text."""
    reasons = set()
    for order in permutations(range(3)):
        email = sent(gateway, fresh_address())
        reported = [
            not_sent(gateway, email, LISTED[0]),
            bounce(gateway, email),
            without_words(bounce(gateway, email, kind="Transient", feedback_id=f"soft-{email}")),
        ]
        for number in order:
            feed(gateway, reported[number])
        reasons.add(reason(gateway, email))
    assert reasons == {"smtp; 550 5.1.1 user unknown"}


def test_a_delivery_before_the_bounce_does_not_hide_it(gateway: Gateway) -> None:
    """The rank of the state only rises, whichever event came first."""
    email = sent(gateway)
    feed(gateway, not_sent(gateway, email, LISTED[0]))
    feed(gateway, delivery(gateway, email))
    assert (state_of(gateway, email), reason(gateway, email)) == (State.BOUNCED, EARLIER)
