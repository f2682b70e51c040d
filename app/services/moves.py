"""What follows from each move of a recipient, written in the transaction that moves it.

Every service that writes recipients, be they new or moved, hands them to `note_moves`; a test of the house holds it to
that.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.services.counting import changes_of, changes_of_new
from app.services.outbox import of_added, of_moves, tell
from app.services.tally import tally_of, tally_of_accepted
from app.store.operating import tallies
from app.store.reporting import counts
from app.store.sending.recipients import Recipient
from app.store.submission.emails import NewEmail


@dataclass(frozen=True, slots=True)
class Move:
    """One recipient before and after a change."""

    before: Recipient
    after: Recipient


def moves_of(before: Mapping[UUID, Recipient], after: Iterable[Recipient]) -> tuple[Move, ...]:
    """The moves of these recipients; `before` has them by id. One that stayed as it was is no move."""
    return tuple(Move(before[row.id], row) for row in after if row != before[row.id])


def note_moves(
    connection: Connection,
    moves: Sequence[Move] = (),
    *,
    added: Sequence[NewEmail] = (),
    bounces: Mapping[tuple[str, str], int] | None = None,
) -> None:
    """Note the moves, the recipients of the emails that were added, and how many bounces of each type and cause.

    Endpoints hear of test email, too. It is not counted.
    Call it last, and once in a transaction: it locks counts until the transaction ends.
    """
    pairs = [(one.before, one.after) for one in moves]
    tell(connection, [*of_moves(pairs), *of_added(added)])
    pairs = [(before, after) for before, after in pairs if not after.is_test]
    added = [email for email in added if not email.is_test]
    counts.add(connection, changes_of(pairs))
    if added:
        hours = counts.hours_of_new(connection, [one.id for email in added for one in email.recipients])
        counts.add(connection, changes_of_new(added, hours))
    moved = tally_of(pairs)
    accepted = tally_of_accepted(recipient.state for email in added for recipient in email.recipients)
    tallies.add(connection, moved + accepted + Counter(bounces or {}))
