"""Look back at stored bounces: the replies that no rule reads, and what other rules would make of all of them."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.feedback.bounce_causes import BounceCause
from app.domain.feedback.bounce_reader import BounceReader, BounceReading
from app.domain.feedback.events import Bounce, EventType, SesEvent
from app.domain.message.address import Address, is_mailbox_simulator
from app.domain.privacy.pseudonym import read_named
from app.domain.privacy.redaction import without_addresses
from app.domain.sending.state_machine import State
from app.domain.suppression.rules import EVERY_EMAIL, ListEffect, Origin, Ruling, effect_of, outlived_by, rule
from app.services.moves import moves_of, note_moves
from app.services.suppression.address_pauses import reassess
from app.services.suppression.list_writer import ListWriter
from app.store.engine import advisory_locks
from app.store.engine.database import Database
from app.store.feedback import bounce_pages, events
from app.store.feedback.bounce_pages import StoredBounce
from app.store.operating import audit
from app.store.sending import recipients
from app.store.suppression import changes, entry_locks, suppressions
from app.store.suppression.suppressions import POSTERN, NewSuppression

READS_OTHERWISE: Final = "The rules read the bounce otherwise now."
_PAGE: Final = 2_000
_NOT_READ: Final = frozenset({BounceCause.REFUSED_UNCLEAR, BounceCause.PASSING})


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A reply that no rule reads, without addresses, and how many bounces had it."""

    reply: str
    count: int


@dataclass(slots=True)
class Reread:
    """What reading again changed, or would change: bounces by their old and new effect, and addresses by their fate."""

    bounces: int = 0
    changed: Counter[tuple[str, str]] = field(default_factory=Counter)
    suppressed: int = 0
    unsuppressed: int = 0


