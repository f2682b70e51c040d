"""The account: who we are to AWS, AWS's clock, and whether SES sends for us and how much.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

from app.aws.ses.account import REASONS
from app.aws.setup.checks.clients import AwsClients
from app.domain.account.findings import Finding, Group, judged, skipped, unknown, warning, well, wrong

# AWS refuses a signature that is more than five minutes off
# (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html).
_REFUSED_BEYOND: Final = timedelta(minutes=4)
_NOTICED_BEYOND: Final = timedelta(seconds=30)
_NEARLY_USED: Final = 0.9
_SET_CLOCK: Final = "set this host's clock: run an NTP client"
_FOUND_BY_REASONS_OFF: Final = {
    (): "on for bounces and complaints: SES judges bounces too",
    ("BOUNCE",): "on for complaints: Postern alone judges bounces",
}


def credentials(clients: AwsClients) -> Iterator[Finding]:
    """Whether AWS knows the credentials, and of which account they are. This call needs no permission.

    A private network often reaches SES and not STS; then the other calls show whether the credentials work.
    """
    name = "credentials"
    if clients.sts is None:
        yield skipped(Group.ACCOUNT, name, "SES is a simulator")
        return
    try:
        yield well(Group.ACCOUNT, name, f"account {clients.sts.get_caller_identity()['Account']}")
    except (EndpointConnectionError, ConnectTimeoutError):
        yield skipped(Group.ACCOUNT, name, "STS was not reached")


def clock(clients: AwsClients) -> Iterator[Finding]:
    """How far this host's clock is from AWS's. It comes after other calls, whose answers have the time."""
    name, ahead = "AWS's clock", clients.clock.ahead
    if ahead is None:
        yield skipped(Group.ACCOUNT, name, "no answer has had the time" if clients.is_aws else "SES is a simulator")
        return
    found = f"{abs(ahead.total_seconds()):.0f} s {'behind' if ahead > timedelta() else 'ahead of'} ours"
    if abs(ahead) >= _REFUSED_BEYOND:
        yield wrong(Group.ACCOUNT, name, found, f"{_SET_CLOCK}; AWS refuses calls that are five minutes off")
    elif abs(ahead) >= _NOTICED_BEYOND:
        yield warning(Group.ACCOUNT, name, found, _SET_CLOCK)
    else:
        yield well(Group.ACCOUNT, name, "as ours")


def sending(clients: AwsClients) -> Iterator[Finding]:
    """Sending, enforcement, quota, access to production, and the account's own suppression list."""
    account = clients.ses.get_account()
    yield _state(enabled=account.get("SendingEnabled", False), enforcement=account.get("EnforcementStatus", "UNKNOWN"))
    quota = account.get("SendQuota", {})
    if not quota:
        yield unknown(Group.ACCOUNT, "quota", "SES's answer lacks it", "run this again")
    else:
        yield _quota(quota.get("MaxSendRate", 0.0), quota.get("Max24HourSend", -1.0), quota.get("SentLast24Hours", 0.0))
    yield judged(
        Group.ACCOUNT,
        "production access",
        ok=account.get("ProductionAccessEnabled", False),
        found="granted" if account.get("ProductionAccessEnabled", False) else "the account is in the sandbox",
        fix="request production access: SES only sends to verified addresses",
    )
    reasons = account.get("SuppressionAttributes", {}).get("SuppressedReasons", ())
    off = tuple(sorted(REASONS - frozenset(reasons)))
    yield judged(
        Group.ACCOUNT,
        "suppression list",
        ok="COMPLAINT" not in off,
        found=_FOUND_BY_REASONS_OFF.get(off, f"switched off for {' and '.join(off)}"),
        fix="switch it on for complaints: SES then stops emails to addresses that our list does not have yet",
    )


def _state(*, enabled: bool, enforcement: str) -> Finding:
    name, fix = "sending", "see Account dashboard in the SES console, then resume sending"
    if not enabled or enforcement == "SHUTDOWN":
        return wrong(Group.ACCOUNT, name, f"paused, enforcement {enforcement}", fix)
    if enforcement == "PROBATION":
        fix = "AWS reviews this account: answer its case in the Support Center, and look at bounces and complaints"
        return warning(Group.ACCOUNT, name, f"enabled, enforcement {enforcement}", fix)
    return well(Group.ACCOUNT, name, f"enabled, enforcement {enforcement}")


def _quota(rate: float, most: float, sent: float) -> Finding:
    """A negative maximum means that there is none."""
    found = f"{rate:g}/s, {sent:.0f} of {'unlimited' if most < 0 else f'{most:.0f}'} sent in 24 hours"
    fix = "ask AWS for a higher sending quota"
    if 0 <= most <= sent:
        return wrong(Group.ACCOUNT, "quota", found, fix)
    if 0 <= most * _NEARLY_USED <= sent:
        return warning(Group.ACCOUNT, "quota", found, fix)
    return well(Group.ACCOUNT, "quota", found)
