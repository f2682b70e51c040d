"""TLS to an endpoint: the certificate has to be that of the name in the URL, wherever the connection goes."""

import datetime as dt
import ssl
from pathlib import Path
from typing import Final

import pytest

from app.domain.webhooks.post_result import PostOutcome, PostResult
from tests.support.servers.tls import self_signed
from tests.support.webhooks.posting import HOST, Names, poster
from tests.support.webhooks.receiver import receiving, saying, silent

IMPATIENT_S: Final = 0.4


def posted(port: int, *, trusted: Path | None) -> PostResult:
    return poster(ca_file=trusted).post(f"https://{HOST}:{port}/in", {}, b"{}")


def test_the_name_is_proven_although_the_connection_goes_to_an_address(tmp_path: Path) -> None:
    """The server is asked for the name by SNI, and its certificate is checked against it; Host says the name."""
    certificate, context = self_signed(tmp_path, HOST)
    with receiving(tls=context) as receiver:
        result = posted(receiver.port, trusted=certificate)
    assert (result.outcome, receiver.names) == (PostOutcome.ACCEPTED, [HOST])
    assert receiver.requests[0][1]["host"] == f"{HOST}:{receiver.port}"


@pytest.mark.parametrize(
    "wrong, reason",
    [
        ("not trusted", "self-signed certificate"),
        ("another name", "Hostname mismatch"),
        ("expired", "certificate has expired"),
    ],
)
def test_a_wrong_certificate_gets_no_post(tmp_path: Path, wrong: str, reason: str) -> None:
    """The body could otherwise be read by anyone on the way; the result says what is wrong, and no name."""
    certificate, context = self_signed(
        tmp_path,
        "elsewhere.example.com" if wrong == "another name" else HOST,
        valid_for=dt.timedelta(hours=-1 if wrong == "expired" else 1),
    )
    with receiving(tls=context) as receiver:
        result = posted(receiver.port, trusted=None if wrong == "not trusted" else certificate)
    assert (result.outcome, result.status, receiver.requests) == (PostOutcome.TLS_FAILED, None, [])
    assert result.detail == f"the certificate was not accepted: {reason}"


def test_a_certificate_of_the_address_is_none_of_the_name(tmp_path: Path) -> None:
    """The address is where the connection goes, and proves nothing."""
    certificate, context = self_signed(tmp_path, "127.0.0.1")
    with receiving(tls=context) as receiver:
        assert posted(receiver.port, trusted=certificate).outcome is PostOutcome.TLS_FAILED
        url = f"https://127.0.0.1:{receiver.port}/"
        assert poster(ca_file=certificate).post(url, {}, b"{}").outcome is PostOutcome.ACCEPTED


def test_an_old_tls_is_refused(tmp_path: Path) -> None:
    """Below TLS 1.2."""
    certificate, context = self_signed(tmp_path, HOST)
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with receiving(tls=context) as receiver:
        result = posted(receiver.port, trusted=certificate)
    assert (result.outcome, receiver.requests) == (PostOutcome.TLS_FAILED, [])


def test_a_server_without_tls_gets_no_post() -> None:
    """It may answer as it likes."""
    with receiving(saying(b"HTTP/1.1 200 OK\r\n\r\n"), hasty=True) as receiver:
        assert posted(receiver.port, trusted=None).outcome is PostOutcome.TLS_FAILED


def test_a_handshake_takes_no_longer_than_a_post_may() -> None:
    """A server that takes the connection and says nothing."""
    with receiving(silent, hasty=True) as receiver:
        result = poster(patience_s=IMPATIENT_S).post(f"https://{HOST}:{receiver.port}/", {}, b"{}")
    assert result.outcome is PostOutcome.TIMED_OUT
    assert result.seconds < 2 * IMPATIENT_S


def test_a_slow_drip_over_tls_takes_no_longer_than_a_post_may(tmp_path: Path) -> None:
    """One octet at a time, each in a record of its own."""
    certificate, context = self_signed(tmp_path, HOST)
    with receiving(saying(*[b"H"] * 100, pause=0.05), tls=context) as receiver:
        dripping = poster(ca_file=certificate, patience_s=IMPATIENT_S)
        result = dripping.post(f"https://{HOST}:{receiver.port}/", {}, b"{}")
    assert result.outcome is PostOutcome.TIMED_OUT
    assert result.seconds < 2 * IMPATIENT_S


def test_a_large_body_goes_through_tls(tmp_path: Path) -> None:
    """In as many parts as it takes."""
    certificate, context = self_signed(tmp_path, HOST)
    body = bytes(range(256)) * 4096
    with receiving(tls=context) as receiver:
        result = poster(ca_file=certificate).post(f"https://{HOST}:{receiver.port}/", {}, body)
    assert (result.outcome, receiver.requests[0][2]) == (PostOutcome.ACCEPTED, body)


def test_another_address_of_the_host_is_tried_when_one_is_away(tmp_path: Path) -> None:
    """All of them were checked by one look-up."""
    certificate, context = self_signed(tmp_path, HOST)
    names = Names(["127.0.0.2", "127.0.0.1"])
    with receiving(tls=context) as receiver:
        result = poster(names, ca_file=certificate).post(f"https://{HOST}:{receiver.port}/", {}, b"{}")
    assert (result.outcome, names.asked) == (PostOutcome.ACCEPTED, [HOST])
