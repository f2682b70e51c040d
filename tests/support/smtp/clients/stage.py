"""One gateway with a door for all clients, the accounts that they sign in with, and the emails that they send."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copy
from typing import Any
from unittest import mock

from app.domain.apps.callers import Scope
from app.domain.errors import ServiceUnavailable
from app.queue import Lane
from app.services.apps import trusted_keys
from app.smtp.door import Patience
from app.smtp.open_door import make_door, services_of
from app.wiring.gateway import Gateway
from tests.support.gateway.gateways import ScriptedMailer, gateway_on, issue
from tests.support.servers.tls import self_signed
from tests.support.smtp.doors import RunningDoor, serving

HOST = "127.0.0.1"
_SCOPES = frozenset({Scope.EMAILS_SEND, Scope.EMAILS_READ, Scope.SMTP})


@dataclass(frozen=True, slots=True)
class Account:
    """What an application has to change to send by Postern, and the certificate that its host trusts."""

    port: int
    user: str
    password: str
    trusted: Path


class Refused(Exception):
    """A client could not send; `said` is all that it lets its user know."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


@dataclass(frozen=True, slots=True)
class Stage:
    """A gateway whose SMTP door takes keys with TLS only."""

    gateway: Gateway
    mailer: ScriptedMailer
    door: RunningDoor
    trusted: Path

    def account(self, app: str = "invites") -> Account:
        """A new key of an application that may send from `@example.com`."""
        prefix, public_id, secret = issue(self.gateway, app=app, scopes=_SCOPES).token.split("_", 2)
        return Account(self.door.port, f"{prefix}_{public_id}", secret, self.trusted)

    def sent(self, subject: str) -> list[str]:
        """The recipients of the emails with this subject that SES has got by now."""
        self.gateway.deliver.drain(Lane.TRANSACTIONAL)
        line = f"Subject: {subject}\r\n".encode()
        return sorted(one.recipient for one in self.mailer.sent if line in one.raw)

    @contextmanager
    def database_away(self) -> Iterator[None]:
        """Have every transaction of the gateway fail, as when its database is not to be reached."""
        lost = mock.Mock(side_effect=ServiceUnavailable("The database is not available.", retry_after=1))
        database = self.gateway.database
        with mock.patch.object(database, "transaction", lost), mock.patch.object(database, "reading", lost):
            yield


@contextmanager
def stage_in(directory: Path, sqlite_template: Path, redis_url: str, **more: Any) -> Iterator[Stage]:
    """Run one on a fresh SQLite database in this directory; `more` overrides settings.

    It looks each key up each time, so that what an application may changes at once.
    """
    file = Path(copy(sqlite_template, directory / "postern.sqlite3"))
    trusted, _ = self_signed(directory, HOST)
    settings = {
        "smtp_certificate": trusted,
        "smtp_certificate_key": directory / "key.pem",
        "smtp_clear_auth_on_loopback": False,
        **more,
    }
    url, mailer = f"sqlite:///{file}", ScriptedMailer()
    at_once = mock.patch.object(trusted_keys, "_TRUSTED_FOR_S", 0.0)
    with at_once, gateway_on(url, redis_url, mailer=mailer, **settings) as gateway:
        door = make_door(gateway.settings, services_of(gateway), patience=Patience())
        with serving(door) as running:
            yield Stage(gateway, mailer, running, trusted)
