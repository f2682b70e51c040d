"""The SMTP door on a real gateway: what SMTP clients get from the list, the limits, the keys and the database."""

import base64
import json
import smtplib
from collections.abc import Iterator
from typing import NoReturn
from unittest import mock
from uuid import UUID

import pytest

from app import telemetry
from app.domain.apps.callers import Caller, Scope
from app.domain.errors import ServiceUnavailable
from app.services.apps import trusted_keys
from app.services.apps.app_options import AppOptions
from app.services.apps.authenticate import caller_of, operator
from app.services.apps.issue_keys import Issued
from app.services.paging import Page
from app.services.submission.doors import submit_once
from app.services.submission.doors.submit_raw import SubmitRaw
from app.services.submission.look_up import EmailFilter
from app.smtp import connection
from app.store.apps import app_pauses
from app.store.engine.database import Database
from app.wiring.gateway import Gateway
from tests.support.gateway.forgetting import forget
from tests.support.gateway.gateways import issue
from tests.support.gateway.rows import count
from tests.support.smtp.doors import RunningDoor
from tests.support.smtp.real_door import FROM, MESSAGE, PLAIN, accepted, credentials, data, door_of


@pytest.fixture
def migrated_url(migrated_sqlite_url: str) -> str:
    """One kind of database is enough: the SQL of acceptance has tests of its own."""
    return migrated_sqlite_url


@pytest.fixture
def key(gateway: Gateway) -> Issued:
    return issue(gateway, scopes=frozenset({Scope.EMAILS_SEND, Scope.EMAILS_READ, Scope.SMTP}))


@pytest.fixture
def caller(key: Issued) -> Caller:
    return caller_of(key.key)


@pytest.fixture
def door(gateway: Gateway) -> Iterator[RunningDoor]:
    with door_of(gateway) as running:
        yield running


@pytest.fixture
def client(door: RunningDoor, key: Issued) -> Iterator[smtplib.SMTP]:
    with door.client() as connected:
        connected.login(*credentials(key))
        yield connected


def test_a_message_becomes_an_email(gateway: Gateway, client: smtplib.SMTP, caller: Caller) -> None:
    """The reply names it; recipients that no header shows are bcc."""
    answer = data(client, ["ann@example.net", "bob@example.net"])
    assert accepted(gateway, caller, answer) == [
        ("to", "ann@example.net", "queued"),
        ("bcc", "bob@example.net", "queued"),
    ]


@pytest.mark.parametrize("scope", ["*", "invites"])
def test_a_suppressed_recipient_is_refused_at_rcpt(gateway: Gateway, client: smtplib.SMTP, scope: str) -> None:
    """With the reason in plain words, and without the address."""
    gateway.suppress.add(operator("test"), "gone@example.net", scope=scope, reason="By phone.")
    client.mail(FROM)
    code, text = client.rcpt("Gone@example.net")
    assert code == 550
    assert text.startswith(b"5.7.1 The address is on the suppression list (manual). It is there since ")
    assert b"gone" not in text
    assert b"phone" not in text


def test_a_recipient_of_one_stream_is_judged_with_the_message(
    gateway: Gateway, client: smtplib.SMTP, caller: Caller
) -> None:
    """At RCPT the stream is not known. Of its own stream the address gets nothing, and of another one it gets email."""
    gateway.suppress.add(operator("test"), "ann@example.net", scope="invites/default", reason="By phone.")
    answer = data(client, ["ann@example.net"])
    assert answer[1].endswith(b"Suppressed, and not sent to: 1 of 1.")
    assert accepted(gateway, caller, answer) == [("to", "ann@example.net", "suppressed")]
    other = data(client, ["ann@example.net"], MESSAGE % b"X-SES-CONFIGURATION-SET: tickets\r\n")
    assert accepted(gateway, caller, other) == [("to", "ann@example.net", "queued")]


@pytest.mark.parametrize(
    "address, expected",
    [
        ("ann", "5.1.3 Give one address, with exactly one @."),
        (
            "ann@localhost",
            "5.1.3 The domain has at least one dot: each host has its own localhost.",
        ),
        ("j\u00f6rg@example.net", "5.1.3 The part before @ is ASCII: SES does not take other letters there."),
    ],
)
def test_a_bad_address_is_refused_by_name(client: smtplib.SMTP, address: str, expected: str) -> None:
    """With the rule that it breaks."""
    client.mail(FROM, ["SMTPUTF8"])
    client.command_encoding = "utf-8"
    code, text = client.docmd(f"RCPT TO:<{address}>")
    assert (code, text.decode()) == (553, expected)


