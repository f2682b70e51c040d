"""A message that a client wrote as MIME is accepted, sent and looked up as every email is."""

from email.message import EmailMessage

import pytest

from app.domain.errors import InvalidIdempotentRequest
from app.queue import Lane
from app.services.submission.doors.submit_raw import RawReceipt, RawSubmission
from app.services.submission.idempotency import Idempotency, fingerprint_as_sent
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import ScriptedMailer, caller
from tests.support.gateway.rows import count

ANN, BEN, KIM = "ann@example.net", "ben@example.net", "kim@example.net"


def written(**more: str) -> bytes:
    """Return a message as Python's email package writes it: with LF."""
    message = EmailMessage()
    message["From"] = "Invites <invites@example.com>"
    message["Subject"] = "Grüße"
    for name, value in {"To": f"Ann Lee <{ANN}>", **more}.items():
        message[name.replace("_", "-")] = value
    message.set_content("Come and see.\n")
    return message.as_bytes()


def submit_raw(gateway: Gateway, raw: bytes, *, key: str | None = None, **more: object) -> RawReceipt:
    idempotency = Idempotency(key, fingerprint_as_sent("raw", raw)) if key else None
    return gateway.submit_raw(
        caller(gateway),
        RawSubmission(raw=raw, **more),  # type: ignore[arg-type]
        idempotency=idempotency,
    )


def test_it_is_sent_as_it_was_written(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """But for the recipient's id, a Date and a Message-ID in front, and its line ends."""
    raw = written()
    receipt = submit_raw(gateway, raw)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    [envelope] = mailer.sent
    [recipient] = gateway.look_up.email(ROOT, receipt.id).recipients
    assert envelope.raw.endswith(raw.replace(b"\n", b"\r\n"))
    added = envelope.raw[: -len(raw.replace(b"\n", b"\r\n"))].decode().split("\r\n")
    assert [line.partition(":")[0] for line in added] == ["X-Postern-Recipient", "Date", "Message-ID", ""]
    assert added[0] == f"X-Postern-Recipient: {recipient.id}"
    assert (envelope.sender, envelope.recipient, recipient.name) == ("invites@example.com", ANN, "Ann Lee")


def test_only_the_envelope_is_sent_to(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A recipient that To or Cc names is one of them, every other is hidden, and no Bcc leaves."""
    raw = written(To=f"{ANN}, other@example.net", Cc=f"Ben <{BEN}>", Bcc="hidden@example.net")
    receipt = submit_raw(gateway, raw, recipients=(ANN, BEN, KIM))
    found = [(one.kind, one.name, one.email) for one in gateway.look_up.email(ROOT, receipt.id).recipients]
    assert found == [("to", None, ANN), ("cc", "Ben", BEN), ("bcc", None, KIM)]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert sorted(one.recipient for one in mailer.sent) == [ANN, BEN, KIM]
    assert all(b"hidden@example.net" not in one.raw and b"other@example.net" in one.raw for one in mailer.sent)


def test_without_an_envelope_the_headers_name_the_recipients(gateway: Gateway) -> None:
    """Those of To, Cc and Bcc."""
    receipt = submit_raw(gateway, written(Cc=BEN, Bcc=KIM))
    found = [(one.kind, one.email) for one in gateway.look_up.email(ROOT, receipt.id).recipients]
    assert found == [("to", ANN), ("cc", BEN), ("bcc", KIM)]


def test_a_repetition_gets_the_stored_answer(gateway: Gateway) -> None:
    """With the same idempotency key and message; another message with this key is refused."""
    first = submit_raw(gateway, written(), key="order-1")
    again = submit_raw(gateway, written(), key="order-1")
    assert (again.id, again.replayed, first.replayed) == (first.id, True, False)
    assert count(gateway, "emails") == 1
    with pytest.raises(InvalidIdempotentRequest):
        submit_raw(gateway, written(Cc=BEN), key="order-1")
