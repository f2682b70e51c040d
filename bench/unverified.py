"""The baseline of the webhook: the same web application, which believes whatever parses.

`gunicorn 'bench.unverified:unverified_app()'`, for a benchmark on loopback and for nothing else.
"""

from collections.abc import Mapping
from unittest.mock import patch

from flask import Flask

from app import create_app, telemetry, wiring
from app.aws.envelope import read_envelope
from app.aws.sns import SnsMessage, SnsVerifier
from config import load


class Believes(SnsVerifier):
    """Reads the envelope, and checks neither topic nor age nor certificate nor signature."""

    def verify(self, body: bytes, headers: Mapping[str, str]) -> SnsMessage:
        """The message, whoever wrote it. Raises `MalformedNotification`."""
        envelope = read_envelope(body, {name.lower(): value for name, value in headers.items()})
        return SnsMessage(
            type=envelope.type,
            message_id=envelope.message_id,
            topic_arn=envelope.topic_arn,
            message=envelope.message,
            timestamp=envelope.timestamp,
            subject=envelope.subject,
            token=envelope.token,
        )


def unverified_app() -> Flask:
    """The application of one process, made as `wsgi` makes it."""
    settings = load()
    telemetry.configure(settings.log_level)
    with patch.object(wiring, "SnsVerifier", Believes):
        return create_app(settings)
