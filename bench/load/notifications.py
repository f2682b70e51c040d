"""SNS notifications in a benchmark: their headers, and the setting that makes a gateway trust the tests' signer."""

from pathlib import Path
from typing import Final

from bench.stage.stage import TOPIC
from tests.support.aws.sns_signing import signer

HEADERS: Final = {
    "Content-Type": "text/plain; charset=UTF-8",
    "x-amz-sns-message-type": "Notification",
    "x-amz-sns-topic-arn": TOPIC,
}


def pinned(directory: Path) -> dict[str, str]:
    """Write the signer's certificate into this directory and return the setting that makes a gateway trust it."""
    certificate = directory / "sns.pem"
    certificate.write_bytes(signer().certificate_pem)
    return {"SNS_PINNED_CERTIFICATE": str(certificate)}
