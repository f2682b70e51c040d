"""Undo a removal: what a person took off the list last stands on it again, as if it had never been off."""

from sqlalchemy import Connection

from app.domain.callers import Caller, Scope
from app.domain.errors import Conflict, NotFound
from app.services.disclosure import disclosed
from app.services.entries import Entry, check_why, note_in_audit, visible
from app.services.naming import Named, Naming, changeable, visible_entry
from app.store import suppressions
from app.store.db import Database, clock
from app.store.positives import Positives
from app.store.suppressions import POSTERN, NewSuppression, Suppression


class Undo:
    """Puts back what was lifted."""

    def __init__(self, *, database: Database, positives: Positives, naming: Naming) -> None:
        self._database = database
        self._positives = positives
        self._naming = naming

    def __call__(self, caller: Caller, id_or_email: str, *, reason: str | None) -> tuple[Entry, ...]:
        """Put back what a person took off the list last: the same entries, as if they had never been off it.

        Where the address was suppressed again meanwhile, the stronger entry stands. Raises `NotFound` when nothing was
        taken off, and `Conflict` when there is nothing to put back any more.
        """
        caller.require(Scope.SUPPRESSIONS_WRITE)
        why = check_why(caller, reason)
        named = self._naming(id_or_email, changing=caller)
        with self._database.transaction() as connection:
            now = clock(connection)
            last = _lifted_last(connection, caller, named)
            still = [one for one in last if one.expires_at is None or one.expires_at > now]
            self._positives.add([one.key for one in still])
            back = [entry for one in still if (entry := _put_back(connection, caller, one, why)) is not None]
            if not back:
                raise Conflict("Nothing to put back: it has run out meanwhile, or the address is suppressed again.")
            for one in back:
                note_in_audit(connection, caller, "undo_unsuppress", one, why)
            return tuple(map(Entry.of, disclosed(connection, caller, tuple(back))))


def _lifted_last(connection: Connection, caller: Caller, named: Named) -> tuple[Suppression, ...]:
    if named.entry_id is None:
        past = visible(caller, suppressions.history(connection, *named.keys))
    else:
        past = changeable(caller, visible_entry(connection, caller, named))
    times = {one.id: one.removed_at for one in past if one.removed_at is not None and one.removed_by != POSTERN}
    if not times:
        raise NotFound("Nobody took this address off the list.")
    return tuple(one for one in past if times.get(one.id) == max(times.values()))


def _put_back(connection: Connection, caller: Caller, tombstone: Suppression, why: str) -> Suppression | None:
    """The entry that stands again, or None when one that need not give way is in its place."""
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
    restored = suppressions.restore(connection, tombstone, actor=caller.actor, reason=why)
    if restored is not None:
        return restored
    entry, put = suppressions.put(connection, again)
    return entry if put else None
