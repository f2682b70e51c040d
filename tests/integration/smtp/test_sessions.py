"""The SMTP door over real sockets: what clients send in one piece or in many, and what they are answered."""

import threading
import time
from collections.abc import Iterator
from uuid import UUID

import pytest

from app.domain.errors import Fault, RateLimitExceeded, RestrictedApiKey, ServiceUnavailable, ValidationFailed
from app.services.submission.check import Obstacle
from tests.support.smtp.doors import FROM, MESSAGE, FakeServices, RunningDoor, running_door, until

SUPPRESSED = Obstacle(code="suppressed", detail="The address is on the suppression list (bounce).", origin="bounce")


@pytest.fixture
def services() -> FakeServices:
    return FakeServices(suppressed={"gone@example.com": SUPPRESSED})


@pytest.fixture
def door(services: FakeServices) -> Iterator[RunningDoor]:
    with running_door(services) as running:
        yield running


def test_smtplib_sends_a_message(door: RunningDoor, services: FakeServices) -> None:
    """It arrives as it was written, with its dots, and the reply has the id of the email."""
    message = MESSAGE + b".\r\n..\r\n.hidden\r\n"
    with door.signed_in() as client:
        client.mail(FROM)
        client.rcpt("ann@example.net")
        code, text = client.data(message)
    assert (code, text.decode()) == (250, f"2.0.0 Ok: queued as {UUID(int=1)}")
    assert services.submitted == [(message, ("ann@example.net",))]


def test_a_suppressed_recipient_is_refused_by_itself(door: RunningDoor, services: FakeServices) -> None:
    """The client learns which and why; the others get the message."""
    with door.signed_in() as client:
        refused = client.sendmail(FROM, ["ann@example.net", "gone@example.com"], MESSAGE)
    assert refused == {"gone@example.com": (550, b"5.1.1 The address is on the suppression list (bounce).")}
    assert services.submitted == [(MESSAGE, ("ann@example.net",))]


def test_a_pipeline_is_answered_in_order(door: RunningDoor, services: FakeServices) -> None:
    """Commands that come at once are answered one by one, also around those that have to wait for a service."""
    with door.talk() as talk:
        talk.sign_in()
        talk.send(b"MAIL FROM:<a@example.com>", b"RCPT TO:<ann@example.net>", b"RCPT TO:<gone@example.com>", b"DATA")
        assert [talk.reply()[:3] for _ in range(4)] == ["250", "250", "550", "354"]
        talk.send(MESSAGE + b".", b"NOOP", b"QUIT")
        assert [talk.reply()[:3] for _ in range(4)] == ["250", "250", "221", ""]
    assert services.submitted == [(MESSAGE, ("ann@example.net",))]


def test_octets_may_come_one_by_one(door: RunningDoor, services: FakeServices) -> None:
    """A slow client is heard all the same."""
    with door.talk() as talk:
        talk.begin_message()
        for octet in MESSAGE + b".\r\n":
            talk.connected.sendall(bytes([octet]))
        assert talk.reply().startswith("250 2.0.0")
    assert services.submitted == [(MESSAGE, ("ann@example.net",))]


@pytest.mark.parametrize(
    "error, expected",
    [
        (
            ValidationFailed("/headers/From: One From.", faults=(Fault("/headers/From", "several", "One From."),)),
            "554 5.6.0 /headers/From: One From.",
        ),
        (RestrictedApiKey("This application may not send from this address."), "550 5.7.1 "),
        (RateLimitExceeded("The application's limit of recipients a day is 5.", retry_after=9), "452 4.7.1 "),
        (ServiceUnavailable("The database is away."), "451 4.3.0 "),
        (RuntimeError("a fault of ours"), "451 4.3.0 "),
    ],
)
def test_a_message_is_refused_with_the_reason(
    door: RunningDoor, services: FakeServices, error: Exception, expected: str
) -> None:
    """4xx where it may be accepted later; the session goes on."""

    def refuse(what: str) -> None:
        if what == "submit":
            raise error

    services.before = refuse
    with door.talk() as talk:
        talk.begin_message()
        talk.send(MESSAGE + b".")
        assert talk.reply().startswith(expected)
        services.before = lambda _: None
        assert talk.say(b"MAIL FROM:<a@example.com>").startswith("250 ")
    assert services.submitted == []


def test_a_message_is_not_accepted_before_it_is_kept(door: RunningDoor, services: FakeServices) -> None:
    """The reply comes after the commit, and no earlier."""
    may_commit, began = threading.Event(), threading.Event()

    def wait(what: str) -> None:
        if what == "submit":
            began.set()
            assert may_commit.wait(10)

    services.before = wait
    with door.talk() as talk:
        talk.begin_message()
        talk.send(MESSAGE + b".")
        assert began.wait(10)
        talk.connected.settimeout(0.2)
        with pytest.raises(TimeoutError):
            talk.reply()
        may_commit.set()
        talk.connected.settimeout(10)
        assert talk.reply().startswith("250 ")


