"""Mails and the feedback about them, for tests: one line to submit, one line to let SES speak."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.domain.address import parse_mailbox
from app.domain.callers import Caller
from app.domain.delivery import State
from app.domain.mime import Message
from app.queue import Lane
from app.services.accept import Idempotency, Submission
from app.services.authenticate import operator
from app.services.envelopes import Letter
from app.store.claims import Claim, Mine, Wanted, claim
from app.store.letters import drafts
from app.wiring import Gateway
from tests.feedback import put
from tests.gateways import caller

ROOT = operator("test")


def submission(
    *to: str, lane: Lane | None = None, sender: str = "Invites <invites@example.com>", **more: Any
) -> Submission:
    """A small invitation to these addresses."""
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


def submit(
    gateway: Gateway, who: Caller, *to: str, lane: Lane | None = None, idempotency: str | None = None, **more: Any
) -> UUID:
    """Submit an invitation; its id."""
    mail = submission(*to, lane=lane, **more)
    assert gateway.accept.faults(who, mail) == ()
    key = Idempotency(idempotency, bytes(32)) if idempotency else None
    answer = gateway.accept(who, [mail], idempotency=key, answer=lambda receipts: {"id": str(receipts[0].id)})
    return UUID(answer.body["id"])


def state_of(gateway: Gateway, mail: UUID) -> State:
    """The state of the first recipient."""
    return State(gateway.look_up.email(ROOT, mail).recipients[0].state)


def take(gateway: Gateway, *, limit: int = 100, lane: Lane = Lane.TRANSACTIONAL, probe: str | None = None) -> Claim:
    """Claim due mail as a worker does, and commit."""
    with gateway.database.transaction() as connection:
        return claim(connection, Wanted(lane=lane, limit=limit, lease=timedelta(seconds=60), probe=probe))


def claimed(gateway: Gateway, address: str) -> tuple[Mine, Letter]:
    """A mail to this address that a worker has claimed and opened."""
    submit(gateway, caller(gateway), address)
    (mine,) = take(gateway).mails
    with gateway.database.asking() as connection:
        [draft] = drafts(connection, [mine.recipient.email_id])
    return mine, Letter(draft, gateway.deliver._parts.key_ring, links=gateway.deliver._parts.links)


def feed(gateway: Gateway, event: Mapping[str, Any], *, times: int = 1) -> None:
    """Put a verified notification into the inbox, `times` under ids of their own, and settle it."""
    put(gateway, *[json.dumps(event)] * times)
    gateway.settle.drain()


def bounce(gateway: Gateway, mail: UUID, *, subtype: str = "General", kind: str = "Permanent", **more: Any) -> Any:
    """A bounce of the mail's first recipient, as SES publishes it."""
    address = gateway.look_up.email(ROOT, mail).recipients[0].email
    status = {"action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
    if kind == "Transient":
        status = {"action": "failed", "status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 mailbox full"}
    section = {
        "bounceType": kind,
        "bounceSubType": subtype,
        "bouncedRecipients": [{"emailAddress": address, **status}],
        "feedbackId": more.pop("feedback_id", f"bounce-{mail}"),
    }
    return _event(gateway, mail, "Bounce", section, **more)


def complaint(gateway: Gateway, mail: UUID, **more: Any) -> Any:
    """A complaint of the mail's first recipient."""
    address = gateway.look_up.email(ROOT, mail).recipients[0].email
    section = {
        "complainedRecipients": [{"emailAddress": address}],
        "complaintFeedbackType": more.pop("feedback_type", "abuse"),
        "feedbackId": more.pop("feedback_id", f"complaint-{mail}"),
    }
    return _event(gateway, mail, "Complaint", section, **more)


def delivery(gateway: Gateway, mail: UUID, **more: Any) -> Any:
    """A delivery to the mail's first recipient."""
    address = gateway.look_up.email(ROOT, mail).recipients[0].email
    return _event(gateway, mail, "Delivery", {"recipients": [address], "smtpResponse": "250 ok"}, **more)


def _event(
    gateway: Gateway,
    mail: UUID,
    kind: str,
    section: dict[str, Any],
    *,
    ses_message_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    sent_later: bool = False,
) -> Any:
    view = gateway.look_up.email(ROOT, mail)
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
            "messageId": ses_message_id or recipient.ses_message_id or f"unknown-{mail}",
            "source": "invites@example.com",
            "destination": [recipient.email],
            "tags": {name: [value] for name, value in tags.items()},
        },
    }
