"""Which recipient an event is about: only that address is suppressed, and old events undo no removal."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain.sending.state_machine import State
from app.queue import Lane
from app.store.engine.database import clock
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import SOFT, Event, bounced, complained, put
from tests.support.gateway.emails import ROOT, bounce, complaint, feed, state_of, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import count, recipient_of, rows

HOUR = timedelta(hours=1)


def now(gateway: Gateway) -> datetime:
    with gateway.database.reading() as connection:
        return clock(connection)


def sent(gateway: Gateway, address: str = "kim@example.net", **more: Any) -> tuple[UUID, str]:
    """An email that SES took, and its message id."""
    email = submit(gateway, caller(gateway), address, **more)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    message = recipient_of(gateway, email).ses_message_id
    assert message is not None
    return email, message


def settle_events(gateway: Gateway, *events: Event) -> None:
    put(gateway, *map(json.dumps, events))
    gateway.settle.drain()


def live_keys(gateway: Gateway) -> list[str]:
    return sorted(row["key"] for row in rows(gateway, "suppressions", removed_at=None))


def test_a_bounce_suppresses_even_if_the_email_is_not_ours(gateway: Gateway) -> None:
    """The address comes from the notification; only an email's state needs our row."""
    settle_events(
        gateway, bounced("Kim@Example.NET", message="theirs"), complained("ann@example.net", message="theirs-too")
    )
    assert live_keys(gateway) == ["ann@example.net", "kim@example.net"]
    [entry] = rows(gateway, "suppressions", key="kim@example.net")
    assert entry["address"] == "Kim@Example.NET"
    assert entry["reason"] == "smtp; 550 5.1.1 user unknown"


def test_a_bounced_forward_suppresses_the_address_that_we_sent_to(gateway: Gateway) -> None:
    """SES reports the forwarding target. Our single recipient is suppressed, and the reported address is recorded."""
    email, message = sent(gateway)
    settle_events(gateway, bounced("forwarded@elsewhere.example", message=message, to=["kim@example.net"]))
    assert live_keys(gateway) == ["kim@example.net"]
    assert state_of(gateway, email) is State.BOUNCED
    [stored] = rows(gateway, "events")
    assert (stored["key"], stored["data"]["reported_recipient"]) == ("kim@example.net", "forwarded@elsewhere.example")


def test_a_bounced_forward_of_a_foreign_email_suppresses_its_one_recipient(gateway: Gateway) -> None:
    """The same, where only the notification names the recipient."""
    settle_events(gateway, bounced("forwarded@elsewhere.example", message="theirs", to=["kim@example.net"]))
    assert live_keys(gateway) == ["kim@example.net"]


def test_an_unknown_address_among_several_recipients_is_not_suppressed(gateway: Gateway) -> None:
    """With several recipients, an unknown address cannot be traced to the one that forwarded."""
    settle_events(
        gateway, bounced("stranger@elsewhere.example", message="theirs", to=["a@example.net", "b@example.net"])
    )
    assert live_keys(gateway) == []
    assert [row["address"] for row in rows(gateway, "events")] == ["stranger@elsewhere.example"]


def test_one_of_several_recipients_is_suppressed_alone(gateway: Gateway) -> None:
    """The other recipients of the same email stay free."""
    settle_events(gateway, bounced("a@example.net", message="theirs", to=["a@example.net", "b@example.net"]))
    assert live_keys(gateway) == ["a@example.net"]


def test_each_recipient_of_a_bounce_is_judged_alone(gateway: Gateway) -> None:
    """AWS's own sample: one permanent bounce in which one recipient failed and one was only delayed."""
    reported = bounced("gone@example.net", message="m", to=["gone@example.net", "slow@example.net"])
    delayed = {"emailAddress": "slow@example.net", "action": "delayed", "status": "4.0.0"}
    reported["bounce"]["bouncedRecipients"].append(delayed)
    settle_events(gateway, reported)
    assert live_keys(gateway) == ["gone@example.net"]
    assert count(gateway, "events") == 2


def test_a_complaint_without_an_address_is_about_our_own_recipient(gateway: Gateway) -> None:
    """Providers leave the address out. One call has one recipient, so our row gives the address."""
    email, message = sent(gateway)
    settle_events(gateway, complained(None, message=message, to=[]))
    assert live_keys(gateway) == ["kim@example.net"]
    assert state_of(gateway, email) is State.COMPLAINED


def test_a_complaint_without_an_address_about_an_unknown_email_is_kept(gateway: Gateway) -> None:
    """Without an address and without a row there is no address to suppress; the event is kept."""
    settle_events(gateway, complained(None, message="theirs", to=["a@example.net", "b@example.net"]))
    assert live_keys(gateway) == []
    assert count(gateway, "events") == 1


