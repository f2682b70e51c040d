"""Gateways for tests: a migrated database, a real Redis, an application with a key, a mailer with a script."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from alembic import command

from app.domain.callers import Caller, Scope
from app.domain.outcome import Accepted, Envelope, Outcome
from app.services.authenticate import caller_of
from app.services.issue_keys import Issued
from app.wiring import Gateway, alembic_config, build
from config import Settings

TOPIC = "arn:aws:sns:us-east-1:123456789012:postern-feedback"
SECRET_KEY = "tests-only-0123456789abcdefghijklmnopqrstuv"


@dataclass
class ScriptedMailer:
    """Answers calls as the test says, by recipient, and keeps every envelope: the contract of `app.aws.ses.Mailer`."""

    answers: dict[str, Outcome] = field(default_factory=dict)
    sent: list[Envelope] = field(default_factory=list)

    def send(self, envelope: Envelope) -> Outcome:
        """The scripted outcome, or acceptance under a new message id."""
        self.sent.append(envelope)
        return self.answers.get(envelope.recipient, Accepted(f"ses-{len(self.sent):06d}-{envelope.recipient}"))


def settings_for(database_url: str, redis_url: str, **more: Any) -> Settings:
    """Settings of a gateway for tests; `more` overrides any of them."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "redis_url": redis_url,
        "secret_keys": SECRET_KEY,
        "sns_topic_arns": TOPIC,
        "ses_max_send_rate": 5000.0,
        "ses_configuration_set": "postern",
        "ses_list_sync": "off",
        "ses_threads": 4,
        "flight_dir": Path(gettempdir()) / "postern-flight-of-tests",
    }
    return Settings(_env_file=None, **values | more)


def migrate(database_url: str) -> None:
    """Bring an empty database to the newest revision."""
    command.upgrade(alembic_config(database_url), "head")


@contextmanager
def gateway_on(
    database_url: str, redis_url: str, *, mailer: ScriptedMailer | None = None, **more: Any
) -> Iterator[Gateway]:
    """A gateway on a migrated database, closed at the end; `mailer` answers in place of SES."""
    with TemporaryDirectory() as flight_dir:
        settings = settings_for(database_url, redis_url, **{"flight_dir": flight_dir} | more)
        gateway = build(settings, mailer=mailer or ScriptedMailer())
        try:
            yield gateway
        finally:
            gateway.close()


def issue(gateway: Gateway, *, app: str = "invites", scopes: frozenset[Scope] | None = None, **more: Any) -> Issued:
    """A key of an application that may send as `@example.com`; every scope but admin unless told otherwise."""
    return gateway.issue_keys.create(
        actor="test",
        app=app,
        name="tests",
        scopes=scopes if scopes is not None else frozenset(Scope) - {Scope.ADMIN},
        senders=more.pop("senders", ("@example.com",)),
        **more,
    )


def caller(gateway: Gateway, **more: Any) -> Caller:
    """The caller behind a new key."""
    return caller_of(issue(gateway, **more).key)
