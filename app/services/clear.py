"""Names that came off the list are taken out of Redis too, once that is committed.

A positive that stays costs acceptance a look into SQL; for one that is missing, acceptance takes a mail that the claim
then refuses. So a name stays while anything is live under it, and while nobody can say.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from app.domain.errors import ServiceUnavailable
from app.store import suppressions
from app.store.db import Database
from app.store.positives import Positives

_AT_ONCE: Final = 1_000


def clear(names: Iterable[str], *, database: Database, positives: Positives) -> None:
    """Take these names out of Redis, except of whom something is live, or came meanwhile."""
    distinct = list(dict.fromkeys(names))
    for start in range(0, len(distinct), _AT_ONCE):
        some = distinct[start : start + _AT_ONCE]
        over = sorted(set(some) - _live(database, some))
        positives.remove(over)
        positives.add(sorted(_live(database, over)))


def _live(database: Database, names: Sequence[str]) -> set[str]:
    """Those under which something is live; all of them when SQL is away."""
    if not names:
        return set()
    try:
        with database.reading() as connection:
            return {entry.key for entry in suppressions.live(connection, *names)}
    except ServiceUnavailable:
        return set(names)
