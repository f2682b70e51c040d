"""The Message-ID that recipients see."""

import pytest

from app.domain.sending.wire_message_id import wire_message_id


@pytest.mark.parametrize(
    "region, host", [("us-east-1", "email"), ("eu-west-1", "eu-west-1"), ("us-gov-west-1", "us-gov-west-1")]
)
def test_it_is_made_of_the_id_of_ses_and_the_region(region: str, host: str) -> None:
    """Only the oldest region has a name of its own."""
    assert wire_message_id("0100-x", region) == f"<0100-x@{host}.amazonses.com>"
