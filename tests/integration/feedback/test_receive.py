"""Notifications taken in: only authentic ones, each once, stored before they are answered."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.aws.sns import SnsMessage
from app.domain.errors import MalformedNotification, NotAuthentic, ServiceUnavailable
from app.queue import SETTLE
from app.services.receive import Receipt, Receive
from app.services.store_news import StoreNews
from app.store.db import Database
from app.wiring import Gateway, build
from tests import signing
from tests.feedback import bounced
from tests.gateways import ScriptedMailer, settings_for
from tests.rows import count, rows
from tests.signing import Envelope

NEWS = json.dumps(bounced("kim@example.net", message="m1"))


@dataclass
class Confirmer:
    """SNS, asked to confirm: the contract of `SubscriptionConfirmer`."""

    confirmed: list[str] = field(default_factory=list)
    away: bool = False

    def confirm(self, message: SnsMessage) -> str:
        if self.away:
            raise ServiceUnavailable("SNS could not be asked.")
        self.confirmed.append(message.topic_arn)
        return f"{message.topic_arn}:1"


@pytest.fixture
def gateway(migrated_url: str, redis_url: str, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that listens to the tests' topic and knows the certificate of its signer."""
    pem = tmp_path / "signing.pem"
    pem.write_bytes(signing.signer().certificate_pem)
    settings = settings_for(
        migrated_url,
        redis_url,
        aws_region="us-west-2",
        sns_topic_arns=signing.TOPIC_ARN,
        sns_pinned_certificate=pem,
    )
    built = build(settings, mailer=ScriptedMailer())
    yield built
    built.close()


def receive(gateway: Gateway, envelope: Envelope) -> Receipt:
    assert gateway.receive is not None
    return gateway.receive(signing.body(envelope), signing.headers(envelope))


def confirming(gateway: Gateway, confirmer: Confirmer) -> Receive:
    assert gateway.receive is not None
    gateway.receive._confirmer = confirmer  # type: ignore[assignment]
    return gateway.receive


def test_news_is_stored_as_it_came_and_the_bell_is_rung(gateway: Gateway) -> None:
    """The raw text is in the database before the answer; what follows from it is somebody else's work."""
    envelope = signing.signer().notification(NEWS)
    assert receive(gateway, envelope) is Receipt.STORED
    [row] = rows(gateway, "feedback")
    assert (row["sns_message_id"], row["raw"], row["state"]) == (envelope["MessageId"], NEWS, "new")
    assert row["topic_arn"] == signing.TOPIC_ARN
    assert gateway.redis.exists(f"postern:bell:{SETTLE.name}")
    assert count(gateway, "suppressions") == 0


def test_what_comes_twice_is_stored_once(gateway: Gateway) -> None:
    """SNS delivers at least once, and perhaps at once."""
    envelope = signing.signer().notification(NEWS)
    with ThreadPoolExecutor(8) as threads:
        receipts = [each.result() for each in [threads.submit(receive, gateway, envelope) for _ in range(8)]]
    assert sorted(receipts) == [Receipt.DUPLICATE] * 7 + [Receipt.STORED]
    assert count(gateway, "feedback") == 1


@pytest.mark.parametrize(
    "forged",
    [
        lambda: signing.forger().notification(NEWS),
        lambda: signing.signer().notification(NEWS, topic_arn=signing.OTHER_ACCOUNTS_TOPIC_ARN),
        lambda: signing.signer().notification(NEWS) | {"Message": NEWS.replace("kim", "ann")},
        lambda: signing.signer().notification(NEWS, version=1),
    ],
    ids=["key", "topic", "text", "version"],
)
def test_what_is_not_authentic_leaves_no_trace(gateway: Gateway, forged: object) -> None:
    """Another key, another topic, another text, a signature that is too weak: refused, and nothing stored."""
    with pytest.raises((NotAuthentic, MalformedNotification)):
        receive(gateway, forged())  # type: ignore[operator]
    assert count(gateway, "feedback") == 0


@pytest.mark.parametrize(
    "message", [" ", "no json at all", "{}", '{"eventType": "OfSomeLaterYear"}', "€" * 1000], ids=range(5)
)
def test_authentic_news_of_any_shape_is_stored(gateway: Gateway, message: str) -> None:
    """What this version cannot read, a later one may."""
    assert receive(gateway, signing.signer().notification(message)) is Receipt.STORED
    gateway.settle.drain()
    assert [row["state"] for row in rows(gateway, "feedback")] == ["processed"]


def test_a_database_that_is_away_is_an_answer_that_sns_repeats(gateway: Gateway) -> None:
    """Nothing is answered 2xx that was not committed."""
    assert gateway.receive is not None
    gateway.receive._store_news = StoreNews(Database("sqlite:////nowhere/at/all.db"))
    with pytest.raises(ServiceUnavailable):
        receive(gateway, signing.signer().notification(NEWS))


def test_a_subscription_is_confirmed_through_the_api(gateway: Gateway) -> None:
    """Of our own topic only, and by SNS itself: the URL in the message is never asked."""
    confirmer = Confirmer()
    confirming(gateway, confirmer)
    assert receive(gateway, signing.signer().subscription_confirmation()) is Receipt.CONFIRMED
    assert confirmer.confirmed == [signing.TOPIC_ARN]
    confirmer.away = True
    with pytest.raises(ServiceUnavailable):
        receive(gateway, signing.signer().subscription_confirmation())


def test_the_end_of_the_feed_is_an_incident(gateway: Gateway) -> None:
    """Without feedback nobody is suppressed any more: a person has to know."""
    confirmer = Confirmer()
    confirming(gateway, confirmer)
    for _ in range(2):
        receipt = receive(gateway, signing.signer().unsubscribe_confirmation())
        assert receipt is Receipt.UNSUBSCRIBED
    [incident] = rows(gateway, "incidents")
    assert (incident["kind"], incident["subject"]) == ("feedback_unsubscribed", signing.TOPIC_ARN)
    assert incident["count"] == 2
    assert confirmer.confirmed == []


def test_a_gateway_without_topics_receives_nothing(migrated_sqlite_url: str, redis_url: str) -> None:
    """A worker needs no topic; there is nothing that it could take in by accident."""
    built = build(settings_for(migrated_sqlite_url, redis_url, sns_topic_arns=""))
    assert built.receive is None
    built.close()
