"""Emails of unknown outcome: resent once SES is proven not to have accepted them, or held (T10, T11).

Where too little traffic leaves too few peers, a canary is sent to SES's mailbox simulator, whose event proves as much.
Nothing is ever resent on time alone, and every resent email is marked as a possible duplicate.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Conflict, NotFound
from app.domain.feedback.providers import SIMULATOR
from app.domain.sending.state_machine import Event, State, TransitionFacts
from app.domain.sending.unconfirmed_policy import OnUnconfirmed, Peers, verdict
from app.domain.suppression.rules import scope_of
from app.queue import Bells, Lane, deliver_bell
from app.services.isolation import save_isolated, together_or_apart
from app.services.moves import moves_of, note_moves
from app.services.sending.transition import advance
from app.store.apps import apps
from app.store.apps.apps import App
from app.store.engine.database import Database, clock
from app.store.engine.ids import new_id
from app.store.operating import audit
from app.store.sending import attempts, recipients, unconfirmed
from app.store.sending.attempts import AttemptOutcome, Closing, OutcomeSource
from app.store.sending.recipients import Recipient
from app.store.sending.unconfirmed import Unconfirmed
from app.store.submission import emails
from app.store.submission.body_packing import Body, pack
from app.store.submission.emails import NewEmail, NewRecipient
from app.store.submission.sealing import KeyRing

log = structlog.get_logger()

# https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html: costs no quota and no reputation.
CANARY: Final = "success+postern-canary@simulator.amazonses.com"
_OWN_APP: Final = "postern"
_STREAM: Final = "canary"
_QUESTION: Final = "Postern asks whether the stream of events has caught up."
BATCH: Final = 200
_NOT_HELD: Final = "Only a held email can be resent or discarded."
_REASONS: Final = {
    Event.PROVEN_ABSENT: "SES was proven not to have accepted the email; it is resent, marked as a possible duplicate.",
    Event.LEFT_UNPROVEN: "Whether SES accepted the email could not be found out; a person has to decide.",
}


class Reconcile:
    """Settles unconfirmed emails, and resends or discards held ones as a person decides."""

    def __init__(self, *, database: Database, key_ring: KeyRing, bells: Bells, quiet: timedelta) -> None:
        self._database = database
        self._key_ring = key_ring
        self._bells = bells
        self._quiet = quiet

    def sweep(self) -> int:
        """Look at every email that has been quiet long enough, a batch at a time. How many changed state."""
        moved, after = 0, None
        while page := self._next(after):
            moved += self._look(page)
            after = page[-1]
        return moved

    def resend(self, caller: Caller, recipient_id: UUID, *, reason: str) -> None:
        """Send a held email again, as a possible duplicate. Raises `NotFound`, and `Conflict` unless it is held."""
        self._decide(caller, [recipient_id], Event.RESEND, reason)

    def discard(self, caller: Caller, recipient_id: UUID, *, reason: str) -> None:
        """Discard a held email. Raises `NotFound`, and `Conflict` unless it is held."""
        self._decide(caller, [recipient_id], Event.DISCARD, reason)

    def resend_all(self, caller: Caller, recipient_ids: Collection[UUID], *, reason: str) -> int:
        """Send those of these that are held again. How many. Raises `NotFound`, and `Conflict` when none is held."""
        return self._decide(caller, recipient_ids, Event.RESEND, reason)

    def discard_all(self, caller: Caller, recipient_ids: Collection[UUID], *, reason: str) -> int:
        """Discard those of these that are held. How many. Raises `NotFound`, and `Conflict` when none is held."""
        return self._decide(caller, recipient_ids, Event.DISCARD, reason)

    def held_of(self, caller: Caller, email_id: UUID) -> tuple[UUID, ...]:
        """The recipients of an email that are held. Raises `NotFound`, and `Conflict` when none is."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            named = recipients.of_emails(connection, [email_id]).get(email_id)
        if named is None:
            raise NotFound("There is no such email.")
        held = tuple(one.id for one in named if one.state is State.HELD)
        if not held:
            raise Conflict(_NOT_HELD)
        return held

    def _decide(self, caller: Caller, recipient_ids: Collection[UUID], event: Event, reason: str) -> int:
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            now = clock(connection)
            rows = recipients.lock(connection, recipient_ids)
            if not rows:
                raise NotFound("There is no such recipient.")
            note = f"{event.capitalize()} by {caller.actor}: {reason}"
            moves = [advance(row, event, TransitionFacts(), now=now, reason=note, due_at=now) for row in rows.values()]
            moved = [row for row in moves if row is not None]
            if not moved:
                raise Conflict(_NOT_HELD)
            recipients.save(connection, moved)
            _close_unknown(connection, [row.id for row in moved], evidence=OutcomeSource.OPERATOR, reason=note)
            for row in moved:
                data = {"recipient_id": str(row.id)}
                audit.write(connection, actor=caller.actor, action=event, key=row.key, reason=reason, data=data)
            note_moves(connection, moves_of(rows, moved))
        for lane in {row.lane for row in moved}:
            self._bells.ring(deliver_bell(lane))
        return len(moved)

    def _next(self, after: Unconfirmed | None) -> tuple[Unconfirmed, ...]:
        with self._database.reading() as connection:
            quiet_since = clock(connection) - self._quiet
            return unconfirmed.quiet_since(connection, quiet_since, after=after, limit=BATCH)

    def _look(self, page: Sequence[Unconfirmed]) -> int:
        """Settle these emails together; if one of them fails, each by itself. How many changed state."""
        return together_or_apart(
            self._database,
            "unconfirmed",
            page,
            self._settle,
            name=lambda one: str(one.recipient_id),
            on_failure=lambda error: log.info("unconfirmed_one_by_one", error=type(error).__name__),
        )

    def _settle(self, page: Sequence[Unconfirmed]) -> int:
        """Settle these emails as far as possible. How many changed state.

        The decision is made from the locked rows. Since the page was read, an email may have been resent and become
        unknown again, and nothing is proven about the new call. Test email needs no proof: it never goes to SES.
        """
        with self._database.transaction() as connection:
            now = clock(connection)
            rows = recipients.lock(connection, [one.recipient_id for one in page])
            quiet = tuple(self._still_quiet(page, rows, now))
            waiting = tuple(one for one in quiet if not rows[one.recipient_id].is_test)
            proofs = self._proofs(connection, waiting)
            moved = [self._move(rows[one.recipient_id], one, proofs[_minute(one.since)], now) for one in waiting]
            tried = (rows[one.recipient_id] for one in quiet if rows[one.recipient_id].is_test)
            moved += [_follow(row, Event.PROVEN_ABSENT, now) for row in tried]
            settled = [row for row in moved if row is not None]
            saved = save_isolated(connection, settled)
            proven = [row.id for row in settled if row.state is State.RETRY_WAIT]
            _close_unknown(connection, proven, evidence=OutcomeSource.EVENT, reason=_REASONS[Event.PROVEN_ABSENT])
            added = self._send_canary(connection, waiting, proofs, now)
            note_moves(connection, moves_of(rows, saved), added=added)
        for lane in {row.lane for row in settled}:
            self._bells.ring(deliver_bell(lane))
        return len(saved)

    def _still_quiet(
        self, page: Sequence[Unconfirmed], rows: Mapping[UUID, Recipient], now: datetime
    ) -> Iterator[Unconfirmed]:
        """The emails that are unconfirmed and quiet now, each with the time from its row."""
        for one in page:
            row = rows.get(one.recipient_id)
            if row is None or row.state is not State.UNCONFIRMED or row.unconfirmed_since is None:
                continue
            if row.unconfirmed_since <= now - self._quiet:
                yield replace(one, since=row.unconfirmed_since)

    def _proofs(self, connection: Connection, waiting: tuple[Unconfirmed, ...]) -> dict[datetime, Peers]:
        """One count for each minute in which something became unconfirmed."""
        minutes = {_minute(one.since) for one in waiting if one.policy is OnUnconfirmed.RESEND}
        counted = {minute: unconfirmed.peers(connection, minute, canary_key=CANARY) for minute in minutes}
        return {_minute(one.since): Peers(accepted=0, seen=0) for one in waiting} | counted

    def _move(self, row: Recipient, one: Unconfirmed, peers: Peers, now: datetime) -> Recipient | None:
        event = verdict(one.policy, quiet_for=now - one.since, quiet_needed=self._quiet, peers=peers)
        return _follow(row, event, now) if event else None

    def _send_canary(
        self,
        connection: Connection,
        waiting: tuple[Unconfirmed, ...],
        proofs: dict[datetime, Peers],
        now: datetime,
    ) -> tuple[NewEmail, ...]:
        """Send a canary where nothing else can prove the outcome of these emails. The emails that were added."""
        lonely = [
            one for one in waiting if one.policy is OnUnconfirmed.RESEND and not proofs[_minute(one.since)].caught_up
        ]
        if not lonely:
            return ()
        last = unconfirmed.last_canary(connection, CANARY)
        if last is not None and last > max(lonely[-1].since, now - self._quiet):
            return ()
        latest = lonely[-1]
        sent = canary_email(
            connection, self._key_ring, sender=latest.sender, sender_domain=latest.sender_domain, text=_QUESTION
        )
        emails.add(connection, [sent])
        log.info("canary_sent", unconfirmed=len(lonely))
        return (sent,)


