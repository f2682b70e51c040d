"""Which results of calls open a circuit, and which close one.

A circuit holds back all email that would fail for the same cause: SES cannot be reached, the account is paused, a
sender is not verified, a key or a setting is missing. `app.store.sending.circuits` keeps them, and the claim
obeys them (`app.store.sending.claims`).
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from app.domain.sending.call_outcome import Accepted, Refused, Retry, Throttled, Tripped
from app.services.sending.call_results import Report
from app.store.sending import circuits
from app.store.sending.circuits import KEYS, REACH


def move_circuits(connection: Connection, reports: Sequence[Report], *, are_open: bool) -> None:
    """Open the circuits whose cause these results name, and close those whose cause they prove to be over.

    `are_open` says whether any circuit is open that a result may close.
    """
    # Nothing has written the row since the claim, so its last change is the time of the claim.
    tripped = {
        report.result.scope: (report.result.reason, report.attempt.recipient.updated_at)
        for report in reports
        if isinstance(report.result, Tripped)
    }
    proven = frozenset[str]().union(*map(_proven, reports))
    if tripped or (proven and are_open):
        circuits.lock(connection, tripped.keys() | proven)
    # One call could not connect, or one body could not be opened, while another of the same moment could: the cause
    # is not shared by all email.
    for scope in sorted(tripped.keys() - (proven & {REACH, KEYS})):
        reason, claimed_at = tripped[scope]
        circuits.trip(connection, scope, reason=reason, claimed_at=claimed_at)
    if proven and are_open:
        circuits.close(connection, sorted(proven - (tripped.keys() - {REACH, KEYS})))


def _proven(report: Report) -> frozenset[str]:
    """The circuits whose cause this result proves to be over."""
    match report.result:
        case Accepted() if not report.attempt.recipient.is_test:
            recipient = report.attempt.recipient
            return circuits.OF_EVERYBODY | {f"sender:{recipient.sender_domain}", f"stream:{recipient.scope}"}
        case Throttled() | Refused() | Retry(_, "ses_answer_unknown" | "ses_sandbox"):
            return frozenset({REACH})
        case Tripped(scope, _) if scope in circuits.ABOUT_SES - {REACH} or scope.startswith("sender:"):
            return frozenset({REACH})
    return frozenset()
