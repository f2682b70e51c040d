"""The largest email that Postern accepts: SES takes it, by both transports; a larger one is never offered."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.aws.clients import sesv2_client
from app.aws.ses.fast_client import FastSesClient, fast_client
from app.aws.ses.mailer import SesMailer
from app.domain.message.mime import TRAVEL_LIMIT, check_message, render
from app.domain.sending.call_outcome import Accepted, Envelope, Outcome, Retry
from simulator import Options, Simulator
from tests.support.aws.aws_stub import surround
from tests.support.gateway.messages import INVITATION, PDF

RAW_LIMIT = TRAVEL_LIMIT // 4 * 3


@pytest.fixture
def simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    surround(monkeypatch)
    with Simulator(Options(data=tmp_path)) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", running.url)
        yield running


def send(raw: bytes, transport: str) -> Outcome:
    """SES's answer to these bytes."""
    client = fast_client("us-east-1", clock=lambda: datetime.now(UTC)) if transport == "fast" else None
    with closing(client or sesv2_client("us-east-1", pool=1)) as way:
        assert client is None or isinstance(client, FastSesClient)
        envelope = Envelope(sender="invitations@example.com", recipient="ann@example.org", raw=raw, tags=())
        return SesMailer(way, configuration_set=None).send(envelope)


def largest() -> bytes:
    """The largest email with a file that is accepted, to within a few kilobytes, as it is rendered."""
    size = (RAW_LIMIT - 40_000) // 78 * 57
    message = replace(INVITATION, attachments=(replace(PDF, content=bytes(size)),))
    assert check_message(message) == ()
    assert check_message(replace(message, attachments=(replace(PDF, content=bytes(size + 10_000)),))) != ()
    return render(message, recipient_id="r", date=datetime(2026, 3, 7, tzinfo=UTC), message_id="m@example.com")


@pytest.mark.parametrize("transport", ["boto3", "fast"])
def test_the_largest_email_that_is_accepted_is_taken_by_ses(simulator: Simulator, transport: str) -> None:
    """SES takes it, and the margin that the bound leaves on top of it; beyond that SES refuses."""
    raw = largest()
    assert isinstance(send(raw, transport), Accepted)
    refused = send(raw + b"." * (RAW_LIMIT - len(raw) + 1), transport)
    assert isinstance(refused, Retry)
    assert "more than 41943040 bytes" in refused.reason