def _follow(row: Recipient, event: Event, now: datetime) -> Recipient | None:
    return advance(row, event, TransitionFacts(), now=now, reason=_REASONS[event], due_at=now)


def canary_email(connection: Connection, key_ring: KeyRing, *, sender: str, sender_domain: str, text: str) -> NewEmail:
    """An email of Postern itself to the mailbox simulator, not added yet. It is never resent by itself."""
    email_id, owner = new_id(), own_app(connection)
    body = pack(Body(text=text, html=None))
    recipient = NewRecipient(
        id=new_id(),
        kind="to",
        name=None,
        address=CANARY,
        key=CANARY,
        pseudonym="",
        mailbox_provider=SIMULATOR,
        state=State.QUEUED,
    )
    return NewEmail(
        id=email_id,
        app_id=owner.id,
        stream=_STREAM,
        scope=scope_of(owner.name, _STREAM),
        lane=Lane.TRANSACTIONAL,
        sender=sender,
        sender_name=None,
        sender_domain=sender_domain,
        reply_to=(),
        subject="Canary",
        headers=(),
        tags=(),
        body=key_ring.seal(body, row_id=email_id),
        on_unconfirmed=OnUnconfirmed.HOLD,
        scheduled_at=None,
        expires_at=None,
        recipients=(recipient,),
    )


def own_app(connection: Connection) -> App:
    """The application that owns what Postern sends to itself, so that it is in no other application's list."""
    own = apps.by_name(connection, _OWN_APP)
    if own is None:
        own = App(
            id=new_id(),
            name=_OWN_APP,
            senders=(),
            default_lane=Lane.TRANSACTIONAL,
            reason_optional=False,
            created_at=clock(connection),
        )
        apps.add(connection, own)
    return own


def _close_unknown(connection: Connection, recipient_ids: list[UUID], *, evidence: OutcomeSource, reason: str) -> None:
    """Close unknown calls that are settled as not sent, so that the email may expire or be canceled."""
    unknown = [
        Closing(id=one.id, outcome=AttemptOutcome.NOT_SENT, evidence=evidence, reason=reason)
        for one in attempts.of_recipients(connection, recipient_ids)
        if one.outcome is AttemptOutcome.UNKNOWN
    ]
    attempts.close(connection, unknown)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
