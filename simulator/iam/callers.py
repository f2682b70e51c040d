"""The one caller that the simulator knows: any credentials are his."""


def caller_arn(account_id: str) -> str:
    """Return the ARN of the user that signs every request."""
    return f"arn:aws:iam::{account_id}:user/simulator"
