"""What an answer about mails holds: the same names as Resend's where it has one, ours beside them.

Written from the views of the services and from nothing else, so that no column reaches a client by accident.
"""

from typing import Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from app.services.accept import AlreadySuppressed, Receipt
from app.services.look_up import EmailView, RecipientView
from app.services.timeline import TimelineEntry
from app.web.answers import Moment, Told


class ToldSuppression(Told):
    """A recipient that will not be sent to, and why."""

    email: str
    origin: str
    created_at: Moment

    @classmethod
    def of(cls, entry: AlreadySuppressed) -> Self:
        """Written from what `Accept` found."""
        return cls(email=entry.email, origin=entry.origin, created_at=entry.created_at)


class Sent(Told):
    """The mail is in the database and will be sent; `suppressed` names recipients that will not be."""

    id: UUID
    suppressed: list[ToldSuppression] = Field(default_factory=list)

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """Written from the receipt of one submission."""
        if not receipt.suppressed:
            return cls(id=receipt.id)
        return cls(id=receipt.id, suppressed=[ToldSuppression.of(entry) for entry in receipt.suppressed])


class ToldFault(Told):
    """A mail of a permissive batch that was not taken."""

    index: int
    message: str


class SentBatch(Told):
    """The mails that were taken, in their order, and in permissive mode those that were not."""

    data: list[Sent]
    errors: list[ToldFault] = Field(default_factory=list)


class Touched(Told):
    """The mail that was changed."""

    object: Literal["email"]
    id: UUID


class Recipient(Told):
    """Where the mail to one address stands."""

    id: UUID
    email: str
    name: str | None
    kind: str
    state: str
    reason: str | None
    ses_message_id: str | None
    attempts: int
    due_at: Moment
    possible_duplicate: bool
    updated_at: Moment

    @classmethod
    def of(cls, view: RecipientView) -> Self:
        """Written from the view of one recipient."""
        return cls(
            id=view.id,
            email=view.email,
            name=view.name,
            kind=view.kind,
            state=view.state,
            reason=view.reason,
            ses_message_id=view.ses_message_id,
            attempts=view.attempts,
            due_at=view.due_at,
            possible_duplicate=view.possible_duplicate,
            updated_at=view.updated_at,
        )


class ToldTag(Told):
    """A label of the application's own."""

    name: str
    value: str


class Email(Told):
    """One mail. `html` and `text` are null in lists and once the body is erased."""

    object: Literal["email"]
    id: UUID
    app: str
    stream: str
    lane: str
    sender: str = Field(alias="from")
    to: list[str]
    cc: list[str]
    bcc: list[str]
    reply_to: list[str]
    subject: str | None
    html: str | None
    text: str | None
    headers: dict[str, str]
    tags: list[ToldTag]
    created_at: Moment
    scheduled_at: Moment | None
    expires_at: Moment | None
    last_event: str
    recipients: list[Recipient]

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    @classmethod
    def of(cls, view: EmailView) -> Self:
        """Written from the view of one mail."""
        return cls(
            object="email",
            id=view.id,
            app=view.app,
            stream=view.stream,
            lane=view.lane,
            sender=view.sender,
            to=list(view.to),
            cc=list(view.cc),
            bcc=list(view.bcc),
            reply_to=list(view.reply_to),
            subject=view.subject,
            html=view.html,
            text=view.text,
            headers=dict(view.headers),
            tags=[ToldTag(name=name, value=value) for name, value in view.tags],
            created_at=view.created_at,
            scheduled_at=view.scheduled_at,
            expires_at=view.expires_at,
            last_event=view.last_event,
            recipients=[Recipient.of(recipient) for recipient in view.recipients],
        )


class TimelineItem(Told):
    """One thing that happened to the mail to one recipient, and what followed from it."""

    at: Moment
    type: str
    recipient: str
    detail: str
    effect: str
    data: dict[str, Any]

    @classmethod
    def of(cls, entry: TimelineEntry) -> Self:
        """Written from one entry of the timeline."""
        return cls(
            at=entry.at,
            type=entry.type,
            recipient=entry.recipient,
            detail=entry.detail,
            effect=entry.effect,
            data=dict(entry.data),
        )
