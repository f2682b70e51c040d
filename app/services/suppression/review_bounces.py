"""Mass bounces: addresses that bounce in a burst wait for a person, who decides for the whole domain.

The entries suppress while they wait, which is the safe side. A sweep works out what is under review from the stored
events alone, each time anew. So the result does not depend on the order in which SNS delivers them, or on delays.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import NotFound
from app.domain.feedback.bounce_causes import BounceCause
from app.domain.feedback.events import Bounce
from app.domain.privacy.redaction import without_addresses
from app.domain.suppression.mass_bounces import BurstLimit, in_bursts
from app.services.isolation import each_apart
from app.services.suppression.entries import check_why, read_target
from app.services.suppression.list_writer import ListWriter
from app.store.engine.database import Database, clock
from app.store.operating import audit, incidents
from app.store.suppression import reviews
from app.store.suppression.reviews import Review, Span
from app.store.suppression.suppressions import POSTERN

__all__ = ["MASS_BOUNCES", "Decision", "Reply", "Review", "Reviews"]

MASS_BOUNCES: Final = "mass_bounces"
_SAMPLE: Final = 50
_REPLIES: Final = 3


class Decision(StrEnum):
    """What a person decides about a domain under review: its mailboxes are gone, or its server was wrong."""

    CONFIRM = reviews.CONFIRM
    UNDO = reviews.UNDO


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of a server, without addresses, and how many of the entries that were looked at it is about."""

    text: str
    number: int


class Reviews:
    """Opens reviews, and carries out decisions."""

    def __init__(
        self,
        *,
        database: Database,
        writer: ListWriter,
        burst_limit: BurstLimit,
        cause_of: Callable[[Bounce], BounceCause],
    ) -> None:
        self._database = database
        self._writer = writer
        self._burst_limit = burst_limit
        self._cause_of = cause_of

    def sweep(self) -> int:
        """Put bursts of bounces under review, and release entries that turn out to be in none.

        Returns how many entries changed.
        """
        if not self._burst_limit.limit:
            return 0
        with self._database.reading() as connection:
            spans = reviews.spans(connection, since=clock(connection) - reviews.LOOK_BACK)
        return each_apart(self._database, "reviews", spans, self._look, name=lambda span: span.domain)

    def waiting(self, caller: Caller) -> tuple[Review, ...]:
        """The domains that wait for a decision, the oldest first."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return reviews.all_open(connection)

    def replies(self, caller: Caller) -> Mapping[UUID, tuple[Reply, ...]]:
        """What servers said of some entries of each open review, by its id, the most frequent replies first."""
        caller.require(Scope.ADMIN)
        said: defaultdict[UUID, Counter[str]] = defaultdict(Counter)
        with self._database.reading() as connection:
            for review_id, source in reviews.samples(connection, each=_SAMPLE):
                if isinstance(diagnostic := source.get("diagnostic"), str):
                    said[review_id][without_addresses(diagnostic)] += 1
        return {
            review_id: tuple(Reply(text, number) for text, number in counted.most_common(_REPLIES))
            for review_id, counted in said.items()
        }

    def decide(self, caller: Caller, domain: str, decision: Decision, *, reason: str | None) -> int:
        """Confirm or undo all waiting entries of a domain; return how many. Raises `NotFound` when none waits.

        Undone entries are unsuppressed as usual, here and at SES.
        """
        caller.require(Scope.ADMIN)
        why = check_why(caller, reason)
        name = read_target(domain if domain.startswith("@") else f"@{domain}", "/domain").key
        with self._database.transaction() as connection:
            review_id = reviews.find(connection, name[1:])
            if review_id is None:
                raise NotFound("No entries of this domain wait for a decision; see the list of reviews.")
            entries = reviews.entries_of(connection, review_id)
            change = self._writer.unsuppress if decision is Decision.UNDO else self._writer.confirm
            change(connection, [one.id for one in entries], actor=caller.actor, reason=why)
            reviews.decide(connection, review_id, decision, actor=caller.actor, reason=why)
            details = {"review_id": str(review_id), "entries": len(entries)}
            audit.write(connection, actor=caller.actor, action=f"review_{decision}", key=name, reason=why, data=details)
        if decision is Decision.UNDO:
            self._writer.evict(one.key for one in entries)
        return len(entries)

    def _look(self, span: Span) -> int:
        window = self._burst_limit.window
        wider = Span(span.domain, span.first - window, span.last + window)
        with self._database.transaction() as connection:
            outcomes = reviews.outcomes(
                connection, wider, self._cause_of, after=reviews.last_decision(connection, span.domain)
            )
            keys = in_bursts(outcomes.bounces, outcomes.others, self._burst_limit)
            return self._hold(connection, span.domain, keys) + self._release(connection, span.domain, keys)

    def _hold(self, connection: Connection, domain: str, keys: frozenset[str]) -> int:
        if not reviews.undecided(connection, sorted(keys), lock=False):
            return 0
        review_id, opened = reviews.open_one(connection, domain)
        entry_ids = reviews.undecided(connection, sorted(keys))
        minutes = self._burst_limit.window // timedelta(minutes=1)
        reason = f"Many addresses of this domain bounced within {minutes} minutes: a person has to decide."
        waiting = self._writer.put_under_review(connection, entry_ids, review_id=review_id, reason=reason)
        if opened:
            detail = f"{len(keys)} addresses bounced at once. See `./postern suppressions review`."
            incidents.note(connection, kind=MASS_BOUNCES, subject=domain, detail=detail)
        return len(waiting)

    def _release(self, connection: Connection, domain: str, keys: frozenset[str]) -> int:
        """Release entries that are no longer part of a burst, since emails to the domain were delivered meanwhile."""
        review_id = reviews.find(connection, domain)
        if review_id is None:
            return 0
        waiting = reviews.entries_of(connection, review_id)
        released = [one.id for one in waiting if one.key not in keys]
        reason = "Other emails to this domain were delivered at the time: it was no burst after all."
        self._writer.confirm(connection, released, actor=POSTERN, reason=reason)
        if len(released) == len(waiting):
            reviews.decide(connection, review_id, reviews.WITHDRAWN, actor=POSTERN, reason=reason)
        return len(released)
