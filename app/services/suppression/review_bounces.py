"""The breaker for mass bounces: what bounces in a burst waits for a person, who decides about a domain as a whole.

The entries suppress while they wait, which is the safe side. What is under review follows from the stored events alone,
looked at afresh by a sweep: so it is the same in whatever order, and however late, SNS brings them.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from app.domain.bursts import Breaker, in_bursts
from app.domain.callers import Caller, Scope
from app.domain.errors import NotFound
from app.services.clear import clear
from app.services.entries import check_why, read_whom
from app.store import audit, incidents, reviews, suppressions
from app.store.db import Database, clock
from app.store.positives import Positives
from app.store.reviews import Review, Span
from app.store.suppressions import POSTERN

MASS_BOUNCES: Final = "mass_bounces"


class Decision(StrEnum):
    """What a person says of a domain under review: its mailboxes are gone, or its server erred."""

    CONFIRM = reviews.CONFIRM
    UNDO = reviews.UNDO


class Reviews:
    """Opens reviews, and takes decisions."""

    def __init__(self, *, database: Database, positives: Positives, breaker: Breaker) -> None:
        self._database = database
        self._positives = positives
        self._breaker = breaker

    def sweep(self) -> int:
        """Put under review what bounced in a burst, and release what did not after all; how many entries."""
        if not self._breaker.limit:
            return 0
        with self._database.reading() as connection:
            spans = reviews.spans(connection, since=clock(connection) - reviews.LOOK_BACK)
        return sum(self._look(span) for span in spans)

    def waiting(self, caller: Caller) -> tuple[Review, ...]:
        """The domains that wait for a decision, the oldest first."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return reviews.all_open(connection)

    def decide(self, caller: Caller, domain: str, decision: Decision, *, reason: str | None) -> int:
        """Confirm or undo all entries of a domain that wait; how many. Raises `NotFound` when none does.

        Undone ones leave the list as by any removal, here and at SES.
        """
        caller.require(Scope.ADMIN)
        why = check_why(caller, reason)
        name = read_whom(domain if domain.startswith("@") else f"@{domain}", "/domain").key
        with self._database.transaction() as connection:
            review_id = reviews.find(connection, name[1:])
            if review_id is None:
                raise NotFound("No entries of this domain wait for a decision; the list of reviews has those that do.")
            entries = reviews.entries_of(connection, review_id)
            change = suppressions.lift if decision is Decision.UNDO else suppressions.confirm
            change(connection, [one.id for one in entries], actor=caller.actor, reason=why)
            reviews.decide(connection, review_id, decision, actor=caller.actor, reason=why)
            told = {"review_id": str(review_id), "entries": len(entries)}
            audit.write(connection, actor=caller.actor, action=f"review_{decision}", key=name, reason=why, data=told)
        if decision is Decision.UNDO:
            clear((one.key for one in entries), database=self._database, positives=self._positives)
        return len(entries)

    def _look(self, span: Span) -> int:
        window = self._breaker.window
        wider = Span(span.domain, span.first - window, span.last + window)
        with self._database.transaction() as connection:
            told = reviews.outcomes(connection, wider, after=reviews.last_decision(connection, span.domain))
            keys = in_bursts(told.bounces, told.others, self._breaker)
            return self._hold(connection, span.domain, keys) + self._release(connection, span.domain, keys)

    def _hold(self, connection: Connection, domain: str, keys: frozenset[str]) -> int:
        entry_ids = reviews.undecided(connection, sorted(keys))
        if not entry_ids:
            return 0
        review_id, opened = reviews.open_one(connection, domain)
        minutes = self._breaker.window // timedelta(minutes=1)
        reason = f"Many addresses of this domain bounced within {minutes} minutes: a person has to decide."
        if opened:
            detail = f"{len(keys)} addresses bounced at once. See `./postern suppressions review`."
            incidents.note(connection, kind=MASS_BOUNCES, subject=domain, detail=detail)
        return len(suppressions.put_under_review(connection, entry_ids, review_id=review_id, reason=reason))

    def _release(self, connection: Connection, domain: str, keys: frozenset[str]) -> int:
        """What is no longer part of a burst, since mail to the domain was delivered meanwhile, needs no decision."""
        review_id = reviews.find(connection, domain)
        if review_id is None:
            return 0
        waiting = reviews.entries_of(connection, review_id)
        released = [one.id for one in waiting if one.key not in keys]
        reason = "Other mail to this domain was delivered at the time: no burst after all."
        suppressions.confirm(connection, released, actor=POSTERN, reason=reason)
        if len(released) == len(waiting):
            reviews.decide(connection, review_id, reviews.WITHDRAWN, actor=POSTERN, reason=reason)
        return len(released)
