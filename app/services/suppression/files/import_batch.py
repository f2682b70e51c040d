"""One batch of an import: the verdict on each of its rows, and the entries that they put on the list.

Rows are decided one after another: the second of two rows for one name and scope meets the entry that the first one
put. This module reads and writes nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from app.domain.suppression.files.rows import Admission, BadRow, ListRow, Refused, RowVerdict, check, verdict
from app.domain.suppression.rules import EVERY_EMAIL, Lasting, Origin
from app.store.engine.ids import new_id
from app.store.suppression.bulk import BulkEntry, ListSlot, PlaceName
from app.store.suppression.covered_unsubscribes import Unsubscription
from app.store.suppression.dry_run import Rehearsed
from app.store.suppression.suppressions import Suppression

_PUT: Final = frozenset({RowVerdict.ADDED, RowVerdict.REPLACED})
_HEARD: Final = _PUT | {RowVerdict.KEPT}
_NOTHING: Final = ListSlot()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """The verdict on one row; for a refused row, the rule that it breaks. `email` is empty where it cannot be read."""

    line: int
    verdict: RowVerdict
    email: str = ""
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Put:
    """What is in a place after the rows so far: a row, and the live entry that it replaces."""

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
        self.results: list[RowResult] = []
        self.ended: list[Suppression] = []

    def decide(
        self, places: Mapping[PlaceName, ListSlot], *, rehearsed: Mapping[PlaceName, Rehearsed], now: datetime
    ) -> None:
        """Decide every row, given what is on the list, or would be there in a dry run."""
        for row in self._rows:
            self.results.append(self._decide(row, places, rehearsed, now))

    def entries(self, *, import_id: UUID) -> list[BulkEntry]:
        """The entries to put, at most one in a place.

        Those from an application's file have its name in `source`, so that they count as its own.
        """
        app = {} if self._admission.app is None else {"app": self._admission.app}
        return [
            BulkEntry(
                id=new_id(),
                key=put.row.key,
                scope=put.row.scope,
                address=put.row.address,
                origin=put.row.origin.value,
                reason=put.row.reason,
                source={**put.row.source, "import": str(import_id), **app},
                created_at=put.created_at,
                expires_at=put.row.expires_at,
                replaces=put.replaces,
            )
            for put in self._put.values()
        ]

    def covered(self, entries: Sequence[BulkEntry]) -> Iterator[Unsubscription]:
        """The unsubscriptions among the rows that another entry covers: one of these, or one that was there before."""
        put = {(one.key, one.scope): one for one in entries}
        for name, (row, standing) in self._unsubscribed.items():
            covering = put.get(name, standing)
            if covering is not None and covering.origin != Origin.UNSUBSCRIBE:
                replaced = covering.replaces if isinstance(covering, BulkEntry) else None
                yield Unsubscription(id=(replaced or covering).id, scope=row.scope, reason=row.reason)

    @property
    def would_stand(self) -> dict[PlaceName, Rehearsed]:
        """What would be in the places that the rows change."""
        return {name: Rehearsed(put.row.origin.value, put.row.expires_at) for name, put in self._put.items()}

    def _decide(
        self,
        row: ListRow | Refused,
        places: Mapping[PlaceName, ListSlot],
        rehearsed: Mapping[PlaceName, Rehearsed],
        now: datetime,
    ) -> RowResult:
        if isinstance(row, Refused):
            return RowResult(line=row.line, verdict=RowVerdict.REFUSED, code=row.code, detail=row.detail)
        try:
            check(row, self._admission, now=now)
        except BadRow as error:
            return RowResult(
                line=row.line,
                verdict=RowVerdict.REFUSED,
                email=row.address,
                code=error.rule.value,
                detail=str(error),
            )
        if self._is_forgotten(row, places):
            return RowResult(line=row.line, verdict=RowVerdict.KEPT, email=row.address)
        name = (row.key, row.scope)
        place = places.get(name, _NOTHING)
        put = self._put.get(name)
        standing: Lasting | None = put.row if put else rehearsed.get(name, place.entry)
        what = verdict(row, standing, removed_at=place.removed_at, now=now, fresh=self._fresh)
        if what in _HEARD and row.origin is Origin.UNSUBSCRIBE:
            self._unsubscribed[name] = (row, place.entry)
        if what in _PUT:
            self._note(row, place, put, added=what is RowVerdict.ADDED, now=now)
        return RowResult(line=row.line, verdict=what, email=row.address)

    def _is_forgotten(self, row: ListRow, places: Mapping[PlaceName, ListSlot]) -> bool:
        """Whether the person asked to be forgotten: no email goes there, and the address must not be stored again."""
        return places.get((self._pseudonyms[row.key], EVERY_EMAIL), _NOTHING).entry is not None

    def _note(self, row: ListRow, place: ListSlot, earlier: _Put | None, *, added: bool, now: datetime) -> None:
        if earlier is not None:
            created_at, replaces = earlier.created_at, earlier.replaces
        elif added:
            created_at, replaces = min(row.dated or now, now), None
            if place.entry is not None:
                self.ended.append(place.entry)
        else:
            created_at, replaces = now, place.entry
        self._put[row.key, row.scope] = _Put(row=row, created_at=created_at, replaces=replaces)
