"""Emails and the events about them, for tests: one line to submit, one line for an event of SES."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.domain.apps.callers import Caller
from app.domain.message.mailboxes import parse_mailbox
from app.domain.message.mime import Message
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.apps.authenticate import operator
from app.services.sending.render import SealedEmail
from app.services.submission.accept import Submission
from app.services.submission.idempotency import Idempotency
from app.store.sending.claims import Claim, OpenAttempt, Wanted, claim
from app.store.sending.drafts import drafts
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import put
from tests.support.gateway.gateways import caller

ROOT = operator("test")


def submission(
    *to: str, lane: Lane | None = None, sender: str = "Invites <invites@example.com>", **more: Any
) -> Submission:
    """Return a small invitation to these addresses."""
    message = Message(
        sender=parse_mailbox(sender),
        to=tuple(parse_mailbox(one) for one in to),
        cc=(),
        reply_to=(),
        subject="You are invited",
        text="Come and see.",
        html="<p>Come and see.</p>",
        headers=(),
        attachments=(),
    )
    return Submission(message=message, lane=lane, **more)


def message_of(email: Submission) -> Message:
    """Return the message of an email whose parts were given one by one."""
    assert isinstance(email.message, Message)
    return email.message


def submit(
    gateway: Gateway, who: Caller, *to: str, lane: Lane | None = None, idempotency: str | None = None, **more: Any
) -> UUID:
    """Submit an invitation and return its id."""
    email = submission(*to, lane=lane, **more)
    assert gateway.accept.faults(who, email) == ()
    key = Idempotency(idempotency, bytes(32)) if idempotency else None
    answer = gateway.accept(who, [email], idempotency=key, answer=lambda receipts: {"id": str(receipts[0].id)})
    return UUID(answer.body["id"])


def state_of(gateway: Gateway, email: UUID) -> State:
    """Return the state of the first recipient."""
    return State(gateway.look_up.email(ROOT, email).recipients[0].state)


def take(gateway: Gateway, *, limit: int = 100, lane: str = Lane.TRANSACTIONAL, probe: str | None = None) -> Claim:
    """Claim due emails as a worker does, and commit."""
    with gateway.database.transaction() as connection:
        return claim(connection, Wanted(lane=lane, limit=limit, lease=timedelta(seconds=60), probe=probe))


def claimed(gateway: Gateway, address: str) -> tuple[OpenAttempt, SealedEmail]:
    """Return an email to this address that a worker has claimed and opened."""
    submit(gateway, caller(gateway), address)
    (attempt,) = take(gateway).emails
    with gateway.database.asking() as connection:
        [draft] = drafts(connection, [attempt.recipient.email_id])
    return attempt, SealedEmail(draft, gateway.deliver.parts.key_ring, links=gateway.deliver.parts.links)


def feed(gateway: Gateway, event: Mapping[str, Any], *, times: int = 1) -> None:
    """Store a verified notification `times` times, each under its own id, and process it."""
    put(gateway, *[json.dumps(event)] * times)
    gateway.settle.drain()


def bounce(gateway: Gateway, email: UUID, *, subtype: str = "General", kind: str = "Permanent", **more: Any) -> Any:
    """Return a bounce of the email's first recipient, as SES publishes it."""
    address = gateway.look_up.email(ROOT, email).recipients[0].email
    status = {"action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
    if kind == "Transient":
        status = {"action": "failed", "status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 mailbox full"}
    section = {
        "bounceType": kind,
        "bounceSubType": subtype,
        "bouncedRecipients": [{"emailAddress": address, **status}],
        "feedbackId": more.pop("feedback_id", f"bounce-{email}"),
    }
    return _event(gateway, email, "Bounce", section, **more)


def complaint(gateway: Gateway, email: UUID, **more: Any) -> Any:
    """Return a complaint of the email's first recipient."""
    address = gateway.look_up.email(ROOT, email).recipients[0].email
    section = {
        "complainedRecipients": [{"emailAddress": address}],
        "complaintFeedbackType": more.pop("feedback_type", "abuse"),
        "feedbackId": more.pop("feedback_id", f"complaint-{email}"),
    }
    return _event(gateway, email, "Complaint", section, **more)


def delivery(gateway: Gateway, email: UUID, **more: Any) -> Any:
    """Return a delivery to the email's first recipient."""
    address = gateway.look_up.email(ROOT, email).recipients[0].email
    return _event(gateway, email, "Delivery", {"recipients": [address], "smtpResponse": "250 ok"}, **more)


def _event(
    gateway: Gateway,
    email: UUID,
    kind: str,
    section: dict[str, Any],
    *,
    ses_message_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    sent_later: bool = False,
) -> Any:
    view = gateway.look_up.email(ROOT, email)
    recipient = view.recipients[0]
    sent_at = recipient.updated_at if sent_later else view.created_at
    happened = (sent_at + timedelta(seconds=1)).isoformat()
    if tags is None:
        tags = {"postern_recipient": str(recipient.id)}
    return {
        "eventType": kind,
        kind.lower(): section | {"timestamp": happened},
        "mail": {
            "timestamp": sent_at.isoformat(),
            "messageId": ses_message_id or recipient.ses_message_id or f"unknown-{email}",
            "source": "invites@example.com",
            "destination": [recipient.email],
            "tags": {name: [value] for name, value in tags.items()},
        },
    }
