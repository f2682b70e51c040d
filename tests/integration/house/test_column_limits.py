"""Each column of limited length takes the longest value that may reach it from outside.

The tests use PostgreSQL, which enforces the limits. SQLite stores any length, so a column that is too short shows only
in production. Add each new limited column to `tests.support.database.column_limits`: with the vocabulary that it holds,
or with the longest legal value and the scenario that stores it.
"""

import json
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, cast

import pytest
from sqlalchemy import String, func, select

from app.aws.ses.account import Quota, SesAccount, Suppressed, SuppressedPage
from app.domain.errors import ValidationFailed
from app.domain.reporting.outcome_links import LinkKind
from app.domain.sending.call_outcome import Accepted, Outcome, Tripped
from app.domain.suppression.rules import Origin
from app.domain.users.roles import Role
from app.domain.webhooks.formats import EndpointFormat
from app.queue import Lane
from app.services.apps.app_options import AppOptions
from app.services.apps.authenticate import operator
from app.services.operating.sweeps import Sweep
from app.services.reporting.outcome_links import LinkWish
from app.services.suppression.review_bounces import Decision
from app.store.engine.database import clock
from app.store.tables.core import metadata
from app.wiring.gateway import Gateway, build
from config import SesListSync
from tests.support.aws import sns_signing
from tests.support.aws.notifications import bounced, put
from tests.support.aws.quotas import quota
from tests.support.database.column_limits import (
    ACTOR,
    ADDRESS,
    APP,
    AT_SES,
    DOMAIN,
    HOST,
    IDEMPOTENCY,
    LONGEST,
    MESSAGE,
    MESSAGE_OF_EVENT,
    OURS,
    QUEUE,
    REPORTED,
    SCOPE,
    SENDER,
    SQS_MESSAGE,
    STREAM,
    TOPIC,
    USER,
)
from tests.support.gateway.emails import ROOT, feed, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, settings_for
from tests.support.gateway.rows import count, rows


def limited() -> dict[str, int]:
    """Every column of limited length, and its limit."""
    return {
        f"{table.name}.{column.name}": column.type.length
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, String) and column.type.length is not None
    }


@dataclass
class Account:
    """SES's account with its suppression list only: the contract of `SesAccount`."""

    entries: tuple[Suppressed, ...] = ()
    removed: list[str] = field(default_factory=list)

    def list_suppressed(self, _page: str | None = None, **_: Any) -> SuppressedPage:
        return SuppressedPage(self.entries, None)

    def quota(self) -> Quota:
        return quota()

    def get_suppressed(self, _address: str) -> None:
        return None

    def remove_suppressed(self, address: str) -> bool:
        self.removed.append(address)
        return True


class Sqs:
    """A queue with one message, under a longer id than SQS gives: the contract of boto3's client."""

    def receive_message(self, **_: Any) -> dict[str, Any]:
        return {"Messages": [{"MessageId": SQS_MESSAGE + "m", "ReceiptHandle": "r", "Body": "no JSON"}]}

    def delete_message_batch(self, **_: Any) -> dict[str, Any]:
        return {"Successful": [{"Id": "0"}]}


@pytest.fixture
def mailer() -> ScriptedMailer:
    return ScriptedMailer(answers={ADDRESS: Accepted(MESSAGE)})


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def gateway(
    migrated_postgres_url: str,
    redis_url: str,
    mailer: ScriptedMailer,
    account: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Gateway]:
    """A gateway on PostgreSQL that listens to the topic with the longest ARN and takes two bounces for a burst."""
    monkeypatch.setattr("app.wiring.feedback.sqs_client", lambda _: Sqs())
    pem = tmp_path / "signing.pem"
    pem.write_bytes(sns_signing.signer("sns-us-gov-west-1.amazonaws.com").certificate_pem)
    settings = settings_for(
        migrated_postgres_url,
        redis_url,
        flight_dir=tmp_path / "flight",
        aws_region="us-gov-west-1",
        sns_topic_arns=TOPIC,
        sqs_queue_urls=f"https://sqs.us-gov-west-1.amazonaws.com/123456789012/{QUEUE}",
        sns_pinned_certificate=pem,
        review_bounces=2,
        public_url="https://mail.example.com",
        ses_list_sync=SesListSync.PULL,
    )
    built = build(settings, mailer=mailer, account=cast("SesAccount", account))
    yield built
    built.close()


def now(gateway: Gateway) -> Any:
    with gateway.database.reading() as connection:
        return clock(connection)


