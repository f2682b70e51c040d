"""The SMTP door of a gateway, and what its clients do."""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from app.domain.apps.callers import Caller
from app.services.apps.issue_keys import Issued
from app.smtp.door import Patience
from app.smtp.open_door import make_door, services_of
from app.wiring.gateway import Gateway
from tests.support.smtp.doors import RunningDoor, serving

FROM = "org@example.com"
MESSAGE = b"From: Org <org@example.com>\r\nTo: ann@example.net\r\nSubject: Invitation\r\n%s\r\nDo come.\r\n"
PLAIN = MESSAGE % b"Message-ID: <1@example.com>\r\n"


@contextmanager
def door_of(gateway: Gateway) -> Iterator[RunningDoor]:
    """The door, open for the block. Passwords may travel without TLS."""
    settings = gateway.settings.model_copy(update={"smtp_clear_auth_on_loopback": True})
    with serving(make_door(settings, services_of(gateway), patience=Patience())) as running:
        yield running


def credentials(key: Issued) -> tuple[str, str]:
    """The user name and the password of SMTP."""
    return key.access_key_id, key.secret


def accepted(gateway: Gateway, caller: Caller, answer: tuple[int, bytes]) -> list[tuple[str, str, str]]:
    """Kind, address and state of the recipients of the email that the reply names."""
    code, text = answer
    assert code == 250, text
    found = gateway.look_up.email(caller, UUID(text.decode().split()[4]))
    return [(one.kind, one.email, one.state) for one in found.recipients]


def data(client: smtplib.SMTP, recipients: list[str], message: bytes = PLAIN) -> tuple[int, bytes]:
    """The reply to a message to these recipients, all of them accepted."""
    client.mail(FROM)
    for one in recipients:
        assert client.rcpt(one)[0] == 250
    return client.data(message)
