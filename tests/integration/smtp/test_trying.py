"""Keys for trying at the SMTP door of a real gateway."""

from collections.abc import Iterator

import pytest

from app.domain.apps.callers import Scope
from app.domain.apps.key_kinds import KeyKind
from app.services.apps.authenticate import caller_of, operator
from app.wiring.gateway import Gateway
from tests.support.apps.trying import BOUNCE, SCOPES, finish
from tests.support.gateway.gateways import ScriptedMailer, issue
from tests.support.smtp.doors import RunningDoor
from tests.support.smtp.real_door import FROM, PLAIN, accepted, credentials, data, door_of


@pytest.fixture
def migrated_url(migrated_sqlite_url: str) -> str:
    """One kind of database is enough: the SQL of acceptance has tests of its own."""
    return migrated_sqlite_url


@pytest.fixture
def door(gateway: Gateway) -> Iterator[RunningDoor]:
    with door_of(gateway) as running:
        yield running


def test_a_team_key_is_refused_every_other_recipient(gateway: Gateway, door: RunningDoor) -> None:
    """At RCPT, without the address, and the message goes to the others."""
    gateway.apps.change_team(operator("test"), issue(gateway).key.app.name, add=("ann@example.net",))
    key = issue(gateway, kind=KeyKind.TEAM, scopes=frozenset({Scope.EMAILS_SEND, Scope.EMAILS_READ, Scope.SMTP}))
    with door.client() as client:
        client.login(*credentials(key))
        client.mail(FROM)
        code, text = client.rcpt("ben@example.net")
        assert (code, text) == (550, b"5.7.1 This is a key for trying: it writes only to the team of its application.")
        assert client.rcpt("Ann@example.net")[0] == 250
        assert accepted(gateway, caller_of(key.key), client.data(PLAIN)) == [("to", "Ann@example.net", "queued")]


def test_a_test_key_sends_nothing(gateway: Gateway, door: RunningDoor, mailer: ScriptedMailer) -> None:
    """Its message is accepted, and ends as its address says."""
    key = issue(gateway, kind=KeyKind.TEST, scopes=SCOPES | {Scope.SMTP})
    with door.client() as client:
        client.login(*credentials(key))
        answer = data(client, [BOUNCE])
    finish(gateway)
    assert accepted(gateway, caller_of(key.key), answer) == [("bcc", BOUNCE, "bounced")]
    assert mailer.sent == []
