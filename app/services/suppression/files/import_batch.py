"""One batch of an import: what becomes of each of its rows, and which entries that puts on the list.

It decides row after row, as if each came alone: the second of two rows for one name and scope meets what the first one
put. It reads and writes nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from app.domain.list_rows import Admission, BadRow, ListRow, Refused, RowVerdict, check, verdict
from app.domain.suppression import EVERY_MAIL, Lasting, Origin
from app.store.covered import Unsubscription
from app.store.ids import new_id
from app.store.rehearsal import Rehearsed
from app.store.suppression_bulk import BulkEntry, Place, PlaceName
from app.store.suppressions import Suppression

_PUT: Final = frozenset({RowVerdict.ADDED, RowVerdict.REPLACED})
_HEARD: Final = _PUT | {RowVerdict.KEPT}
_NOTHING: Final = Place()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one row; of a refused one, which rule it breaks."""

    line: int
    verdict: RowVerdict
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Put:
    """What a place holds after the rows so far: a row, and the live entry whose place it takes."""

    row: ListRow
    created_at: datetime
    replaces: Suppression | None


class Batch:
    """The rows of one transaction."""

    def __init__(
        self,
        rows: Sequence[ListRow | Refused],
        admission: Admission,
        *,
        fresh: bool,
        pseudonym: Callable[[str], str],
    ) -> None:
        self._rows = rows
        self._admission = admission
        self._fresh = fresh
        self._put: dict[PlaceName, _Put] = {}
        self._unsubscribed: dict[PlaceName, tuple[ListRow, Suppression | None]] = {}
        self._pseudonyms = {row.key: pseudonym(row.key) for row in rows if isinstance(row, ListRow)}
        self.keys = {*self._pseudonyms, *self._pseudonyms.values()}
        self.told: list[Told] = []
        self.ended: list[Suppression] = []

    def decide(
        self, places: Mapping[PlaceName, Place], *, rehearsed: Mapping[PlaceName, Rehearsed], now: datetime
    ) -> None:
        """Decide every row beside what stands on the list, or would stand there."""
        for row in self._rows:
            self.told.append(self._decide(row, places, rehearsed, now))

    def entries(self, *, import_id: UUID) -> list[BulkEntry]:
        """What is to be put, no two in one place."""
        return [
            BulkEntry(
                id=new_id(),
                key=put.row.key,
                scope=put.row.scope,
                address=put.row.address,
                origin=put.row.origin.value,
                reason=put.row.reason,
                source={**put.row.source, "import": str(import_id)},
                created_at=put.created_at,
                expires_at=put.row.expires_at,
                replaces=put.replaces,
            )
            for put in self._put.values()
        ]

    def covered(self, entries: Sequence[BulkEntry]) -> Iterator[Unsubscription]:
        """The unsubscriptions among the rows that lie under another entry: one of these, or one that stood before."""
        put = {(one.key, one.scope): one for one in entries}
        for name, (row, stood) in self._unsubscribed.items():
            covering = put.get(name, stood)
            if covering is not None and covering.origin != Origin.UNSUBSCRIBE:
                replaced = covering.replaces if isinstance(covering, BulkEntry) else None
                yield Unsubscription(id=(replaced or covering).id, scope=row.scope, reason=row.reason)

    @property
    def would_stand(self) -> dict[PlaceName, Rehearsed]:
        """What would stand in the places that the rows change."""
        return {name: Rehearsed(put.row.origin.value, put.row.expires_at) for name, put in self._put.items()}

    def _decide(
        self,
        row: ListRow | Refused,
        places: Mapping[PlaceName, Place],
        rehearsed: Mapping[PlaceName, Rehearsed],
        now: datetime,
    ) -> Told:
        if isinstance(row, Refused):
            return Told(line=row.line, verdict=RowVerdict.REFUSED, code=row.code, detail=row.detail)
        try:
            check(row, self._admission, now=now)
        except BadRow as error:
            return Told(line=row.line, verdict=RowVerdict.REFUSED, code=error.rule.value, detail=str(error))
        if self._is_forgotten(row, places):
            return Told(line=row.line, verdict=RowVerdict.KEPT)
        name = (row.key, row.scope)
        place = places.get(name, _NOTHING)
        put = self._put.get(name)
        standing: Lasting | None = put.row if put else rehearsed.get(name, place.entry)
        what = verdict(row, standing, removed_at=place.removed_at, now=now, fresh=self._fresh)
        if what in _HEARD and row.origin is Origin.UNSUBSCRIBE:
            self._unsubscribed[name] = (row, place.entry)
        if what in _PUT:
            self._note(row, place, put, added=what is RowVerdict.ADDED, now=now)
        return Told(line=row.line, verdict=what)

    def _is_forgotten(self, row: ListRow, places: Mapping[PlaceName, Place]) -> bool:
        """Whether the person asked to be forgotten: no mail goes there, and the address is not to be stored again."""
        return places.get((self._pseudonyms[row.key], EVERY_MAIL), _NOTHING).entry is not None

    def _note(self, row: ListRow, place: Place, earlier: _Put | None, *, added: bool, now: datetime) -> None:
        if earlier is not None:
            created_at, replaces = earlier.created_at, earlier.replaces
        elif added:
            created_at, replaces = min(row.dated or now, now), None
            if place.entry is not None:
                self.ended.append(place.entry)
        else:
            created_at, replaces = now, place.entry
        self._put[row.key, row.scope] = _Put(row=row, created_at=created_at, replaces=replaces)
