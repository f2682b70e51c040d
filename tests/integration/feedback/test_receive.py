"""Notifications taken in: only authentic ones, each once, stored before the answer."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from app.aws.sns.verifier import SnsMessage, SubscriptionConfirmer
from app.domain.errors import MalformedNotification, NotAuthentic, ServiceUnavailable
from app.queue import SETTLE
from app.services.feedback.receive import Receipt
from app.store.engine.database import Database
from app.wiring.gateway import Gateway, build
from tests.support.aws import sns_signing
from tests.support.aws.notifications import bounced, know_the_certificate, receiver
from tests.support.aws.sns_signing import Envelope
from tests.support.gateway.gateways import ScriptedMailer, settings_for
from tests.support.gateway.rows import count, rows

BOUNCE = json.dumps(bounced("kim@example.net", message="m1"))


@dataclass
class Confirmer:
    """Stands in for the SNS client that confirms: the contract of `SubscriptionConfirmer`."""

    confirmed: list[str] = field(default_factory=list)
    away: bool = False

    def confirm(self, message: SnsMessage) -> str:
        if self.away:
            raise ServiceUnavailable("SNS could not be asked.")
        self.confirmed.append(message.topic_arn)
        return f"{message.topic_arn}:1"


@pytest.fixture
def gateway(migrated_url: str, redis_url: str) -> Iterator[Gateway]:
    """A gateway with the tests' topic and the certificate of its signer."""
    settings = settings_for(migrated_url, redis_url, aws_region="us-west-2", sns_topic_arns=sns_signing.TOPIC_ARN)
    built = build(settings, mailer=ScriptedMailer())
    know_the_certificate(built, topic_arn=sns_signing.TOPIC_ARN)
    yield built
    built.close()


def receive(gateway: Gateway, envelope: Envelope) -> Receipt:
    assert gateway.receive is not None
    return gateway.receive(sns_signing.body(envelope), sns_signing.headers(envelope))


def confirming(gateway: Gateway, confirmer: Confirmer) -> Gateway:
    """The gateway with this stand-in for SNS where it confirms a subscription."""
    stand_in = cast("SubscriptionConfirmer", confirmer)
    return replace(gateway, receive=receiver(gateway, topic_arn=sns_signing.TOPIC_ARN, confirmer=stand_in))


def test_a_notification_is_stored_as_it_came_and_the_bell_is_rung(gateway: Gateway) -> None:
    """The raw text is in the database before the answer; a worker settles it later."""
    envelope = sns_signing.signer().notification(BOUNCE)
    assert receive(gateway, envelope) is Receipt.STORED
    [row] = rows(gateway, "notifications")
    assert (row["sns_message_id"], row["raw"], row["state"]) == (envelope["MessageId"], BOUNCE, "new")
    assert row["topic_arn"] == sns_signing.TOPIC_ARN
    assert gateway.redis.exists(f"postern:bell:{SETTLE.name}")
    assert count(gateway, "suppressions") == 0


def test_a_notification_that_comes_twice_is_stored_once(gateway: Gateway) -> None:
    """SNS delivers at least once, and may deliver two copies at the same moment."""
    envelope = sns_signing.signer().notification(BOUNCE)
    with ThreadPoolExecutor(8) as threads:
        receipts = [each.result() for each in [threads.submit(receive, gateway, envelope) for _ in range(8)]]
    assert sorted(receipts) == [Receipt.DUPLICATE] * 7 + [Receipt.STORED]
    assert count(gateway, "notifications") == 1


@pytest.mark.parametrize(
    "forged",
    [
        lambda: sns_signing.forger().notification(BOUNCE),
        lambda: sns_signing.signer().notification(BOUNCE, topic_arn=sns_signing.OTHER_ACCOUNTS_TOPIC_ARN),
        lambda: sns_signing.signer().notification(BOUNCE) | {"Message": BOUNCE.replace("kim", "ann")},
        lambda: sns_signing.signer().notification(BOUNCE, version=1),
    ],
    ids=["key", "topic", "text", "version"],
)
def test_a_forged_notification_leaves_no_trace(gateway: Gateway, forged: object) -> None:
    """Another key, another topic, another text, a signature that is too weak: refused, and nothing is stored."""
    with pytest.raises((NotAuthentic, MalformedNotification, ServiceUnavailable)):
        receive(gateway, forged())  # type: ignore[operator]
    assert count(gateway, "notifications") == 0


@pytest.mark.parametrize(
    "message", [" ", "no json at all", "{}", '{"eventType": "OfSomeLaterYear"}', "€" * 1000], ids=range(5)
)
def test_an_authentic_notification_of_any_shape_is_stored(gateway: Gateway, message: str) -> None:
    """A later version may read what this one cannot, so it is stored and set aside for a person."""
    assert receive(gateway, sns_signing.signer().notification(message)) is Receipt.STORED
    gateway.settle.drain()
    assert [row["state"] for row in rows(gateway, "notifications")] == ["quarantined"]


def test_while_the_database_is_away_sns_is_asked_to_retry(gateway: Gateway) -> None:
    """No 2xx is answered for a notification that was not committed."""
    nowhere = Database("sqlite:////nowhere/at/all.db")
    receives = receiver(gateway, topic_arn=sns_signing.TOPIC_ARN, database=nowhere)
    with pytest.raises(ServiceUnavailable):
        receive(replace(gateway, receive=receives), sns_signing.signer().notification(BOUNCE))


def test_a_subscription_is_confirmed_through_the_api(gateway: Gateway) -> None:
    """Only for our own topic, and by SNS's API: the URL in the message is never called."""
    confirmer = Confirmer()
    gateway = confirming(gateway, confirmer)
    assert receive(gateway, sns_signing.signer().subscription_confirmation()) is Receipt.CONFIRMED
    assert confirmer.confirmed == [sns_signing.TOPIC_ARN]
    confirmer.away = True
    with pytest.raises(ServiceUnavailable):
        receive(gateway, sns_signing.signer().subscription_confirmation())


def test_the_end_of_the_subscription_is_an_incident(gateway: Gateway) -> None:
    """Without notifications no address is suppressed any more, so a person has to know."""
    confirmer = Confirmer()
    gateway = confirming(gateway, confirmer)
    for _ in range(2):
        receipt = receive(gateway, sns_signing.signer().unsubscribe_confirmation())
        assert receipt is Receipt.UNSUBSCRIBED
    [incident] = rows(gateway, "incidents")
    assert (incident["kind"], incident["subject"]) == ("feedback_unsubscribed", sns_signing.TOPIC_ARN)
    assert incident["count"] == 2
    assert confirmer.confirmed == []


def test_a_gateway_without_topics_receives_nothing(migrated_sqlite_url: str, redis_url: str) -> None:
    """A worker needs no topic, and without one nothing can be taken in by accident."""
    built = build(settings_for(migrated_sqlite_url, redis_url, sns_topic_arns=""))
    assert built.receive is None
    built.close()
