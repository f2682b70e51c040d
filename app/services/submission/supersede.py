"""A newer email of an application cancels its older ones with the same key that have not left.

The key, `supersedes`, is a word of the application's own: an older email is canceled whatever its addresses are. It is
canceled by the rule of the state machine, so a recipient whose call may be under way keeps its email.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.reporting.outcomes import SUPERSEDING
from app.domain.sending.state_machine import WAITING
from app.services.moves import Move, moves_of
from app.services.submission.change import canceled
from app.store.engine import advisory_locks
from app.store.sending import recipients
from app.store.submission import emails
from app.store.submission.emails import NewEmail

Superseded = Mapping[UUID, Sequence[UUID]]
"""The emails that were canceled, by the new email that superseded them; a new email that superseded none is missing."""

_LOOKS_BACK: Final = 100
"""How many older emails with a key are looked at. Of those before, each was canceled by the next, or was being sent."""


@dataclass(frozen=True, slots=True)
class Supersession:
    """What new emails have canceled."""

    moves: tuple[Move, ...] = ()
    superseded: Superseded = field(default_factory=dict)


def supersede(connection: Connection, added: Sequence[NewEmail]) -> Supersession:
    """What is canceled because of the emails just added; the recipients are locked, and not written.

    Of several emails with one key in `added` the last one stays. Transactions with the same key wait for each other:
    two that did not see each other's email would both be sent. A test email supersedes test emails only.
    """
    last = {(email.app_id, email.supersedes, email.is_test): email for email in added if email.supersedes is not None}
    if not last:
        return Supersession()
    advisory_locks.hold(connection, [f"supersedes {app_id} {key}" for app_id, key, _ in last])
    newer = {
        recipient_id: email.id
        for (app_id, key, is_test), email in last.items()
        for recipient_id in emails.recipients_with_key(
            connection, app_id, key, is_test=is_test, states=WAITING, newest=_LOOKS_BACK + len(added)
        )
    }
    stay = {recipient.id for email in last.values() for recipient in email.recipients}
    rows = recipients.lock(connection, newer.keys() - stay)
    moves = moves_of(rows, canceled(connection, rows, reason=SUPERSEDING))
    found: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for move in moves:
        found[newer[move.after.id]].add(move.after.email_id)
    return Supersession(moves, {email_id: sorted(older) for email_id, older in found.items()})
