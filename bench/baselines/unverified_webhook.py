"""The baseline of the webhook: the same web application, which accepts every notification that parses.

`gunicorn 'bench.baselines.unverified_webhook:unverified_app()'`. Use it only for a benchmark on loopback.
"""

from unittest.mock import patch

from flask import Flask

from app import telemetry
from app.aws.sns.envelope import SnsEnvelope
from app.aws.sns.verifier import SnsVerifier
from app.web.application import create_app
from app.wiring import feedback
from config import load


class Believes(SnsVerifier):
    """Reads the envelope but checks neither topic nor age nor certificate nor signature."""

    def _check(self, envelope: SnsEnvelope, *, of_any_age: bool) -> None:
        """Accept every envelope."""


def unverified_app() -> Flask:
    """Return the application of one process, built as in `wsgi`."""
    settings = load()
    telemetry.configure(settings.log_level)
    with patch.object(feedback, "SnsVerifier", Believes):
        return create_app(settings)
