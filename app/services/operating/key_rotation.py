"""Rotate `SECRET_KEYS` without losing what is sealed under them: show what is under which key, and reseal it.

This module decides when a rotation is finished, and whether a process may work with its keys. It never opens a body:
only the key of each body is wrapped anew.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID

import structlog

from app.domain.apps.callers import Caller, Scope
from app.store.apps import streams
from app.store.engine.database import Database
from app.store.operating import audit, sealed_rows
from app.store.operating.sealed_rows import EMAILS, KINDS, Kind, Wrapped
from app.store.privacy.pseudonyms import Pseudonyms
from app.store.submission.sealing import KeyRing, UnknownSealingKey, Unsealable, key_id_of

log = structlog.get_logger()

_KEY_BYTES: Final = 32
_PAGE: Final = 2000
BATCH: Final = 500
_LOOKED_AT: Final = 500


def new_key() -> str:
    """A new key for `SECRET_KEYS`: 32 random bytes as 43 characters of URL-safe base64."""
    return secrets.token_urlsafe(_KEY_BYTES)


class RotationStage(StrEnum):
    """The stage of a rotation."""

    FINISHED = "finished"
    UNFINISHED = "unfinished"
    CANNOT_BE_OPENED = "cannot_be_opened"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """One key and what is under it: rows by table, and how many of the emails still have to be sent.

    `place` is its index in `SECRET_KEYS`, or None if it is not there.
    """

    key_id: str
    place: int | None
    rows: Mapping[str, int]
    waiting: int

    @property
    def may_go(self) -> bool:
        """Whether the key can be removed: nothing is under it, and it is not the one that seals."""
        return self.place is not None and self.place > 0 and not any(self.rows.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The progress of a rotation. `links`: a stream has unsubscribe links, which are dead without their key.

    `altered` counts rows by table that could not be opened although their key is there, as far as that was tried.
    """

    keys: tuple[KeyUse, ...]
    links: bool
    altered: Mapping[str, int]

    @property
    def missing(self) -> tuple[KeyUse, ...]:
        """Keys that something is under and that this process does not have."""
        return tuple(use for use in self.keys if use.place is None)

    @property
    def older(self) -> int:
        """How many rows are under keys that are not the first."""
        return sum(sum(use.rows.values()) for use in self.keys if use.place)

    @property
    def verdict(self) -> RotationStage:
        """Whether everything is under the first key, would be after resealing, or cannot be opened here."""
        if self.missing or any(self.altered.values()):
            return RotationStage.CANNOT_BE_OPENED
        return RotationStage.UNFINISHED if self.older else RotationStage.FINISHED


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the keys of this process cannot open, and what to do; `stops_all` if nothing can be done without it."""

    detail: str
    stops_all: bool


@dataclass(slots=True)
class Resealed:
    """The progress of one resealing run: `looked_at` rows, `sealed` of them anew.

    `left` could not be resealed: their key is missing, they were altered, or another transaction held them.
    """

    looked_at: int = 0
    sealed: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)


class Rotation:
    """Shows the progress of a rotation of the keys, and finishes it."""

    def __init__(self, *, database: Database, key_ring: KeyRing, pseudonyms: Pseudonyms) -> None:
        self._database = database
        self._key_ring = key_ring
        self._pseudonyms = pseudonyms

    def trouble(self) -> Trouble | None:
        """What this process cannot open although it needs it: emails that are due first, secrets of API keys.

        A process that already has the key of the pseudonyms continues to work, whatever happened to the row. Raises
        `ServiceUnavailable`.
        """
        try:
            self._pseudonyms.check()
        except UnknownSealingKey as error:
            text = f"The key of the pseudonyms is {error}: put that key back at the end, and restart."
            return Trouble(text, stops_all=not self._pseudonyms.is_open)
        except Unsealable as error:
            text = f"The key of the pseudonyms cannot be opened: {error}. Bring the table peppers back from a backup."
            return Trouble(text, stops_all=not self._pseudonyms.is_open)
        with self._database.reading() as connection:
            due = sealed_rows.keys_of_what_is_due(connection, limit=_LOOKED_AT)
            of_doors = sealed_rows.keys_of_secrets(connection, limit=_LOOKED_AT)
        sentences = [
            f"{sealed} with keys which this process lacks: {', '.join(lacking)}."
            for sealed, lacking in (
                ("Email waits that is sealed", self._lacking(due, "emails")),
                ("The SES door is shut for API keys whose secrets are sealed", self._lacking(of_doors, "API keys")),
            )
            if lacking
        ]
        return Trouble(" ".join(sentences), stops_all=False) if sentences else None

    def _lacking(self, counted: Counter[bytes], what: str) -> list[str]:
        """Those of these keys that this process lacks, and how much of `what` is under each."""
        missing = {key_id.hex(): rows for key_id, rows in counted.items() if key_id not in self._key_ring.key_ids}
        return [f"{key_id} ({rows} {what} at least)" for key_id, rows in sorted(missing.items())]

    def standing(self, caller: Caller, *, show: Callable[[int], None] = lambda _: None) -> Standing:
        """Which keys are in use by how many rows. `show` is called with the number of rows looked at so far.

        It reads all emails. Raises `RestrictedApiKey` and `ServiceUnavailable`.
        """
        caller.require(Scope.ADMIN)
        rows: dict[bytes, Counter[str]] = {key_id: Counter() for key_id in self._key_ring.key_ids}
        waiting: Counter[bytes] = Counter()
        looked_at = 0
        for kind, page in self._pages():
            for key_id, number in Counter(key_id_of(row.key) for row in page.sealed).items():
                rows.setdefault(key_id, Counter())[kind.name] += number
            if kind is EMAILS:
                waiting += self._waiting(page)
            looked_at += page.looked_at
            show(looked_at)
        with self._database.reading() as connection:
            links = streams.any_with_links(connection)
        return Standing(
            keys=tuple(self._use(key_id, counted, waiting[key_id]) for key_id, counted in rows.items()),
            links=links,
            altered=self._altered(),
        )

    def reseal(self, caller: Caller) -> Iterator[Resealed]:
        """Reseal all rows that are under an older key, in batches of a transaction each; yields after each.

        It may be stopped between two batches and started again. Raises `RestrictedApiKey` and `ServiceUnavailable`.
        """
        caller.require(Scope.ADMIN)
        done = Resealed()
        for kind, page in self._pages():
            older = [row.id for row in page.sealed if not self._key_ring.seals_as(row.key)]
            for start in range(0, len(older), BATCH):
                self._seal_again(kind, older[start : start + BATCH], done)
                yield done
            done.looked_at += page.looked_at
            yield done
        data = {"sealed": dict(done.sealed), "left": dict(done.left), "key": self._key_ring.key_ids[0].hex()}
        with self._database.transaction() as connection:
            audit.write(connection, actor=caller.actor, action="reseal", key=None, reason=None, data=data)
        log.info("resealed", rows=done.sealed.total(), left=done.left.total())

    def _seal_again(self, kind: Kind, ids: list[UUID], done: Resealed) -> None:
        with self._database.transaction() as connection:
            locked = sealed_rows.lock(connection, kind, ids)
            anew = [Wrapped(row.id, wrapped) for row in locked if (wrapped := self._rewrapped(row)) is not None]
            sealed_rows.save(connection, kind, anew)
        done.sealed[kind.name] += len(anew)
        done.left[kind.name] += len(ids) - len(anew)

    def _rewrapped(self, row: Wrapped) -> bytes | None:
        try:
            return self._key_ring.rewrap(row.key, row_id=row.id)
        except (UnknownSealingKey, Unsealable):
            return None

    def _pages(self) -> Iterator[tuple[Kind, sealed_rows.Page]]:
        for kind in KINDS:
            after: UUID | None = None
            while True:
                with self._database.reading() as connection:
                    page = sealed_rows.page(connection, kind, after=after, limit=_PAGE)
                yield kind, page
                if page.last is None:
                    break
                after = page.last

    def _waiting(self, page: sealed_rows.Page) -> Counter[bytes]:
        """Waiting emails by key, without those under the first key, which are no obstacle."""
        older = {row.id: row.key for row in page.sealed if not self._key_ring.seals_as(row.key)}
        with self._database.reading() as connection:
            return Counter(key_id_of(older[id_]) for id_ in sealed_rows.waiting(connection, list(older)))

    def _altered(self) -> Counter[str]:
        """What cannot be opened although its key is there: the key of the pseudonyms is tried."""
        try:
            self._pseudonyms.check()
        except UnknownSealingKey:
            return Counter()
        except Unsealable:
            return Counter({sealed_rows.PEPPERS.name: 1})
        return Counter()

    def _use(self, key_id: bytes, counted: Counter[str], waiting: int) -> KeyUse:
        ids = self._key_ring.key_ids
        return KeyUse(
            key_id=key_id.hex(),
            place=ids.index(key_id) if key_id in ids else None,
            rows={kind.name: counted[kind.name] for kind in KINDS},
            waiting=waiting,
        )
