"""What becomes of mails whose fate stays unknown: resent once proven not to have been taken, or held (T10, T11).

Where too little traffic leaves too few peers, it sends a canary to SES's mailbox simulator, whose event proves as much.
It never resends on time alone, and whatever it sends again is marked as a possible duplicate.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app.domain.callers import Caller, Scope
from app.domain.delivery import Event, Facts, State
from app.domain.errors import Conflict, NotFound
from app.domain.proof import OnUnconfirmed, Peers, verdict
from app.domain.suppression import scope_of
from app.queue import DELIVER, Bells, Lane
from app.services.advance import advance
from app.services.isolate import save_isolated
from app.store import attempts, audit, emails, keys, recipients, unconfirmed
from app.store.attempts import AttemptOutcome, Closing, Evidence
from app.store.bodies import Body, pack
from app.store.db import Database, clock
from app.store.emails import NewEmail, NewRecipient
from app.store.ids import new_id
from app.store.keys import App
from app.store.recipients import Recipient
from app.store.sealing import KeyRing
from app.store.unconfirmed import Unconfirmed

log = structlog.get_logger()

# https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html: costs no quota and no reputation.
CANARY: Final = "success+postern-canary@simulator.amazonses.com"
_OWN_APP: Final = "postern"
_STREAM: Final = "canary"
_BATCH: Final = 200
_NOT_HELD: Final = "Only a held mail can be resent or discarded."
_REASONS: Final = {
    Event.PROVEN_ABSENT: "SES was proven not to have taken the mail; it is sent again, marked as a possible duplicate.",
    Event.LEFT_UNPROVEN: "Whether SES took the mail could not be found out; a person has to decide.",
}


class Reconcile:
    """Settles unconfirmed mails, and does with held ones what a person says."""

    def __init__(self, *, database: Database, key_ring: KeyRing, bells: Bells, quiet: timedelta) -> None:
        self._database = database
        self._key_ring = key_ring
        self._bells = bells
        self._quiet = quiet

    def sweep(self) -> int:
        """Look at every mail that has been quiet long enough, a batch at a time; how many moved."""
        moved = 0
        page = self._look_at_next(after=None)
        while page.waiting:
            moved += page.moved
            for lane in page.lanes:
                self._bells.ring(DELIVER[Lane(lane)])
            page = self._look_at_next(after=page.waiting[-1])
        return moved

    def resend(self, caller: Caller, recipient_id: UUID, *, reason: str) -> None:
        """Send a held mail again, as a possible duplicate. Raises `NotFound`, and `Conflict` unless it is held."""
        self._decide(caller, recipient_id, Event.RESEND, reason)

    def discard(self, caller: Caller, recipient_id: UUID, *, reason: str) -> None:
        """Give a held mail up. Raises `NotFound`, and `Conflict` unless it is held."""
        self._decide(caller, recipient_id, Event.DISCARD, reason)

    def held_of(self, caller: Caller, email_id: UUID) -> tuple[UUID, ...]:
        """The recipients of a mail that wait for a person. Raises `NotFound`, and `Conflict` when none does."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            named = recipients.of_emails(connection, [email_id]).get(email_id)
        if named is None:
            raise NotFound("There is no such mail.")
        held = tuple(one.id for one in named if one.state is State.HELD)
        if not held:
            raise Conflict(_NOT_HELD)
        return held

    def _decide(self, caller: Caller, recipient_id: UUID, event: Event, reason: str) -> None:
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            now = clock(connection)
            row = recipients.lock(connection, [recipient_id]).get(recipient_id)
            if row is None:
                raise NotFound("There is no such recipient.")
            told = f"{event.capitalize()} by {caller.actor}: {reason}"
            moved = advance(row, event, Facts(), now=now, reason=told, due_at=now)
            if moved is None:
                raise Conflict(_NOT_HELD)
            recipients.save(connection, [moved])
            _close_unknown(connection, [recipient_id], evidence=Evidence.OPERATOR, reason=told)
            audit.write(
                connection,
                actor=caller.actor,
                action=event,
                key=row.key,
                reason=reason,
                data={"recipient_id": str(recipient_id)},
            )
        self._bells.ring(DELIVER[Lane(row.lane)])

    def _look_at_next(self, *, after: Unconfirmed | None) -> "_Page":
        with self._database.transaction() as connection:
            now = clock(connection)
            waiting = unconfirmed.quiet_since(connection, now - self._quiet, after=after, limit=_BATCH)
            proofs = self._proofs(connection, waiting)
            rows = recipients.lock(connection, [one.recipient_id for one in waiting])
            moved = [self._move(rows[one.recipient_id], one, proofs[_minute(one.since)], now) for one in waiting]
            settled = [row for row in moved if row is not None]
            count = save_isolated(connection, settled)
            proven = [row.id for row in settled if row.state is State.RETRY_WAIT]
            _close_unknown(connection, proven, evidence=Evidence.EVENT, reason=_REASONS[Event.PROVEN_ABSENT])
            self._send_canary(connection, waiting, proofs, now)
        return _Page(waiting=waiting, moved=count, lanes=frozenset(row.lane for row in settled))

    def _proofs(self, connection: Connection, waiting: tuple[Unconfirmed, ...]) -> dict[datetime, Peers]:
        """One count for each minute in which something became unconfirmed."""
        minutes = {_minute(one.since) for one in waiting if one.policy is OnUnconfirmed.RESEND}
        counted = {minute: unconfirmed.peers(connection, minute, canary_key=CANARY) for minute in minutes}
        return {_minute(one.since): Peers(accepted=0, seen=0) for one in waiting} | counted

    def _move(self, row: Recipient, one: Unconfirmed, peers: Peers, now: datetime) -> Recipient | None:
        event = verdict(one.policy, quiet_for=now - one.since, quiet_needed=self._quiet, peers=peers)
        return advance(row, event, Facts(), now=now, reason=_REASONS[event], due_at=now) if event else None

    def _send_canary(
        self,
        connection: Connection,
        waiting: tuple[Unconfirmed, ...],
        proofs: dict[datetime, Peers],
        now: datetime,
    ) -> None:
        lonely = [
            one for one in waiting if one.policy is OnUnconfirmed.RESEND and not proofs[_minute(one.since)].caught_up
        ]
        if not lonely:
            return
        last = unconfirmed.last_canary(connection, CANARY)
        if last is not None and last > max(lonely[-1].since, now - self._quiet):
            return
        emails.add(connection, [self._canary(lonely[-1], owner=_own_app(connection))])
        log.info("canary_sent", unconfirmed=len(lonely))

    def _canary(self, lonely: Unconfirmed, *, owner: App) -> NewEmail:
        email_id = new_id()
        body = pack(Body(text="Postern asks whether the stream of events has caught up.", html=None))
        canary = NewRecipient(
            id=new_id(), kind="to", name=None, address=CANARY, key=CANARY, pseudonym="", state=State.QUEUED
        )
        return NewEmail(
            id=email_id,
            app_id=owner.id,
            stream=_STREAM,
            scope=scope_of(owner.name, _STREAM),
            lane=Lane.TRANSACTIONAL,
            sender=lonely.sender,
            sender_name=None,
            sender_domain=lonely.sender_domain,
            reply_to=(),
            subject="Canary",
            headers=(),
            tags=(),
            body=self._key_ring.seal(body, row_id=email_id),
            on_unconfirmed=OnUnconfirmed.HOLD,
            scheduled_at=None,
            expires_at=None,
            recipients=(canary,),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """Some of the mails to look at, how many of them moved, and the lanes of those."""

    waiting: tuple[Unconfirmed, ...]
    moved: int
    lanes: frozenset[str]


def _own_app(connection: Connection) -> App:
    """The application that canaries belong to, so that they stand in nobody else's list."""
    own = keys.app_by_name(connection, _OWN_APP)
    if own is None:
        own = App(id=new_id(), name=_OWN_APP, senders=(), default_lane=Lane.TRANSACTIONAL, reason_optional=False)
        keys.add_app(connection, own)
    return own


def _close_unknown(connection: Connection, recipient_ids: list[UUID], *, evidence: Evidence, reason: str) -> None:
    """A call that is settled to have sent nothing is in doubt no more, so that the mail may expire or be canceled."""
    unknown = [
        Closing(id=one.id, outcome=AttemptOutcome.NOT_SENT, evidence=evidence, reason=reason)
        for one in attempts.of_recipients(connection, recipient_ids)
        if one.outcome is AttemptOutcome.UNKNOWN
    ]
    attempts.close(connection, unknown)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
