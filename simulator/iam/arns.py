"""Names of resources."""


def ses_arn(kind: str, name: str, region: str, account_id: str) -> str:
    """Return the ARN of something of SES; `kind` is `identity` or `configuration-set`."""
    return f"arn:aws:ses:{region}:{account_id}:{kind}/{name}"
