"""Apply events about recipients: to the suppression list, to the recipients and to the timeline.

Everything is written in the caller's transaction, so a bounce and the suppression that it causes are committed together
or not at all. Every verdict comes from `app.domain`; this module only does the bookkeeping. What all events need is
read and written for all of them at once; what only a few need, for each of those.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.domain.feedback.bounce_reader import BounceReader
from app.domain.feedback.delivery_events import events_of
from app.domain.feedback.events import EventType, SesEvent
from app.domain.message.address import Address, is_mailbox_simulator
from app.domain.sending.state_machine import State, TransitionFacts
from app.domain.suppression.pauses import CountedBounce
from app.domain.suppression.rules import EVERY_EMAIL, ListEffect, Origin, is_claim, outlived_by
from app.services.feedback import refusals
from app.services.feedback.interpret import Judged, ReceivedEvent, blamed, event_data, judge
from app.services.feedback.match_recipient import Match
from app.services.reporting.bounce_reason import most_informative_reason
from app.services.sending.transition import advance
from app.services.suppression.address_pauses import reassess
from app.services.suppression.list_writer import ListWriter
from app.services.tally import BOUNCE
from app.store.engine import advisory_locks
from app.store.feedback import events
from app.store.feedback.events import Json, NewEvent
from app.store.operating.incidents import Noted
from app.store.sending import attempts
from app.store.sending.attempts import AttemptOutcome, Closing, OutcomeSource
from app.store.sending.recipients import Recipient
from app.store.suppression import entry_locks, reviews, suppressions
from app.store.suppression.suppressions import POSTERN, NewSuppression

_STAYS = (
    "The address was unsuppressed after this email had left, or before SES's own list had removed it, so it stays "
    "unsuppressed."
)
_REASON_OF_STATE = {
    State.FAILED: "SES accepted the email and then rejected it.",
    State.DELIVERY_DELAYED: "The receiving server has not taken the email yet; SES goes on trying.",
    State.COMPLAINED: "The recipient reported the email as spam.",
}


@dataclass(frozen=True, slots=True)
class Conclusions:
    """What the caller writes together with the results of other events.

    `moved`: recipients in their new states, by id. `closings`: how attempts ended, by attempt id. `incidents`: what an
    operator sees. `bounces`: how many bounces of which type and cause are counted. `deliveries_s`: how long
    deliveries took after SES had the emails, in seconds.
    """

    moved: dict[UUID, Recipient] = field(default_factory=dict)
    closings: dict[UUID, Closing] = field(default_factory=dict)
    incidents: list[Noted] = field(default_factory=list)
    bounces: Counter[tuple[str, str]] = field(default_factory=Counter)
    deliveries_s: list[float] = field(default_factory=list)


class Conclude:
    """Applies events and draws the conclusions from them."""

    def __init__(self, *, writer: ListWriter, bounces: BounceReader, exempt_mailbox_simulator: bool) -> None:
        self._writer = writer
        self._bounces = bounces
        self._exempt_simulator = exempt_mailbox_simulator

    def lock(self, connection: Connection, about: Iterable[tuple[SesEvent, Recipient | None]]) -> frozenset[str]:
        """Lock the addresses that these events may suppress or weigh, then their entries; return the keys.

        From then on no other worker settles an event about these addresses or changes their entries, and reads see
        what the previous worker committed. A delivery matters only where a bounce of an earlier email counts.
        """
        claims, delivered = set[str](), set[str]()
        for ses_event, recipient in about:
            if not is_claim(ses_event) and ses_event.kind is not EventType.DELIVERY:
                continue
            address = blamed(ses_event, recipient)
            if address is not None and not (self._exempt_simulator and is_mailbox_simulator(address)):
                (claims if is_claim(ses_event) else delivered).add(address.key)
        keys = frozenset(claims | events.counted_bounces(connection, delivered - claims).keys())
        advisory_locks.hold(connection, keys)
        entry_locks.hold_keys(connection, keys)
        return keys

    def __call__(
        self,
        connection: Connection,
        received: Sequence[ReceivedEvent],
        rows: Mapping[UUID, Recipient],
        *,
        locked: frozenset[str],
        now: datetime,
    ) -> Conclusions:
        """Apply the events, and return what the caller still has to write. An event settled before changes nothing.

        `rows` are the recipients of the events by id, as far as they are known. `held` is the result of `hold`.
        """
        judged = [
            judge(one, _about(one, rows), bounces=self._bounces, exempt_simulator=self._exempt_simulator)
            for one in received
        ]
        fresh = events.add(connection, [one.event for one in judged])
        informative = [one for one in judged if one.event.id in fresh or _attached(connection, one.event)]
        bounces = events.counted_bounces(
            connection, {one.address.key for one in informative if one.address and one.weighs_a_pause} & locked
        )
        ends = Conclusions()
        for one in informative:
            recipient = _about(one.received, ends.moved) or _about(one.received, rows)
            effect = self._apply(connection, one, recipient, bounces)
            ends.incidents.extend(refusals.noted(one))
            if one.event.id in fresh and (recipient is None or not recipient.is_test):
                _count(ends, one)
            if effect and (effect != one.event.effect or one.event.id not in fresh):
                events.explain(connection, one.event, effect=effect)
            if recipient is None or one.received.match is None:
                continue
            ends.moved[recipient.id] = self._advance(connection, one, recipient, now)
            if closing := _closing(connection, one.received.match, one.received.ses_event):
                ends.closings[closing.id] = closing
        return ends

    def _apply(
        self,
        connection: Connection,
        judged: Judged,
        recipient: Recipient | None,
        bounces: Mapping[str, Sequence[CountedBounce]],
    ) -> str:
        """Apply one event to the list, and return the effect in words. `bounces`: those that count, by address key."""
        ruling, address = judged.ruling, judged.address
        if address is None:
            return ruling.why
        if ruling.verdict is ListEffect.SUPPRESS:
            return self._suppress(connection, judged, address, recipient)
        if judged.weighs_a_pause:
            done = reassess(connection, self._writer, address, bounces=bounces.get(address.key, ()))
            return f"{judged.event.effect} {done or ''}".strip()
        return judged.event.effect

    def _suppress(self, connection: Connection, judged: Judged, address: Address, recipient: Recipient | None) -> str:
        ruling, ses_event = judged.ruling, judged.received.ses_event
        if ruling.in_stream_only and recipient is None:
            return f"{ruling.why} The stream is not known, so nothing was suppressed."
        scope = recipient.scope if recipient and ruling.in_stream_only else EVERY_EMAIL
        removed_at = suppressions.last_removal(connection, key=address.key, scope=scope)
        if removed_at is not None and not outlived_by(removed_at, ses_event, origin=ruling.origin):
            return f"{ruling.why} {_STAYS}"
        if ruling.origin is Origin.BOUNCE and _was_undone(connection, ses_event, address):
            return f"{ruling.why} But such bounces of this domain at that time were undone, so it is not suppressed."
        _, put = self._writer.put(
            connection,
            NewSuppression(
                key=address.key,
                scope=scope,
                address=address.email,
                origin=ruling.origin or Origin.BOUNCE,
                reason=_diagnosis(ses_event) or ruling.why,
                actor=POSTERN,
                source=_source(ses_event, recipient),
            ),
        )
        return f"{ruling.why} {'The address is suppressed.' if put else 'The address was suppressed already.'}"

    def _advance(self, connection: Connection, judged: Judged, recipient: Recipient, now: datetime) -> Recipient:
        ses_event = judged.received.ses_event
        event = events_of(ses_event, judged.cause)
        facts = TransitionFacts(taken_by_ses=recipient.ses_message_id is not None)
        moved = advance(recipient, event, facts, now=now, ses_message_id=ses_event.ses_message_id) or recipient
        reason, cause = self._reason(connection, moved, recipient)
        return replace(
            moved,
            ses_message_id=moved.ses_message_id or ses_event.ses_message_id,
            reason=reason,
            cause=cause,
            opened_at=_earliest(moved.opened_at, ses_event, EventType.OPEN),
            clicked_at=_earliest(moved.clicked_at, ses_event, EventType.CLICK),
        )

    def _reason(self, connection: Connection, moved: Recipient, before: Recipient) -> tuple[str | None, str | None]:
        """The reason for the recipient's state, and its cause: for a bounced one, of the worst and latest bounce.

        It is taken from all stored bounces, so that it does not depend on the order in which they arrived.
        """
        if moved.state is State.BOUNCED:
            return most_informative_reason(events.failures(connection, moved.id), self._bounces.cause_of)
        if moved.state == before.state:
            return before.reason, before.cause
        return _REASON_OF_STATE.get(moved.state), None


def _was_undone(connection: Connection, ses_event: SesEvent, address: Address) -> bool:
    """Whether the bounce belongs to a burst at its domain that was undone before the bounce arrived."""
    undone = reviews.undone(connection, address.domain)
    if undone is None:
        return False
    opened_at, decided_at = undone
    return ses_event.occurred_at > opened_at - reviews.LOOK_BACK and not outlived_by(decided_at, ses_event)


def _count(ends: Conclusions, one: Judged) -> None:
    """Count a bounce by its type and cause; of a delivery note how long it took, by the clock of SES alone."""
    ses_event = one.received.ses_event
    if ses_event.bounce is not None and one.cause is not None:
        ends.bounces[BOUNCE, f"{ses_event.bounce.type}/{one.cause}"] += 1
    if ses_event.kind is EventType.DELIVERY and ses_event.mail_sent_at is not None:
        ends.deliveries_s.append((ses_event.occurred_at - ses_event.mail_sent_at).total_seconds())


def _about(received: ReceivedEvent, rows: Mapping[UUID, Recipient]) -> Recipient | None:
    return rows.get(received.match.recipient_id) if received.match else None


def _attached(connection: Connection, event: NewEvent) -> bool:
    return event.recipient_id is not None and events.attach(connection, event)


def _closing(connection: Connection, match: Match, ses_event: SesEvent) -> Closing | None:
    """How to close the attempt that the event names: SES accepted it.

    An attempt that is missing from the database, since that was restored, is created again.
    """
    if match.attempt_id is None:
        return None
    closing = Closing(
        id=match.attempt_id,
        outcome=AttemptOutcome.ACCEPTED,
        evidence=OutcomeSource.EVENT,
        ses_message_id=ses_event.ses_message_id,
    )
    if match.attempt_is_known:
        return closing
    attempts.recreate(connection, closing, recipient_id=match.recipient_id)
    return None


def _source(ses_event: SesEvent, recipient: Recipient | None) -> Json:
    return event_data(ses_event) | ({"email_id": str(recipient.email_id)} if recipient else {})


def _diagnosis(ses_event: SesEvent) -> str:
    bounce = ses_event.bounce
    return (bounce.diagnostic or "") if bounce else ""


def _earliest(known: datetime | None, ses_event: SesEvent, kind: EventType) -> datetime | None:
    if ses_event.kind is not kind:
        return known
    return min(known, ses_event.occurred_at) if known else ses_event.occurred_at
