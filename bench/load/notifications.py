"""Notifications of SNS in a benchmark: their headers, and a gateway that believes the signer of the tests."""

from pathlib import Path
from typing import Final

from bench.stage import TOPIC
from tests.signing import signer

HEADERS: Final = {
    "Content-Type": "text/plain; charset=UTF-8",
    "x-amz-sns-message-type": "Notification",
    "x-amz-sns-topic-arn": TOPIC,
}


def pinned(directory: Path) -> dict[str, str]:
    """The setting of a gateway that trusts the signer; its certificate is put into this directory."""
    certificate = directory / "sns.pem"
    certificate.write_bytes(signer().certificate_pem)
    return {"SNS_PINNED_CERTIFICATE": str(certificate)}
