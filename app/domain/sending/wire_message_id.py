"""The Message-ID that recipients see: SES puts its own in place of the caller's.

https://docs.aws.amazon.com/ses/latest/dg/header-fields.html
"""


def wire_message_id(ses_message_id: str, region: str) -> str:
    """The Message-ID header of an email that SES took in this region, with its angle brackets."""
    host = "email" if region == "us-east-1" else region
    return f"<{ses_message_id}@{host}.amazonses.com>"