def test_an_international_domain_is_accepted(gateway: Gateway, client: smtplib.SMTP, caller: Caller) -> None:
    """It is written in letters or in A-labels."""
    client.mail(FROM, ["SMTPUTF8"])
    client.command_encoding = "utf-8"
    assert client.docmd("RCPT TO:<ann@b\u00fccher.example>")[0] == 250
    [(_, email, _)] = accepted(gateway, caller, client.data(PLAIN))
    assert email == "ann@b\u00fccher.example"


def test_a_sender_that_is_not_the_applications_is_refused(client: smtplib.SMTP) -> None:
    """The From of the message counts, not that of MAIL."""
    answer = data(client, ["ann@example.net"], PLAIN.replace(b"org@example.com", b"org@example.org"))
    assert answer[0] == 550
    assert answer[1].startswith(b"5.7.1 This application may not send from this address")


def test_a_limit_of_the_application_is_met_at_rcpt(gateway: Gateway, door: RunningDoor) -> None:
    """The recipients for which there is room are accepted, and the client sends to the others later."""
    key = issue(gateway, app="small", scopes=frozenset({Scope.EMAILS_SEND, Scope.SMTP}))
    gateway.apps.change(operator("test"), "small", AppOptions(emails_per_day=3))
    with door.client() as client:
        client.login(*credentials(key))
        assert data(client, ["ann@example.net"])[0] == 250
        client.mail(FROM)
        codes = [client.rcpt(f"{one}@example.net")[0] for one in "abc"]
        assert codes == [250, 250, 452]
        assert client.data(PLAIN)[0] == 250


def test_a_limit_is_met_at_rcpt_by_the_first_message(gateway: Gateway, door: RunningDoor) -> None:
    """Also when nothing was accepted yet; or else the message would be refused to all of them, each time anew."""
    key = issue(gateway, app="new", scopes=frozenset({Scope.EMAILS_SEND, Scope.SMTP}))
    gateway.apps.change(operator("test"), "new", AppOptions(emails_per_day=2))
    with door.client() as client:
        client.login(*credentials(key))
        client.mail(FROM)
        assert [client.rcpt(f"{one}@example.net")[0] for one in "abc"] == [250, 250, 452]
        assert client.data(PLAIN)[0] == 250


def test_a_paused_application_is_asked_to_wait(gateway: Gateway, client: smtplib.SMTP, caller: Caller) -> None:
    """Its relay keeps the message, until a person resumes the application."""
    with gateway.database.transaction() as connection:
        app_pauses.pause(connection, caller.app_id, ["transactional"], reason="Too many bounces.")
    client.mail(FROM)
    assert client.rcpt("ann@example.net") == (452, b"4.7.1 The email of this application is paused.")


def test_a_key_that_does_not_open_the_door_is_refused(gateway: Gateway, door: RunningDoor) -> None:
    """Its scopes have to name the door."""
    with door.client() as client:
        client.ehlo()
        user, secret = credentials(issue(gateway, scopes=frozenset({Scope.EMAILS_SEND})))
        answer = client.docmd("AUTH", "PLAIN " + base64.b64encode(f"\0{user}\0{secret}".encode()).decode())
    assert answer == (535, b"5.7.8 This key lacks the scope smtp.")


def test_a_key_that_may_not_send_begins_no_message(gateway: Gateway, door: RunningDoor) -> None:
    """It is told so at MAIL, also at once after it has signed in."""
    key = issue(gateway, app="reader", scopes=frozenset({Scope.EMAILS_READ, Scope.SMTP}))
    with door.client() as client:
        client.login(*credentials(key))
        assert client.mail(FROM) == (550, b"5.7.1 This key lacks the scope emails:send.")


