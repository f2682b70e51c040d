"""TLS of the SMTP door: STARTTLS, TLS at once, and a certificate that is renewed while the door is open."""

import shutil
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers.tls import self_signed
from tests.support.smtp.doors import FROM, KEY_ID, MESSAGE, SECRET, FakeServices, RunningDoor, running_door, until


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a certificate for 127.0.0.1 and its key."""
    directory = tmp_path_factory.mktemp("certificate")
    self_signed(directory, "127.0.0.1")
    return directory


@pytest.fixture
def services() -> FakeServices:
    return FakeServices()


@pytest.fixture
def door(certificate: Path, services: FakeServices) -> Iterator[RunningDoor]:
    with running_door(services, **files(certificate), smtp_clear_auth_on_loopback=False) as running:
        yield running


def files(directory: Path) -> dict[str, Any]:
    """The settings of this certificate."""
    return {"smtp_certificate": directory / "certificate.pem", "smtp_certificate_key": directory / "key.pem"}


def trusting(directory: Path) -> ssl.SSLContext:
    """A client's context that trusts this certificate alone."""
    return ssl.create_default_context(cafile=str(directory / "certificate.pem"))


def test_a_client_begins_tls_and_signs_in(door: RunningDoor, services: FakeServices, certificate: Path) -> None:
    """STARTTLS, then AUTH, then a message of a megabyte."""
    large = MESSAGE + b"Do come.\r\n" * 100_000
    with door.client() as client:
        client.ehlo()
        assert "auth" not in client.esmtp_features
        client.starttls(context=trusting(certificate))
        client.login(KEY_ID, SECRET)
        client.sendmail(FROM, ["ann@example.net"], large)
    assert services.submitted == [(large, ("ann@example.net",))]


def test_a_client_begins_with_tls(door: RunningDoor, services: FakeServices, certificate: Path) -> None:
    """On the other port TLS comes before the greeting."""
    with smtplib.SMTP_SSL("127.0.0.1", door.tls_port, timeout=10, context=trusting(certificate)) as client:
        client.login(KEY_ID, SECRET)
        client.sendmail(FROM, ["ann@example.net"], MESSAGE)
        assert "starttls" not in client.esmtp_features
    assert services.submitted == [(MESSAGE, ("ann@example.net",))]


def test_no_key_is_taken_before_tls(door: RunningDoor) -> None:
    """Not even from this host, unless the setting allows it."""
    with door.client() as client:
        client.ehlo()
        assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] == 538
        assert client.mail(FROM)[0] == 530


def test_what_was_sent_before_tls_is_not_heard_in_it(door: RunningDoor, services: FakeServices) -> None:
    """A command behind STARTTLS came in the clear, perhaps from an attacker: the session ends, and TLS never begins."""
    with door.talk() as talk:
        talk.say(b"EHLO client.example")
        talk.send(b"STARTTLS", b"EHLO attacker.example")
        assert talk.reply().startswith("503 5.5.0")
        assert talk.reply() == ""
    assert services.submitted == []


def test_a_client_that_does_not_speak_tls_is_left(door: RunningDoor) -> None:
    """The session ends, and the door goes on with others."""
    with door.talk() as talk:
        assert talk.say(b"STARTTLS").startswith("220 ")
        talk.connected.sendall(b"EHLO client.example\r\n" * 10)
        with suppress(ConnectionResetError):
            assert talk.reply() == ""
    with door.client() as client:
        assert client.noop()[0] == 250


def test_a_handshake_that_never_comes_holds_nothing_up(door: RunningDoor) -> None:
    """A door that stops closes the connection, which no reply could reach."""
    with socket.create_connection(("127.0.0.1", door.tls_port), timeout=10) as silent:
        until(lambda: door.door.connections)
        door.stop()
        with suppress(ConnectionResetError):
            assert silent.recv(100) == b""
        door.thread.join(10)
        assert not door.thread.is_alive()


def test_a_renewed_certificate_is_used_at_once(tmp_path: Path) -> None:
    """New connections get it without a restart; a broken file changes nothing."""
    used, renewed = tmp_path / "used", tmp_path / "renewed"
    for directory in (used, renewed):
        directory.mkdir()
        self_signed(directory, "127.0.0.1")
    with running_door(**files(used)) as door:
        greet(door, used)
        (used / "key.pem").write_text("no key")
        shutil.copy(renewed / "certificate.pem", tmp_path / "trusted.pem")
        (used / "certificate.pem").rename(tmp_path / "certificate.pem")
        greet(door, tmp_path)
        for name in ("certificate.pem", "key.pem"):
            shutil.copy(renewed / name, used / name)
        greet(door, renewed)


def greet(door: RunningDoor, trusted: Path) -> None:
    with smtplib.SMTP_SSL("127.0.0.1", door.tls_port, timeout=10, context=trusting(trusted)) as client:
        assert client.noop()[0] == 250


def test_old_versions_of_tls_are_refused(door: RunningDoor) -> None:
    """TLS 1.2 is the oldest, and nothing is negotiated anew within a connection."""
    assert door.door.certificate is not None
    context = door.door.certificate.context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
