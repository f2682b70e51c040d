"""The baseline of the webhook: the same web application, which believes whatever parses.

`gunicorn bench.unverified:app`, for a benchmark on loopback and for nothing else.
"""

from collections.abc import Mapping
from unittest.mock import patch

from app import create_app, wiring
from app.aws.envelope import read_envelope
from app.aws.sns import SnsMessage, SnsVerifier


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


with patch.object(wiring, "SnsVerifier", Believes):
    app = create_app()