class BounceReview:
    """Looks back at stored bounces."""

    def __init__(
        self, *, database: Database, writer: ListWriter, bounces: BounceReader, exempt_mailbox_simulator: bool
    ) -> None:
        self._database = database
        self._writer = writer
        self._bounces = bounces
        self._exempt = exempt_mailbox_simulator

    def unmatched(self, caller: Caller, *, since: datetime, limit: int) -> tuple[Unmatched, ...]:
        """The replies since then that no rule reads, the most frequent first, with addresses masked."""
        caller.require(Scope.ADMIN)
        counted: Counter[str] = Counter()
        for one in self._each(since):
            reading = self._bounces.read(one.bounce)
            if reading.rule is None and reading.cause in _NOT_READ and one.bounce.diagnostic:
                counted[without_addresses(one.bounce.diagnostic)] += 1
        return tuple(Unmatched(reply, count) for reply, count in counted.most_common(limit))

    def reread(
        self, caller: Caller, *, since: datetime, dry_run: bool, show: Callable[[int], None] = lambda _: None
    ) -> Reread:
        """Read the bounces since then by the rules of today, and apply what follows, unless `dry_run`.

        An entry is unsuppressed only if this bounce is its reason, no other bounce of the address suppresses, and no
        person confirmed it. An address that a person unsuppressed stays so for bounces of earlier email.
        """
        caller.require(Scope.ADMIN)
        done = Reread()
        for one in self._each(since):
            done.bounces += 1
            reading = self._bounces.read(one.bounce)
            if one.cause == reading.cause and one.rule == reading.rule:
                continue
            before = effect_of(BounceCause(one.cause)).value if one.cause in set(BounceCause) else "unknown"
            done.changed[before, effect_of(reading.cause).value] += 1
            self._apply(one, reading, done, dry_run=dry_run)
            show(done.bounces)
        if not dry_run:
            self._note(caller, done)
        return done

    def _each(self, since: datetime) -> Iterator[StoredBounce]:
        after = None
        while True:
            with self._database.reading() as connection:
                found = bounce_pages.page(connection, after=after, since=since, limit=_PAGE)
            if found.last is None:
                return
            yield from found.bounces
            after = found.last

    def _apply(self, one: StoredBounce, reading: BounceReading, done: Reread, *, dry_run: bool) -> None:
        address = read_named(one.address) if one.address else None
        ruling = rule(_event(one), reading.cause, exempt=self._exempt and _of_simulator(address))
        with self._database.transaction() as connection:
            keys = [one.key] if one.key else []
            advisory_locks.hold(connection, keys)
            entry_locks.hold_keys(connection, keys)
            suppresses = address is not None and ruling.verdict is ListEffect.SUPPRESS
            put = suppresses and self._may_suppress(connection, one, address, ruling)
            ended = [] if suppresses or address is None else self._no_longer_due(connection, one, address)
            done.suppressed += put
            done.unsuppressed += len(ended)
            if dry_run:
                return
            judged = {"cause": reading.cause, "rule": reading.rule, "weight": ruling.weight}
            kept = {name: value for name, value in one.data.items() if name not in judged}
            data = kept | {name: value for name, value in judged.items() if value is not None}
            bounce_pages.read_again(
                connection, one.id, data=data, counts_against=ruling.weight is not None, effect=ruling.why
            )
            if put and address is not None:
                self._writer.put(connection, _entry(one, address, ruling))
            self._unsuppress(connection, ended)
            if address is not None:
                counted = events.counted_bounces(connection, [address.key]).get(address.key, ())
                reassess(connection, self._writer, address, bounces=counted)
        self._writer.evict(one.key for one in ended)
        # By itself: the settler locks recipients before addresses.
        with self._database.transaction() as connection:
            self._show_cause(connection, one, reading.cause)

    def _show_cause(self, connection: Connection, one: StoredBounce, cause: BounceCause) -> None:
        """Give the recipient of the bounce this cause, unless another bounce gave it one of its own."""
        about = bounce_pages.recipient_of(connection, one.id)
        rows = recipients.lock(connection, [about] if about else [])
        bounced = (row for row in rows.values() if row.state is State.BOUNCED and row.cause in {None, one.cause})
        shown = [replace(row, cause=cause) for row in bounced]
        for row in shown:
            bounce_pages.show_cause(connection, row.id, cause=cause)
        note_moves(connection, moves_of(rows, shown))

    def _may_suppress(self, connection: Connection, one: StoredBounce, address: Address | None, ruling: Ruling) -> bool:
        """Whether the bounce suppresses an address that is free now, and is fresh evidence after any removal."""
        if address is None or ruling.origin is None or ruling.in_stream_only:
            return False
        removed_at = suppressions.last_removal(connection, key=address.key, scope=EVERY_EMAIL)
        fresh = removed_at is None or outlived_by(removed_at, _event(one), origin=ruling.origin)
        live = [entry for entry in suppressions.live(connection, address.key) if entry.scope == EVERY_EMAIL]
        return fresh and not any(entry.expires_at is None for entry in live)

    def _no_longer_due(
        self, connection: Connection, one: StoredBounce, address: Address
    ) -> list[suppressions.Suppression]:
        """The entries that stand only because of this bounce."""
        mine = [
            entry
            for entry in suppressions.live(connection, address.key)
            if entry.origin == Origin.BOUNCE
            and entry.source.get("ses_message_id") == one.ses_message_id
            and not changes.confirmed_by_a_person(connection, entry.id)
        ]
        others = events.bounces(connection, [address.key]).get(address.key, ())
        still = any(effect_of(self._bounces.cause_of(other.bounce)) is ListEffect.SUPPRESS for other in others)
        return [] if still else mine

    def _unsuppress(self, connection: Connection, entries: list[suppressions.Suppression]) -> None:
        ended = self._writer.unsuppress(
            connection, [entry.id for entry in entries], actor=POSTERN, reason=READS_OTHERWISE, at_ses_too=False
        )
        for entry in ended:
            details = {"suppression_id": str(entry.id), "scope": entry.scope, "origin": entry.origin}
            audit.write(
                connection, actor=POSTERN, action="unsuppress", key=entry.key, reason=READS_OTHERWISE, data=details
            )

    def _note(self, caller: Caller, done: Reread) -> None:
        counts: dict[str, Any] = {
            "bounces": done.bounces,
            "changed": done.changed.total(),
            "suppressed": done.suppressed,
            "unsuppressed": done.unsuppressed,
        }
        with self._database.transaction() as connection:
            audit.write(connection, actor=caller.actor, action="bounces_reread", key=None, reason=None, data=counts)


def _of_simulator(address: Address | None) -> bool:
    return address is not None and is_mailbox_simulator(address)


def _event(one: StoredBounce) -> SesEvent:
    return SesEvent(
        kind=EventType.BOUNCE,
        ses_message_id=one.ses_message_id,
        recipient=one.address,
        occurred_at=one.occurred_at,
        mail_sent_at=one.mail_sent_at,
        bounce=replace(one.bounce),
    )


def _entry(one: StoredBounce, address: Address, ruling: Ruling) -> NewSuppression:
    bounce: Bounce = one.bounce
    return NewSuppression(
        key=address.key,
        scope=EVERY_EMAIL,
        address=address.email,
        origin=ruling.origin or Origin.BOUNCE,
        reason=bounce.diagnostic or ruling.why,
        actor=POSTERN,
        source=dict(one.data),
    )
