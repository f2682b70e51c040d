"""Undo a removal: put the entries that a person unsuppressed last back, as if they had never been off the list."""

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Conflict, NotFound
from app.services.suppression.disclosure import disclosed
from app.services.suppression.entries import Entry, check_why, note_in_audit, visible
from app.services.suppression.list_writer import ListWriter
from app.services.suppression.resolve import Named, Naming, changeable, visible_entry
from app.store.engine.database import Database, clock
from app.store.suppression import suppressions
from app.store.suppression.suppressions import POSTERN, NewSuppression, Suppression


class Undo:
    """Puts unsuppressed entries back."""

    def __init__(self, *, database: Database, writer: ListWriter, naming: Naming) -> None:
        self._database = database
        self._writer = writer
        self._naming = naming

    def __call__(self, caller: Caller, id_or_email: str, *, reason: str | None) -> tuple[Entry, ...]:
        """Put back the entries that a person unsuppressed last, as if they had never been off the list.

        Where the address was suppressed again meanwhile, the stronger entry stays. Raises `NotFound` when no entry was
        unsuppressed, and `Conflict` when there is nothing left to put back.
        """
        caller.require(Scope.SUPPRESSIONS_WRITE)
        why = check_why(caller, reason)
        named = self._naming(id_or_email, changing=caller)
        with self._database.transaction() as connection:
            now = clock(connection)
            last = _unsuppressed_last(connection, caller, named)
            still = [one for one in last if one.expires_at is None or one.expires_at > now]
            still.sort(key=lambda one: (one.key, one.scope))
            back = [entry for one in still if (entry := self._put_back(connection, caller, one, why)) is not None]
            if not back:
                raise Conflict("Nothing to put back: the entry has expired, or the address is suppressed again.")
            for one in back:
                note_in_audit(connection, caller, "undo_unsuppress", one, why)
            return tuple(map(Entry.of, disclosed(connection, caller, tuple(back))))

    def _put_back(self, connection: Connection, caller: Caller, tombstone: Suppression, why: str) -> Suppression | None:
        """The entry that is live again, or None when another entry has its place and keeps it."""
        again = NewSuppression(
            key=tombstone.key,
            scope=tombstone.scope,
            address=tombstone.address,
            origin=tombstone.origin,
            reason=tombstone.reason,
            actor=caller.actor,
            source=tombstone.source,
            expires_at=tombstone.expires_at,
        )
        restored = self._writer.restore(connection, tombstone, actor=caller.actor, reason=why)
        if restored is not None:
            return restored
        entry, put = self._writer.put(connection, again)
        return entry if put else None


def _unsuppressed_last(connection: Connection, caller: Caller, named: Named) -> tuple[Suppression, ...]:
    if named.entry_id is None:
        past = visible(caller, suppressions.history(connection, *named.keys))
    else:
        past = changeable(caller, visible_entry(connection, caller, named))
    times = {one.id: one.removed_at for one in past if one.removed_at is not None and one.removed_by != POSTERN}
    if not times:
        raise NotFound("No person has unsuppressed this address.")
    return tuple(one for one in past if times.get(one.id) == max(times.values()))
