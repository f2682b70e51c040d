"""Compare the ledger of SES with the database: what was sent with what is on record. It does no I/O.

It takes the simulator's ledger entries, and emails as the public API returns them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.domain.sending.state_machine import State

Json = dict[str, Any]

ROW_TAG = "postern_recipient"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoning:
    """The differences, each as (SES message id, address) or as the id of a recipient's row."""

    only_in_ledger: frozenset[tuple[str, str]]
    only_in_database: frozenset[tuple[str, str]]
    sent_twice: frozenset[str]
    sent_though_suppressed: frozenset[str]

    @property
    def agrees(self) -> bool:
        """Whether everything that was sent is on record, and nothing was sent that should not have been."""
        return not (self.only_in_ledger or self.only_in_database or self.sent_twice or self.sent_though_suppressed)


def reckon(ledger: Iterable[Json], emails: Iterable[Json]) -> Reckoning:
    """Compare all ledger entries with all recipients of all emails."""
    entries = list(ledger)
    rows = [recipient for email in emails for recipient in email["recipients"]]
    left = {(entry["ses_message_id"], entry["recipient"].lower()) for entry in entries}
    on_record = {(row["ses_message_id"], row["email"].lower()) for row in rows if row["ses_message_id"]}
    calls = Counter(entry["tags"].get(ROW_TAG, "") for entry in entries)
    suppressed = {row["id"] for row in rows if row["state"] == State.SUPPRESSED}
    return Reckoning(
        only_in_ledger=frozenset(left - on_record),
        only_in_database=frozenset(on_record - left),
        sent_twice=frozenset(row_id for row_id, count in calls.items() if count > 1),
        sent_though_suppressed=frozenset(calls.keys() & suppressed),
    )
