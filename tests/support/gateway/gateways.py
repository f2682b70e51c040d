"""Gateways for tests: a migrated database, a real Redis, an application with a key, a scripted mailer."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from alembic import command
from pydantic_settings import PydanticBaseSettingsSource

from app.aws.ses.account import SesAccount
from app.domain.apps.callers import Caller, Scope
from app.domain.sending.call_outcome import Accepted, Envelope, Outcome
from app.services.apps.authenticate import caller_of
from app.services.apps.issue_keys import Issued
from app.wiring.gateway import Gateway, build
from app.wiring.migrations import alembic_config
from config import Settings

TOPIC = "arn:aws:sns:us-east-1:123456789012:postern-feedback"
SECRET_KEY = "tests-only-0123456789abcdefghijklmnopqrstuv"

_NOT_BY_DEFAULT = frozenset({Scope.ADMIN, Scope.SES, Scope.SMTP})


@dataclass
class ScriptedMailer:
    """Answers calls as the test says, by recipient, and keeps every envelope; see `app.aws.ses.mailer.Mailer`."""

    answers: dict[str, Outcome] = field(default_factory=dict)
    sent: list[Envelope] = field(default_factory=list)

    def send(self, envelope: Envelope) -> Outcome:
        """Return the scripted outcome, by default acceptance with a new message id."""
        self.sent.append(envelope)
        return self.answers.get(envelope.recipient, Accepted(f"ses-{len(self.sent):06d}-{envelope.recipient}"))


class GivenSettings(Settings):
    """Settings that are not looked for in the environment, which takes longer than all else about them."""

    @classmethod
    def settings_customise_sources(cls, *_settings: Any, **sources: Any) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given."""
        return (sources["init_settings"],)


def settings_for(database_url: str, redis_url: str, **more: Any) -> Settings:
    """Return the settings of a gateway for tests; `more` overrides any of them."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "redis_url": redis_url,
        "secret_keys": SECRET_KEY,
        "sns_topic_arns": TOPIC,
        "ses_max_send_rate": 5000.0,
        "ses_configuration_set": "postern",
        "ses_list_sync": "off",
        "ses_threads": 4,
        "flight_dir": Path(gettempdir()) / f"postern-flight-of-tests-{os.getuid()}",
    }
    return GivenSettings(**values | more)


def migrate(database_url: str) -> None:
    """Migrate an empty database to the newest revision."""
    command.upgrade(alembic_config(database_url), "head")


@contextmanager
def gateway_on(
    database_url: str,
    redis_url: str,
    *,
    mailer: ScriptedMailer | None = None,
    account: SesAccount | None = None,
    **more: Any,
) -> Iterator[Gateway]:
    """Yield a gateway on a migrated database; `mailer` and `account` answer in place of SES."""
    with TemporaryDirectory() as flight_dir:
        settings = settings_for(database_url, redis_url, **{"flight_dir": flight_dir} | more)
        with closing(build(settings, mailer=mailer or ScriptedMailer(), account=account)) as gateway:
            yield gateway


@contextmanager
def another_process(gateway: Gateway, *, account: SesAccount, **more: Any) -> Iterator[Gateway]:
    """Yield the gateway of another process, on the same database and Redis, with the same mailer.

    `account` answers in place of the one at SES; `more` overrides settings.
    """
    settings, mailer = gateway.settings.model_copy(update=more), gateway.deliver.parts.calls.call.parts.mailer
    with closing(build(settings, mailer=mailer, account=account)) as other:
        yield other


def issue(gateway: Gateway, *, app: str = "invites", scopes: frozenset[Scope] | None = None, **more: Any) -> Issued:
    """Issue a key of an application that may send from `@example.com`; by default neither admin nor a door."""
    return gateway.issue_keys.create(
        actor="test",
        app=app,
        name="tests",
        scopes=scopes if scopes is not None else frozenset(Scope) - _NOT_BY_DEFAULT,
        senders=more.pop("senders", ("@example.com",)),
        **more,
    )


def caller(gateway: Gateway, **more: Any) -> Caller:
    """Return the caller of a new key."""
    return caller_of(issue(gateway, **more).key)


def replace_parts(gateway: Gateway, **parts: Any) -> None:
    """Have the drains of this gateway work with other parts from now on."""
    gateway.deliver.parts = replace(gateway.deliver.parts, **parts)


def replace_call_parts(gateway: Gateway, **parts: Any) -> None:
    """Have the calls of this gateway work with other parts from now on."""
    call = gateway.deliver.parts.calls.call
    call.parts = replace(call.parts, **parts)
