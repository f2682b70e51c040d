"""What follows from one event about one recipient: for the suppression list, for the mail, for the timeline.

Everything is written in the caller's transaction, so a bounce and the suppression that it causes are committed together
or not at all. It asks `app.domain` for each verdict and only does the bookkeeping.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from app.domain.address import Address, is_mailbox_simulator
from app.domain.delivery import Facts, State
from app.domain.feedback import Feedback, FeedbackKind
from app.domain.news import news_of
from app.domain.pseudonym import read_named
from app.domain.suppression import EVERY_MAIL, Origin, Ruling, Verdict, outlived_by, rule
from app.services.advance import advance
from app.services.match import Match
from app.services.soft_bounces import reassess
from app.store import attempts, events, incidents, reviews, suppressions
from app.store.attempts import AttemptOutcome, Closing, Evidence
from app.store.events import Json, NewEvent
from app.store.inbox import Notification
from app.store.positives import Positives
from app.store.recipients import Recipient
from app.store.suppressions import POSTERN, NewSuppression

_SPOKEN = {State.FAILED: "SES accepted the mail and then rejected it."}


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What the caller writes with that of other events: where the mail stands now, and how a call to SES ended."""

    recipient: Recipient | None
    closing: Closing | None = None


class Conclude:
    """Draws the conclusions of one event."""

    def __init__(self, *, positives: Positives, exempt_mailbox_simulator: bool) -> None:
        self._positives = positives
        self._exempt_simulator = exempt_mailbox_simulator

    def __call__(
        self,
        connection: Connection,
        notification: Notification,
        feedback: Feedback,
        *,
        match: Match | None,
        recipient: Recipient | None,
        now: datetime,
    ) -> Conclusion:
        """What is left to write of the event: the rest is written. An event that was settled before changes nothing."""
        address = _blamed(feedback, recipient)
        exempt = self._exempt_simulator and address is not None and is_mailbox_simulator(address)
        ruling = rule(feedback, exempt=exempt)
        event = _event(notification, feedback, address, recipient, counts=ruling.verdict is Verdict.COUNT)
        if not events.add(connection, event) and not (recipient and events.attach(connection, event)):
            return Conclusion(recipient)
        if effect := self._apply(connection, ruling, feedback, address, recipient):
            events.explain(connection, event, effect=effect)
        if recipient is None or match is None:
            return Conclusion(recipient)
        moved = self._advance(connection, feedback, recipient, now)
        return Conclusion(moved, _closing(connection, match, feedback))

    def _apply(
        self,
        connection: Connection,
        ruling: Ruling,
        feedback: Feedback,
        address: Address | None,
        recipient: Recipient | None,
    ) -> str:
        if address is None:
            return ruling.why
        match ruling.verdict:
            case Verdict.SUPPRESS:
                return self._suppress(connection, ruling, feedback, address, recipient)
            case Verdict.RAISE_INCIDENT:
                incidents.note(
                    connection, kind="refused_for_policy", subject=address.domain, detail=_diagnosis(feedback)
                )
        if ruling.verdict is Verdict.COUNT or feedback.kind is FeedbackKind.DELIVERY:
            done = reassess(connection, self._positives, key=address.key, address=address.email)
            return f"{ruling.why} {done or ''}".strip()
        return ruling.why

    def _suppress(
        self,
        connection: Connection,
        ruling: Ruling,
        feedback: Feedback,
        address: Address,
        recipient: Recipient | None,
    ) -> str:
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


def _blamed(feedback: Feedback, recipient: Recipient | None) -> Address | None:
    """The address that the event is about.

    SES reports a DSN's Final-Recipient, which for a forwarded mail is somebody we never mailed: then the one address
    that we did mail answers for it. With several, nobody does.
    """
    reported = read_named(feedback.recipient) if feedback.recipient else None
    mailed = _mailed(feedback, recipient)
    if reported is None or any(one.key == reported.key for one in mailed):
        return reported or (mailed[0] if recipient else None)
    if not mailed:
        return reported
    return mailed[0] if len(mailed) == 1 else None


def _mailed(feedback: Feedback, recipient: Recipient | None) -> list[Address]:
    if recipient is not None:
        own = read_named(recipient.address)
        return [own] if own else []
    return [address for text in feedback.destination if (address := read_named(text))]


def _event(
    notification: Notification,
    feedback: Feedback,
    address: Address | None,
    recipient: Recipient | None,
    *,
    counts: bool,
) -> NewEvent:
    return NewEvent(
        feedback_id=notification.id,
        recipient_id=recipient.id if recipient else None,
        ses_message_id=feedback.ses_message_id,
        type=feedback.kind,
        address=address.email if address else feedback.recipient,
        key=address.key if address else None,
        domain=address.domain if address else None,
        dedup=events.fingerprint(feedback.recipient or "", feedback.feedback_id, feedback.occurred_at),
        occurred_at=feedback.occurred_at,
        mail_sent_at=feedback.mail_sent_at,
        counts_against=counts,
        detail=feedback.detail,
        data=_data(feedback),
    )


def _data(feedback: Feedback) -> Json:
    bounce, complaint = feedback.bounce, feedback.complaint
    fields: Json = {"ses_message_id": feedback.ses_message_id, "feedback_id": feedback.feedback_id}
    if bounce is not None:
        fields |= {
            "bounce_type": bounce.type,
            "bounce_subtype": bounce.subtype,
            "action": bounce.action,
            "status": bounce.status,
            "diagnostic": bounce.diagnostic,
            "reported_recipient": feedback.recipient,
        }
    if complaint is not None:
        fields |= {"complaint_type": complaint.feedback_type, "complaint_subtype": complaint.subtype}
    return {name: value for name, value in fields.items() if value is not None}


def _source(feedback: Feedback, recipient: Recipient | None) -> Json:
    return _data(feedback) | ({"email_id": str(recipient.email_id)} if recipient else {})


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
