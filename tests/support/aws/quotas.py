"""What SES says about an account, for fakes of it."""

from app.aws.ses.account import REASONS, Quota


def quota(*reasons: str) -> Quota:
    """An account in production, whose own list stops email for these reasons; without any, for all of them."""
    return Quota(
        max_send_rate=1.0,
        max_24h=None,
        sent_24h=0.0,
        sending_enabled=True,
        production=True,
        enforcement="HEALTHY",
        suppressed_reasons=frozenset(reasons) or REASONS,
    )
