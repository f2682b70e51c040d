"""The baseline of the webhook: the same web application, which believes whatever parses.

`gunicorn 'bench.unverified:unverified_app()'`, for a benchmark on loopback and for nothing else.
"""

from unittest.mock import patch

from flask import Flask

from app import create_app, telemetry, wiring
from app.aws.envelope import SnsEnvelope
from app.aws.sns import SnsVerifier
from config import load


class Believes(SnsVerifier):
    """Reads the envelope, and checks neither topic nor age nor certificate nor signature."""

    def _check(self, envelope: SnsEnvelope) -> None:
        """Whoever wrote it."""


def unverified_app() -> Flask:
    """The application of one process, made as `wsgi` makes it."""
    settings = load()
    telemetry.configure(settings.log_level)
    with patch.object(wiring, "SnsVerifier", Believes):
        return create_app(settings)