def test_a_client_that_was_cut_off_may_repeat(door: RunningDoor, services: FakeServices) -> None:
    """The same Message-ID and content are the same email, whatever a relay has put on top since."""
    with door.talk() as talk:
        talk.begin_message()
        talk.send(MESSAGE + b".")
    until(lambda: services.submitted)
    with door.talk() as talk:
        talk.begin_message()
        talk.send(b"Received: from relay by relay;\r\n\tMon, 30 Nov 2026\r\n" + MESSAGE + b".")
        assert "accepted before" in talk.reply()
    assert len(services.submitted) == 1
    with door.signed_in() as client:
        client.sendmail(FROM, ["ann@example.net"], MESSAGE + b"Bring a friend.\r\n")
    assert len(services.submitted) == 2


def test_a_client_that_breaks_off_in_a_message_sends_nothing(door: RunningDoor, services: FakeServices) -> None:
    """Half a message is none."""
    with door.talk() as talk:
        talk.begin_message()
        talk.send(MESSAGE)
    with door.talk() as talk:
        assert talk.say(b"NOOP").startswith("250 ")
    until(lambda: len(door.door.connections) == 0)
    assert services.submitted == []
    assert door.door.budget.taken == 0


@pytest.mark.parametrize("smuggled", [b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\n.\n"])
def test_a_second_message_cannot_be_smuggled(door: RunningDoor, services: FakeServices, smuggled: bytes) -> None:
    """A line end of another kind ends nothing: the whole is refused, and no command in it is heard."""
    with door.talk() as talk:
        talk.begin_message()
        talk.send(b"From: a@example.com\r\n\r\nHello" + smuggled + b"MAIL FROM:<b@example.com>\r\nDATA\r\n.")
        assert talk.reply().startswith("554 5.6.0")
        assert talk.say(b"NOOP").startswith("250 ")
    assert services.submitted == []


@pytest.mark.parametrize(
    "octets, expected",
    [
        (b"NOOP\nNOOP\r\n", "500 5.5.2"),
        (b"NO\rOP\r\nNOOP\r\n", "500 5.5.2"),
        (b"NO\0OP\r\nNOOP\r\n", "500 5.5.2"),
        (b"A" * 100_000, "500 5.5.6"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n", "500 5.5.1"),
        (b"DATA\r\nNOOP\r\n", "503 5.5.1"),
    ],
)
def test_unclear_lines_end_the_session(door: RunningDoor, octets: bytes, expected: str) -> None:
    """The client gets one reply, and nothing that follows is heard as a command."""
    with door.talk() as talk:
        talk.connected.sendall(octets)
        assert talk.reply().startswith(expected)
        assert talk.reply() == ""


def test_a_declared_and_a_real_size_are_held_to_the_limit(door: RunningDoor, services: FakeServices) -> None:
    """SIZE says it before the message is sent; without it, the message is read and refused."""
    with door.signed_in() as client:
        assert client.mail(FROM, ["SIZE=45000000"])[0] == 552
        client.mail(FROM)
        client.rcpt("ann@example.net")
        assert client.data(MESSAGE + b"a" * 76 * 560_000)[0] == 552
        assert client.noop()[0] == 250
    assert services.submitted == []


def test_a_client_that_reads_no_replies_is_not_heard(door: RunningDoor) -> None:
    """It sends commands without end, and the door keeps neither its lines nor its replies without bound."""
    with door.talk() as talk:
        talk.sign_in()
        assert talk.say(b"MAIL FROM:<a@example.com>").startswith("250 ")
        talk.send(*[b"RCPT TO:<%d@example.net>" % one for one in range(50)])
        assert all(talk.reply().startswith("250 ") for _ in range(50))
        talk.connected.settimeout(0.5)
        # Sockets on loopback hold more than ten megabytes between them.
        flood = b"RCPT TO:<a@example.net>\r\n" * 2_000_000
        with pytest.raises(TimeoutError):
            talk.connected.sendall(flood)
        with door.client() as other:
            assert other.noop()[0] == 250


def test_a_wrong_key_is_refused_after_a_wait(door: RunningDoor) -> None:
    """The reply says why, and takes its time."""
    with door.talk() as talk:
        talk.say(b"EHLO client.example")
        began = time.monotonic()
        assert talk.say(b"AUTH PLAIN AGEAYg==").startswith("535 5.7.8 The key is not known")
        assert time.monotonic() - began > 0.9
