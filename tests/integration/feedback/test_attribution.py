"""Whom feedback is about, and what a removal outlives: the right person suppressed, and nobody else, and not again."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain.delivery import State
from app.queue import Lane
from app.store.db import clock
from app.wiring import Gateway
from tests.feedback import SOFT, Event, bounced, complained, put
from tests.gateways import caller
from tests.mails import ROOT, bounce, complaint, feed, state_of, submit
from tests.rows import count, recipient_of, rows

HOUR = timedelta(hours=1)


def now(gateway: Gateway) -> datetime:
    with gateway.database.reading() as connection:
        return clock(connection)


def sent(gateway: Gateway, address: str = "kim@example.net", **more: Any) -> tuple[UUID, str]:
    """A mail that SES took, and its message id."""
    mail = submit(gateway, caller(gateway), address, **more)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    message = recipient_of(gateway, mail).ses_message_id
    assert message is not None
    return mail, message


def tell(gateway: Gateway, *told: Event) -> None:
    put(gateway, *map(json.dumps, told))
    gateway.settle.drain()


def live_keys(gateway: Gateway) -> list[str]:
    return sorted(row["key"] for row in rows(gateway, "suppressions", removed_at=None))


def test_a_bounce_suppresses_even_if_the_mail_is_not_ours(gateway: Gateway) -> None:
    """The address comes from the notification; only the state of a mail needs our row."""
    tell(gateway, bounced("Kim@Example.NET", message="theirs"), complained("ann@example.net", message="theirs-too"))
    assert live_keys(gateway) == ["ann@example.net", "kim@example.net"]
    [entry] = rows(gateway, "suppressions", key="kim@example.net")
    assert entry["address"] == "Kim@Example.NET"
    assert entry["reason"] == "smtp; 550 5.1.1 user unknown"


def test_a_forward_is_held_against_the_address_that_was_mailed(gateway: Gateway) -> None:
    """SES reports whom the mail was forwarded to; the single recipient answers, and the reported one is recorded."""
    mail, message = sent(gateway)
    tell(gateway, bounced("forwarded@elsewhere.example", message=message, to=["kim@example.net"]))
    assert live_keys(gateway) == ["kim@example.net"]
    assert state_of(gateway, mail) is State.BOUNCED
    [told] = rows(gateway, "events")
    assert (told["key"], told["data"]["reported_recipient"]) == ("kim@example.net", "forwarded@elsewhere.example")


def test_a_forward_of_a_foreign_mail_is_held_against_its_one_recipient(gateway: Gateway) -> None:
    """The same, where only the notification says who was mailed."""
    tell(gateway, bounced("forwarded@elsewhere.example", message="theirs", to=["kim@example.net"]))
    assert live_keys(gateway) == ["kim@example.net"]


def test_a_stranger_among_several_is_not_suppressed(gateway: Gateway) -> None:
    """Where several were mailed and a stranger is reported, nobody knows whose forward it was."""
    tell(gateway, bounced("stranger@elsewhere.example", message="theirs", to=["a@example.net", "b@example.net"]))
    assert live_keys(gateway) == []
    assert [row["address"] for row in rows(gateway, "events")] == ["stranger@elsewhere.example"]


def test_one_of_several_is_suppressed_alone(gateway: Gateway) -> None:
    """The others of the same mail are not to blame."""
    tell(gateway, bounced("a@example.net", message="theirs", to=["a@example.net", "b@example.net"]))
    assert live_keys(gateway) == ["a@example.net"]


def test_each_recipient_of_a_bounce_is_judged_alone(gateway: Gateway) -> None:
    """AWS's own sample: one failed, one only delayed, in one permanent bounce."""
    told = bounced("gone@example.net", message="m", to=["gone@example.net", "slow@example.net"])
    delayed = {"emailAddress": "slow@example.net", "action": "delayed", "status": "4.0.0"}
    told["bounce"]["bouncedRecipients"].append(delayed)
    tell(gateway, told)
    assert live_keys(gateway) == ["gone@example.net"]
    assert count(gateway, "events") == 2


def test_a_complaint_that_names_nobody_is_about_our_own_recipient(gateway: Gateway) -> None:
    """Providers leave the address out; one call has one recipient, so the row knows who it was."""
    mail, message = sent(gateway)
    tell(gateway, complained(None, message=message, to=[]))
    assert live_keys(gateway) == ["kim@example.net"]
    assert state_of(gateway, mail) is State.COMPLAINED