def test_without_the_database_nothing_is_accepted(client: smtplib.SMTP, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer is 4xx, so that clients try again, and the session goes on when it is back."""

    def away(_database: Database) -> NoReturn:
        raise ServiceUnavailable("The database did not answer.")

    client.mail(FROM)
    with monkeypatch.context() as patch:
        patch.setattr(Database, "reading", away)
        patch.setattr(Database, "transaction", away)
        assert client.rcpt("ann@example.net")[0] == 451
    assert client.rcpt("ann@example.net")[0] == 250
    with monkeypatch.context() as patch:
        patch.setattr(Database, "reading", away)
        patch.setattr(Database, "transaction", away)
        assert client.data(PLAIN)[0] == 451
    assert data(client, ["ann@example.net"])[0] == 250


def test_a_repeated_message_is_one_email(gateway: Gateway, client: smtplib.SMTP, caller: Caller) -> None:
    """The same id is answered; another text or another recipient is another email."""
    first, again = (data(client, ["ann@example.net"]) for _ in range(2))
    assert first[1].split()[4] == again[1].split()[4]
    assert b"accepted before" in again[1]
    other = data(client, ["ann@example.net"], PLAIN + b"Bring a friend.\r\n")
    assert other[1].split()[4] != first[1].split()[4]
    assert data(client, ["bob@example.net"])[1].split()[4] != first[1].split()[4]
    assert caller.app == "invites"


def test_a_repetition_reaches_those_alone_whom_the_first_time_did_not(gateway: Gateway, client: smtplib.SMTP) -> None:
    """Whether one of them is refused since, or there are others; and however often it comes."""
    data(client, ["ann@example.net", "bob@example.net"])
    gateway.suppress.add(operator("test"), "bob@example.net", reason="By phone.")
    data(client, ["ann@example.net"])
    data(client, ["ann@example.net", "kim@example.net"])
    data(client, ["Kim@EXAMPLE.net"])
    found = gateway.look_up.emails(operator("test"), EmailFilter(), Page(limit=10)).data
    sent_to = [one.email for email in found for one in email.recipients]
    assert sorted(sent_to) == ["ann@example.net", "bob@example.net", "kim@example.net"]


def test_a_message_has_a_request_id_of_its_own(
    gateway: Gateway, client: smtplib.SMTP, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line of the session that took it has the id under which the email is found; so has the line of a refusal."""
    telemetry.configure("INFO")
    ids = [data(client, ["ann@example.net"], MESSAGE % b"")[1].split()[4].decode() for _ in range(2)]
    client.mail(FROM)
    client.rcpt("ann@example.net")
    assert client.data(b"no message")[0] >= 500
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    accepted = [line for line in lines if line["event"] == "smtp_accepted"]
    assert [line["email"] for line in accepted] == ids
    for line in accepted:
        [found] = gateway.look_up.emails(
            operator("test"), EmailFilter(request_id=UUID(line["request_id"])), Page(limit=10)
        ).data
        assert str(found.id) == line["email"]
    [refused] = [line for line in lines if line["event"] == "smtp_refused"]
    assert len({line["request_id"] for line in [*accepted, refused]}) == 3


def test_each_part_of_a_message_costs_as_much_as_the_second(
    gateway: Gateway, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that is sent to each recipient by itself, as mailing lists do, is offered twice for each of them."""
    monkeypatch.setattr(submit_once, "_AT_ONCE", 5)
    people = [(f"p{number}@example.net",) for number in range(12)]
    with mock.patch.object(SubmitRaw, "__call__", autospec=True, side_effect=SubmitRaw.__call__) as submit:
        sent = [gateway.submit_once(caller, PLAIN, one, content=b"content") for one in people]
        again = [gateway.submit_once(caller, PLAIN, one, content=b"content") for one in people]
    assert (len({one.id for one in sent}), [one.id for one in again]) == (12, [one.id for one in sent])
    assert [one.replayed for one in sent + again] == [False] * 12 + [True] * 12
    assert submit.call_count == 2 * (1 + 2 * 11)


def test_a_repetition_does_not_reach_a_person_who_was_forgotten(gateway: Gateway, client: smtplib.SMTP) -> None:
    """Their address is gone from the first email, and its pseudonym shows that they were among its recipients."""
    data(client, ["ann@example.net"])
    forget(gateway, "ann@example.net", ask_ses=False)
    assert b"accepted before" in data(client, ["ann@example.net"])[1]


def test_a_revoked_key_begins_no_message(
    gateway: Gateway, key: Issued, door: RunningDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that is signed in already ends once the key is not trusted any longer, within five seconds.

    A message that is under way is not accepted, however long it takes.
    """
    monkeypatch.setattr(trusted_keys, "_TRUSTED_FOR_S", 0.0)
    monkeypatch.setattr(connection, "_KEY_TRUSTED_FOR_S", 0.0)
    with door.client() as client:
        client.login(*credentials(key))
        with door.client() as slow:
            slow.login(*credentials(key))
            assert (slow.mail(FROM)[0], slow.rcpt("ann@example.net")[0], slow.docmd("DATA")[0]) == (250, 250, 354)
            gateway.issue_keys.revoke(operator("test"), key.key.public_id)
            slow.send(PLAIN + b".\r\n")
            assert slow.getreply()[0] == 421
        assert client.docmd(f"MAIL FROM:<{FROM}>")[0] == 421
    assert count(gateway, "emails") == 0