def a_mail_is_sent(gateway: Gateway, _mailer: ScriptedMailer, _account: Account) -> None:
    """The longest application, stream, sender and key send an email to the longest address."""
    who = caller(gateway, app=APP, senders=("*",))
    about: dict[str, Any] = {name: LONGEST[f"emails.{name}"] for name in ("actor", "reference", "supersedes")}
    submit(gateway, who, ADDRESS, sender=SENDER, stream=STREAM, idempotency=IDEMPOTENCY, **about)
    assert gateway.deliver.drain(Lane.TRANSACTIONAL).reported == 1
    gateway.issue_keys.create(actor="test", app=APP, name="k" * 100, scopes=frozenset())


def a_sender_is_held_back(gateway: Gateway, mailer: ScriptedMailer, _account: Account) -> None:
    """SES answers that the domain of this sender is not verified."""
    who = caller(gateway, app="other", senders=("*",))
    answer: Outcome = Tripped(f"sender:{DOMAIN}", "not verified")
    mailer.answers["kim@example.net"] = answer
    submit(gateway, who, "kim@example.net", sender=SENDER)
    gateway.deliver.drain(Lane.TRANSACTIONAL)


def events_are_settled(gateway: Gateway, _mailer: ScriptedMailer, _account: Account) -> None:
    """Three bounces: a plain one, one for our reputation, and one with the longest id that names an invalid address."""
    at = now(gateway)
    policy = {"action": "failed", "status": "5.7.1", "diagnosticCode": "smtp; 550 5.7.1 blocked by policy, see our RBL"}
    feed(gateway, bounced(ADDRESS, message="gone", at=at))
    feed(gateway, bounced(f"q@{DOMAIN}", message="policy", at=at, fields=policy))
    feed(gateway, bounced(REPORTED, message=MESSAGE_OF_EVENT, at=at, to=["a@example.net", "b@example.net"]))
    assert {row["subject"] for row in rows(gateway, "incidents")} == {f"{DOMAIN}: block-list"}


def a_burst_is_reviewed(gateway: Gateway, _mailer: ScriptedMailer, _account: Account) -> None:
    """Two addresses of the longest domain bounce at once; the operator with the longest name decides."""
    for number in (1, 2):
        put(gateway, json.dumps(bounced(f"{number}@{DOMAIN}", message=f"burst{number}", at=now(gateway))))
    gateway.settle.drain()
    assert gateway.upkeep.run(Sweep.REVIEWS) == 2
    assert gateway.reviews.decide(operator(USER), DOMAIN, Decision.CONFIRM, reason="They closed.") == 2


def a_topic_is_left(gateway: Gateway, _mailer: ScriptedMailer, _account: Account) -> None:
    """A notification of the longest topic arrives, and the subscription to that topic ends."""
    assert gateway.receive is not None
    signer = sns_signing.signer("sns-us-gov-west-1.amazonaws.com")
    for envelope in (
        signer.notification("{}", topic_arn=TOPIC, message_id=LONGEST["notifications.sns_message_id"]),
        signer.unsubscribe_confirmation(topic_arn=TOPIC),
    ):
        gateway.receive(sns_signing.body(envelope), sns_signing.headers(envelope))


def the_operator_is_alerted(gateway: Gateway, _mailer: ScriptedMailer, _account: Account) -> None:
    """To all that is open."""
    gateway.alert_channels.add(operator(USER), "https://hooks.example.com/", EndpointFormat.SLACK)
    gateway.upkeep.run(Sweep.ALERTS)


def a_message_of_a_queue_is_refused(gateway: Gateway, _mailer: ScriptedMailer, _account: Account) -> None:
    """A message with the longest id comes from the queue with the longest name."""
    assert gateway.queue_intakes[0].turn() == 0.0


def a_person_acts(gateway: Gateway, _mailer: ScriptedMailer, _account: Account) -> None:
    """An operator with the longest name suppresses the longest address in the longest scope, and unsuppresses it."""
    who = operator(USER)
    application = caller(gateway, app=APP, senders=("*",))
    gateway.suppress.add(who, ADDRESS, scope=SCOPE, reason="r" * 500)
    gateway.suppress.add(who, f"@{DOMAIN}", reason="r" * 500)
    gateway.unsuppress(who, ADDRESS, scope=SCOPE, reason="r" * 500, force=True)
    gateway.streams.set(who, APP, STREAM, title="T" * 200)
    gateway.apps.change(who, APP, AppOptions(default_stream=STREAM))
    wish = LinkWish(kind=LinkKind.TAG, value=LONGEST["outcome_links.value"], title="L" * 200)
    gateway.reporting.outcome_links.create(replace(application, actor=ACTOR), wish)


def workers_are_alive(gateway: Gateway, _mailer: ScriptedMailer, _account: Account) -> None:
    """One worker is on a host with the longest name that Linux allows, one on the longest name that the DNS allows."""
    for host in (HOST, "d" * 253):
        gateway.workforce.beat(f"{host}:4194304")
        gateway.workforce.was_reached(f"{host}:4194304")
    assert gateway.workforce.last_reached("d" * 253 + ":4194304") is not None