def test_a_complaint_that_names_nobody_about_nobodys_mail_suppresses_nobody(gateway: Gateway) -> None:
    """Without an address and without a row there is nobody to suppress; the event is kept."""
    tell(gateway, complained(None, message="theirs", to=["a@example.net", "b@example.net"]))
    assert live_keys(gateway) == []
    assert count(gateway, "events") == 1


def test_a_refusal_for_policy_raises_an_incident_and_blames_nobody(gateway: Gateway) -> None:
    """5.7.x is about us: the operator sees domain and diagnosis, counted, and the address stays free."""
    fields = {"action": "failed", "status": "5.7.1", "diagnosticCode": "smtp; 550 5.7.1 blocked for reputation"}
    mail, message = sent(gateway)
    tell(gateway, bounced("kim@example.net", message=message, fields=fields))
    tell(gateway, bounced("ann@example.net", message="m2", fields=fields))
    assert live_keys(gateway) == []
    [incident] = rows(gateway, "incidents")
    assert (incident["kind"], incident["subject"], incident["count"]) == ("refused_for_policy", "example.net", 2)
    assert incident["detail"] == "smtp; 550 5.7.1 blocked for reputation"
    assert state_of(gateway, mail) is State.BOUNCED


def test_an_opt_out_at_ses_stops_its_stream_only(gateway: Gateway) -> None:
    """Who opted out of the newsletter still gets the receipt."""
    _, message = sent(gateway, stream="news")
    tell(gateway, bounced("kim@example.net", message=message, subtype="UnsubscribedRecipient"))
    assert [row["scope"] for row in rows(gateway, "suppressions")] == ["invites/news"]
    receipt, _ = sent(gateway)
    assert state_of(gateway, receipt) is State.SENT


@pytest.mark.parametrize("late", ["repeated bounce", "another bounce", "complaint"])
def test_late_news_of_old_mail_never_undoes_a_removal(gateway: Gateway, late: str) -> None:
    """Promise 6: whatever still comes about mail from before the removal, the address stays free."""
    mail, message = sent(gateway)
    first = bounce(gateway, mail)
    feed(gateway, first)
    gateway.suppress.remove(caller(gateway), "kim@example.net", reason="Their server erred.", wait_for_ses=False)
    before, after = now(gateway) - HOUR, now(gateway) + HOUR
    told = {
        "repeated bounce": first,
        "another bounce": bounced("kim@example.net", message=message, feedback_id="f2", at=after, sent_at=before),
        "complaint": complained("kim@example.net", message=message, at=after, sent_at=before),
    }
    tell(gateway, told[late])
    assert live_keys(gateway) == []
    if late != "repeated bounce":
        effects = [row["effect"] for row in rows(gateway, "events")]
        assert "so it stays unsuppressed" in effects[-1]


def test_fresh_news_after_a_removal_suppresses_again(gateway: Gateway) -> None:
    """A bounce of mail that left after the removal is new evidence; both entries are kept."""
    mail, _ = sent(gateway)
    feed(gateway, bounce(gateway, mail))
    gateway.suppress.remove(caller(gateway), "kim@example.net", reason="Their server erred.", wait_for_ses=False)
    again, _ = sent(gateway)
    feed(gateway, complaint(gateway, again, sent_later=True))
    assert live_keys(gateway) == ["kim@example.net"]
    assert [row["origin"] for row in rows(gateway, "suppressions")] == ["bounce", "complaint"]


def test_a_soft_bounce_is_told_and_suppresses_nobody(gateway: Gateway) -> None:
    """One passing failure ends the mail, with its diagnosis, and leaves the address."""
    mail, message = sent(gateway)
    tell(gateway, bounced("kim@example.net", message=message, kind="Transient", fields=SOFT))
    assert state_of(gateway, mail) is State.BOUNCED
    assert recipient_of(gateway, mail).reason == "smtp; 452 4.2.2 mailbox full"
    assert live_keys(gateway) == []


def test_of_several_bounces_the_mail_tells_the_worst_whatever_came_first(gateway: Gateway) -> None:
    """A hard and a soft bounce of one message leave the reason of the hard one, in either order."""
    reasons = set()
    for hard_first in (True, False):
        mail = submit(gateway, caller(gateway), f"kim-{hard_first}@example.net".lower())
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        hard = bounce(gateway, mail, feedback_id=f"hard-{mail}")
        soft = bounce(gateway, mail, kind="Transient", subtype="MailboxFull", feedback_id=f"soft-{mail}")
        for news in (hard, soft) if hard_first else (soft, hard):
            feed(gateway, news)
        reasons.add(gateway.look_up.email(ROOT, mail).recipients[0].reason)
    assert reasons == {"smtp; 550 5.1.1 user unknown"}