def test_a_refusal_for_policy_raises_an_incident_and_suppresses_nothing(gateway: Gateway) -> None:
    """5.7.x is about us: the operator sees domain, diagnosis and count, and the address stays free."""
    fields = {"action": "failed", "status": "5.7.1", "diagnosticCode": "smtp; 550 5.7.1 blocked for reputation"}
    email, message = sent(gateway)
    settle_events(gateway, bounced("kim@example.net", message=message, fields=fields))
    settle_events(gateway, bounced("ann@example.net", message="m2", fields=fields))
    assert live_keys(gateway) == []
    [incident] = rows(gateway, "incidents")
    assert (incident["kind"], incident["subject"], incident["count"]) == (
        "refused_for_policy",
        "example.net: block-list",
        2,
    )
    assert incident["detail"] == "smtp; 550 5.7.1 blocked for reputation"
    assert state_of(gateway, email) is State.BOUNCED


def test_an_opt_out_at_ses_stops_its_stream_only(gateway: Gateway) -> None:
    """A recipient who opted out of the newsletter still gets the receipt."""
    _, message = sent(gateway, stream="news")
    settle_events(gateway, bounced("kim@example.net", message=message, subtype="UnsubscribedRecipient"))
    assert [row["scope"] for row in rows(gateway, "suppressions")] == ["invites/news"]
    receipt, _ = sent(gateway)
    assert state_of(gateway, receipt) is State.SENT


@pytest.mark.parametrize("late", ["repeated bounce", "another bounce", "complaint"])
def test_a_late_event_of_an_old_email_never_undoes_a_removal(gateway: Gateway, late: str) -> None:
    """Promise 6: whatever SES still reports about emails from before the removal, the address stays free."""
    email, message = sent(gateway)
    first = bounce(gateway, email)
    feed(gateway, first)
    gateway.unsuppress(caller(gateway), "kim@example.net", reason="Their server erred.", wait_for_ses=False)
    before, after = now(gateway) - HOUR, now(gateway) + HOUR
    reported = {
        "repeated bounce": first,
        "another bounce": bounced("kim@example.net", message=message, feedback_id="f2", at=after, sent_at=before),
        "complaint": complained("kim@example.net", message=message, at=after, sent_at=before),
    }
    settle_events(gateway, reported[late])
    assert live_keys(gateway) == []
    if late != "repeated bounce":
        effects = [row["effect"] for row in rows(gateway, "events")]
        assert "so it stays unsuppressed" in effects[-1]


@pytest.mark.parametrize("waited, stays", [(timedelta(minutes=1), True), (timedelta(minutes=20), False)])
def test_ses_own_list_undoes_no_removal_that_it_has_not_followed_yet(
    gateway: Gateway, waited: timedelta, stays: bool
) -> None:
    """SES's list may refuse an email sent right after a removal. Twenty minutes later, such a refusal is evidence."""
    email, message = sent(gateway)
    feed(gateway, bounce(gateway, email))
    gateway.unsuppress(caller(gateway), "kim@example.net", reason="Their server erred.")
    _, message = sent(gateway)
    at = now(gateway) + waited
    settle_events(
        gateway, bounced("kim@example.net", message=message, subtype="OnAccountSuppressionList", fields={}, at=at)
    )
    assert live_keys(gateway) == ([] if stays else ["kim@example.net"])


def test_a_fresh_bounce_after_a_removal_suppresses_again(gateway: Gateway) -> None:
    """A bounce of an email that left after the removal is new evidence; both entries are kept."""
    email, _ = sent(gateway)
    feed(gateway, bounce(gateway, email))
    gateway.unsuppress(caller(gateway), "kim@example.net", reason="Their server erred.", wait_for_ses=False)
    again, _ = sent(gateway)
    feed(gateway, complaint(gateway, again, sent_later=True))
    assert live_keys(gateway) == ["kim@example.net"]
    assert [row["origin"] for row in rows(gateway, "suppressions")] == ["bounce", "complaint"]


def test_a_soft_bounce_is_reported_and_suppresses_nothing(gateway: Gateway) -> None:
    """One temporary failure ends the email, with its diagnosis, and the address stays free."""
    email, message = sent(gateway)
    settle_events(gateway, bounced("kim@example.net", message=message, kind="Transient", fields=SOFT))
    assert state_of(gateway, email) is State.BOUNCED
    assert recipient_of(gateway, email).reason == "smtp; 452 4.2.2 mailbox full"
    assert live_keys(gateway) == []


def test_of_several_bounces_the_email_shows_the_worst_in_any_order(gateway: Gateway) -> None:
    """A hard and a soft bounce of one message leave the reason of the hard one, in either order."""
    reasons = set()
    for hard_first in (True, False):
        email = submit(gateway, caller(gateway), f"kim-{hard_first}@example.net".lower())
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        hard = bounce(gateway, email, feedback_id=f"hard-{email}")
        soft = bounce(gateway, email, kind="Transient", subtype="MailboxFull", feedback_id=f"soft-{email}")
        for reported in (hard, soft) if hard_first else (soft, hard):
            feed(gateway, reported)
        reasons.add(gateway.look_up.email(ROOT, email).recipients[0].reason)
    assert reasons == {"smtp; 550 5.1.1 user unknown"}