def the_list_of_ses_is_read(gateway: Gateway, _mailer: ScriptedMailer, account: Account) -> None:
    """The list has the longest address, and names that no column can hold: those do not cost the rest of the page."""
    at = now(gateway) - timedelta(days=1)
    names = (ADDRESS, AT_SES, "w" * 400 + "@", "Somebody " * 40 + "<kim@example.org>", "N\0N \ud800 <lee@example.org>")
    account.entries = tuple(Suppressed(address=one, reason="COMPLAINT", updated_at=at) for one in names)
    gateway.sync.sweep()
    with gateway.database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(metadata.tables["ses_suppressions"])) == 4
    listed = {row["key"] for row in rows(gateway, "suppressions", origin=Origin.SES_ACCOUNT)}
    assert {"kim@example.org", "lee@example.org"} <= listed


def counts_are_folded(gateway: Gateway, _mailer: ScriptedMailer, _account: Account) -> None:
    """The longest stream has counts of its hour and its day, and some that are not folded yet."""
    who = caller(gateway, app=APP, senders=("*",))
    submit(gateway, who, ADDRESS, stream=STREAM)
    gateway.upkeep.run(Sweep.COUNTS)
    submit(gateway, who, ADDRESS, stream=STREAM)


def a_user_signs_in(gateway: Gateway, _mailer: ScriptedMailer, _account: Account) -> None:
    """The user with the longest name, of the OpenID provider with the longest issuer, from the longest browser."""
    issuer, subject, name = (LONGEST[f"users.{column}"] for column in ("oidc_issuer", "oidc_subject", "name"))
    gateway.users.sign_in.with_oidc(issuer, subject, name, Role.OPERATOR, user_agent="A" * 300)


SCENARIOS: Final[tuple[Callable[[Gateway, ScriptedMailer, Account], None], ...]] = (
    a_mail_is_sent,
    the_list_of_ses_is_read,
    a_sender_is_held_back,
    events_are_settled,
    a_burst_is_reviewed,
    a_topic_is_left,
    the_operator_is_alerted,
    a_message_of_a_queue_is_refused,
    a_person_acts,
    workers_are_alive,
    counts_are_folded,
    a_user_signs_in,
)


def test_every_column_of_limited_length_has_a_case() -> None:
    """A new column has to name the longest value that may reach it."""
    assert OURS.keys() | LONGEST.keys() == limited().keys()
    assert not OURS.keys() & LONGEST.keys()


def test_every_vocabulary_fits_its_column() -> None:
    """The longest word of each vocabulary fits."""
    limits = limited()
    assert {name: max(map(len, words)) for name, words in OURS.items() if max(map(len, words)) > limits[name]} == {}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_the_longest_legal_values_are_taken(
    gateway: Gateway, mailer: ScriptedMailer, account: Account, scenario: Callable[..., None]
) -> None:
    """Nothing fails, and no notification is set aside because of a length."""
    scenario(gateway, mailer, account)
    assert count(gateway, "notifications", state="quarantined") == 0
    assert count(gateway, "incidents", kind="poison_notification") == 0


def test_the_longest_legal_values_are_kept_whole(gateway: Gateway, mailer: ScriptedMailer, account: Account) -> None:
    """After all scenarios in one database, every limited column for outside text has held its longest value."""
    assert all(set(name) <= set(string.ascii_letters + "._") for name in LONGEST)
    for scenario in SCENARIOS:
        scenario(gateway, mailer, account)
    missing = [
        name
        for name, longest in LONGEST.items()
        if all(row[name.partition(".")[2]] != longest for row in rows(gateway, name.partition(".")[0]))
    ]
    assert missing == []


def test_a_pseudonym_that_is_longer_than_its_address_fits_in_its_place(gateway: Gateway) -> None:
    """Forgetting replaces a short address with a longer pseudonym; in a full column the text is cut."""
    who = caller(gateway, app=APP)
    submit(gateway, who, "a@b.co", idempotency="a@b.co " * 36)
    gateway.forget(ROOT, "a@b.co", reason="They asked.", ask_ses=False)
    assert "a@b.co" not in rows(gateway, "idempotency_keys")[0]["key"]


def test_a_name_of_a_key_that_is_too_long_is_refused_with_an_explanation(gateway: Gateway) -> None:
    """The refusal comes before the database is asked; SQLite would accept the name."""
    with pytest.raises(ValidationFailed, match="at most 100 characters"):
        gateway.issue_keys.create(actor="test", app=APP, name="k" * 101, scopes=frozenset())
