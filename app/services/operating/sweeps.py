"""The sweeps, and how often each runs.

For beat, its stand-ins and the health check. It imports nothing of ours, so that beat stays small.
"""

from enum import StrEnum


class Sweep(StrEnum):
    """The sweeps, by name."""

    BELLS = "bells"
    LEASES = "leases"
    EXPIRY = "expiry"
    UNCONFIRMED = "unconfirmed"
    POSITIVES = "positives"
    SES_REMOVALS = "ses_removals"
    REVIEWS = "reviews"
    REFUSALS = "refusals"
    SILENCE = "silence"
    ALERTS = "alerts"
    SUPPRESSIONS = "suppressions"
    SES_LIST = "ses_list"
    RETENTION = "retention"
    OLD_EMAILS = "old_emails"
    CANARY = "canary"
    COUNTS = "counts"
    BUDGETS = "budgets"


EVERY_S = {
    Sweep.BELLS: 1.0,
    Sweep.LEASES: 5.0,
    Sweep.CANARY: 5.0,
    Sweep.ALERTS: 5.0,
    Sweep.POSITIVES: 10.0,
    Sweep.COUNTS: 10.0,
    Sweep.UNCONFIRMED: 15.0,
    Sweep.SES_LIST: 15.0,
    Sweep.EXPIRY: 30.0,
    Sweep.SES_REMOVALS: 30.0,
    Sweep.REVIEWS: 30.0,
    Sweep.BUDGETS: 30.0,
    Sweep.SUPPRESSIONS: 60.0,
    Sweep.REFUSALS: 60.0,
    Sweep.OLD_EMAILS: 60.0,
    Sweep.SILENCE: 60.0,
    Sweep.RETENTION: 3600.0,
}
"""The seconds from one run to the next."""
