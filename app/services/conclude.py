"""What follows from events about recipients: for the suppression list, for the mails, for the timeline.

Everything is written in the caller's transaction, so a bounce and the suppression that it causes are committed together
or not at all. It asks `app.domain` for each verdict and only does the bookkeeping: what all events need is read and
written for all of them at once, and what few of them need, for each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.domain.address import Address
from app.domain.delivery import Facts, State
from app.domain.feedback import Feedback, FeedbackKind
from app.domain.news import news_of
from app.domain.suppression import EVERY_MAIL, Origin, Verdict, outlived_by
from app.services.advance import advance
from app.services.judge import Judged, News, judge, told
from app.services.match import Match
from app.services.soft_bounces import reassess
from app.store import attempts, events, incidents, reviews, suppressions
from app.store.attempts import AttemptOutcome, Closing, Evidence
from app.store.events import Json, NewEvent, SoftBounce
from app.store.positives import Positives
from app.store.recipients import Recipient
from app.store.suppressions import POSTERN, NewSuppression

_SPOKEN = {State.FAILED: "SES accepted the mail and then rejected it."}


@dataclass(frozen=True, slots=True)
class Conclusions:
    """What the caller writes with that of other events: where mails stand now, and how calls to SES ended, by id."""

    moved: dict[UUID, Recipient] = field(default_factory=dict)
    closings: dict[UUID, Closing] = field(default_factory=dict)


class Conclude:
    """Draws the conclusions of events."""

    def __init__(self, *, positives: Positives, exempt_mailbox_simulator: bool) -> None:
        self._positives = positives
        self._exempt_simulator = exempt_mailbox_simulator

    def __call__(
        self, connection: Connection, news: Sequence[News], rows: Mapping[UUID, Recipient], *, now: datetime
    ) -> Conclusions:
        """What is left to write of the events: the rest is written. One that was settled before changes nothing.

        `rows` are the recipients that they are about, as far as they are known, by id.
        """
        judged = [judge(one, _about(one, rows), exempt_simulator=self._exempt_simulator) for one in news]
        fresh = events.add(connection, [one.event for one in judged])
        telling = [one for one in judged if one.event.id in fresh or _attached(connection, one.event)]
        bounces = events.soft_bounces(
            connection, {one.address.key for one in telling if one.address and one.weighs_a_pause}
        )
        ends = Conclusions()
        for one in telling:
            recipient = _about(one.news, ends.moved) or _about(one.news, rows)
            effect = self._apply(connection, one, recipient, bounces)
            if effect and (effect != one.event.effect or one.event.id not in fresh):
                events.explain(connection, one.event, effect=effect)
            if recipient is None or one.news.match is None:
                continue
            ends.moved[recipient.id] = self._advance(connection, one.news.feedback, recipient, now)
            if closing := _closing(connection, one.news.match, one.news.feedback):
                ends.closings[closing.id] = closing
        return ends

    def _apply(
        self,
        connection: Connection,
        judged: Judged,
        recipient: Recipient | None,
        bounces: Mapping[str, Sequence[SoftBounce]],
    ) -> str:
        """What the event leads to, done and told. `bounces` are the soft ones of each address that has any."""
        ruling, feedback, address = judged.ruling, judged.news.feedback, judged.address
        if address is None:
            return ruling.why
        match ruling.verdict:
            case Verdict.SUPPRESS:
                return self._suppress(connection, judged, address, recipient)
            case Verdict.RAISE_INCIDENT:
                incidents.note(
                    connection, kind="refused_for_policy", subject=address.domain, detail=_diagnosis(feedback)
                )
        if judged.weighs_a_pause:
            done = reassess(connection, self._positives, address, bounces=bounces.get(address.key, ()))
            return f"{ruling.why} {done or ''}".strip()
        return ruling.why

    def _suppress(self, connection: Connection, judged: Judged, address: Address, recipient: Recipient | None) -> str:
        ruling, feedback = judged.ruling, judged.news.feedback
        if ruling.in_stream_only and recipient is None:
            return f"{ruling.why} The stream is not known, so nothing was suppressed."
        scope = recipient.scope if recipient and ruling.in_stream_only else EVERY_MAIL
        removed_at = suppressions.last_removal(connection, key=address.key, scope=scope)
        if removed_at is not None and not outlived_by(removed_at, feedback):
            return f"{ruling.why} The address was unsuppressed after this mail had left, so it stays unsuppressed."
        if ruling.origin is Origin.BOUNCE and _was_undone(connection, feedback, address):
            return f"{ruling.why} But such bounces of this domain at that time were undone, so nobody is suppressed."
        # Before the commit: once it is committed, acceptance finds it in Redis and asks SQL.
        self._positives.add([address.key])
        _, put = suppressions.put(
            connection,
            NewSuppression(
                key=address.key,
                scope=scope,
                address=address.email,
                origin=ruling.origin or Origin.BOUNCE,
                reason=_diagnosis(feedback) or ruling.why,
                actor=POSTERN,
                source=_source(feedback, recipient),
            ),
        )
        return f"{ruling.why} {'The address is suppressed.' if put else 'The address was suppressed already.'}"

    def _advance(self, connection: Connection, feedback: Feedback, recipient: Recipient, now: datetime) -> Recipient:
        event = news_of(feedback)
        facts = Facts(taken_by_ses=recipient.ses_message_id is not None)
        moved = advance(recipient, event, facts, now=now, ses_message_id=feedback.ses_message_id) or recipient
        return replace(
            moved,
            ses_message_id=moved.ses_message_id or feedback.ses_message_id,
            reason=_reason(connection, moved, recipient),
            opened_at=_earliest(moved.opened_at, feedback, FeedbackKind.OPEN),
            clicked_at=_earliest(moved.clicked_at, feedback, FeedbackKind.CLICK),
        )


def _was_undone(connection: Connection, feedback: Feedback, address: Address) -> bool:
    """Whether the bounce came too late to be undone with the others of a burst at its domain."""
    undone = reviews.undone(connection, address.domain)
    if undone is None:
        return False
    opened_at, decided_at = undone
    return feedback.occurred_at > opened_at - reviews.LOOK_BACK and not outlived_by(decided_at, feedback)


def _about(news: News, rows: Mapping[UUID, Recipient]) -> Recipient | None:
    return rows.get(news.match.recipient_id) if news.match else None


def _attached(connection: Connection, event: NewEvent) -> bool:
    return event.recipient_id is not None and events.attach(connection, event)


def _closing(connection: Connection, match: Match, feedback: Feedback) -> Closing | None:
    """SES took the call that the event names; one that the database has forgotten is remembered again."""
    if match.attempt_id is None:
        return None
    closing = Closing(
        id=match.attempt_id,
        outcome=AttemptOutcome.ACCEPTED,
        evidence=Evidence.EVENT,
        ses_message_id=feedback.ses_message_id,
    )
    if match.attempt_is_known:
        return closing
    attempts.recreate(connection, closing, recipient_id=match.recipient_id)
    return None


def _source(feedback: Feedback, recipient: Recipient | None) -> Json:
    return told(feedback) | ({"email_id": str(recipient.email_id)} if recipient else {})


def _diagnosis(feedback: Feedback) -> str:
    bounce = feedback.bounce
    return (bounce.diagnostic or "") if bounce else ""


def _reason(connection: Connection, moved: Recipient, before: Recipient) -> str | None:
    """Why the mail stands where it stands: of a bounced one, what the worst and latest of its bounces says.

    Asked of all stored bounces, so that it is the same in whatever order they came.
    """
    if moved.state is State.BOUNCED:
        return events.telling_diagnosis(connection, moved.id)
    return _SPOKEN.get(moved.state) if moved.state != before.state else before.reason


def _earliest(known: datetime | None, feedback: Feedback, kind: FeedbackKind) -> datetime | None:
    if feedback.kind is not kind:
        return known
    return min(known, feedback.occurred_at) if known else feedback.occurred_at
