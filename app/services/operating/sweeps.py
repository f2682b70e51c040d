"""How often each sweep runs, in seconds: for beat, for its stand-ins, and for the health check."""

from app.services.operating.upkeep import Sweep

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
