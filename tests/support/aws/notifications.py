"""Notifications as SES writes them, about emails that need not exist, for tests that feed many in any order."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from app.aws.clients import sns_client
from app.aws.sns.certificate_cache import KeptCertificate
from app.aws.sns.certificates import PinnedCertificate
from app.aws.sns.verifier import SnsVerifier, SubscriptionConfirmer
from app.services.feedback.receive import Receive
from app.services.feedback.shared_certificates import PURPOSE, SharedCertificates
from app.store.engine.clock import host_clock
from app.store.engine.database import Database, clock
from app.store.engine.ids import new_id
from app.store.feedback import notifications
from app.store.feedback.notifications import NewNotification
from app.store.submission.sealing import KeyRing
from app.wiring.gateway import Gateway
from tests.support.aws import sns_signing
from tests.support.gateway.gateways import TOPIC

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
HARD = {"action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
SOFT = {"action": "failed", "status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 mailbox full"}

Event = dict[str, Any]


def event(
    kind: str,
    section: Mapping[str, Any],
    *,
    message: str,
    to: Iterable[str],
    at: datetime = EPOCH,
    sent_at: datetime | None = None,
    tags: Mapping[str, str] | None = None,
) -> Event:
    """Return an event of a configuration set about the email with the SES message id `message`."""
    key = {"DeliveryDelay": "deliveryDelay"}.get(kind, kind.lower())
    return {
        "eventType": kind,
        key: dict(section) | {"timestamp": at.isoformat()},
        "mail": {
            "timestamp": (sent_at or at).isoformat(),
            "messageId": message,
            "source": "invites@example.com",
            "destination": list(to),
            "tags": {name: [value] for name, value in (tags or {}).items()},
        },
    }


def bounced(address: str, *, message: str, kind: str = "Permanent", subtype: str = "General", **more: Any) -> Event:
    """Return a bounce of an address, soft if `kind` is `Transient`; `to` sets another address as the destination."""
    fields = more.pop("fields", SOFT if kind == "Transient" else HARD)
    section = {
        "bounceType": kind,
        "bounceSubType": subtype,
        "bouncedRecipients": [{"emailAddress": address, **fields}],
        "feedbackId": more.pop("feedback_id", f"bounce-{message}"),
    }
    return event("Bounce", section, message=message, to=more.pop("to", [address]), **more)


def complained(address: str | None, *, message: str, **more: Any) -> Event:
    """Return a complaint of one address, or one without an address."""
    section = {
        "complainedRecipients": [{"emailAddress": address}] if address else [],
        "complaintFeedbackType": more.pop("feedback_type", "abuse"),
        "feedbackId": more.pop("feedback_id", f"complaint-{message}"),
    }
    return event("Complaint", section, message=message, to=more.pop("to", [address]), **more)


def delivered(address: str, *, message: str, **more: Any) -> Event:
    """Return a delivery to one address."""
    return event("Delivery", {"recipients": [address]}, message=message, to=[address], **more)


def know_the_certificate(gateway: Gateway, *, topic_arn: str = TOPIC, pem: bytes | None = None) -> str:
    """Store the certificate of the tests' signer as if it had just been fetched, and return its URL."""
    url = sns_signing.certificate_url(topic_arn)
    with gateway.database.reading() as connection:
        kept = KeptCertificate(pem or sns_signing.signer().certificate_pem, clock(connection))
    ring = KeyRing([key.get_secret_value() for key in gateway.settings.secret_keys])
    shelf = SharedCertificates(gateway.database, keys=ring.derive_each(PURPOSE))
    shelf.keep(url, kept, until=sns_signing.VALID_TO)
    return url


def receiver(
    gateway: Gateway,
    *,
    topic_arn: str = TOPIC,
    confirmer: SubscriptionConfirmer | None = None,
    database: Database | None = None,
) -> Receive:
    """Return a service that receives for this topic and has the certificate of the tests' signer.

    `confirmer` stands in for SNS where a subscription is confirmed; `database` for that of the gateway.
    """
    pem = sns_signing.signer().certificate_pem
    verifier = SnsVerifier(
        topic_arns=frozenset({topic_arn}),
        certificates=PinnedCertificate(pem, clock=host_clock),
        minimum_version=gateway.settings.sns_signature_version,
        clock=host_clock,
    )
    return Receive(
        database=database or gateway.database,
        verifier=verifier,
        confirmer=confirmer or SubscriptionConfirmer(clients=sns_client),
        bells=gateway.deliver.parts.bells,
    )


def put(gateway: Gateway, *payloads: str) -> None:
    """Store raw payloads as verified notifications, each under a new SNS id."""
    with gateway.database.transaction() as connection:
        notifications.store(connection, [_new(raw, clock(connection)) for raw in payloads])


def _new(raw: str, at: datetime) -> NewNotification:
    return NewNotification(
        id=new_id(), sns_message_id=str(uuid4()), topic_arn=TOPIC, kind="Notification", raw=raw, published_at=at
    )


def fresh_address() -> str:
    """Return an address that no other test, and no other example of a test, has used."""
    return f"r{new_id().hex}@example.net"
