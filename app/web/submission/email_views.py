"""The JSON objects of emails in responses: Resend's field names where Resend has one, and our own beside them.

They are made from the views of the services and from nothing else, so that no column reaches a client by accident.
"""

from typing import Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from app.domain.sending.trying import Mode
from app.services.submission.accept import AlreadySuppressed, Receipt
from app.services.submission.look_up import EmailView, RecipientView
from app.services.submission.timeline import TimelineEntry
from app.web.http.responses import Moment, View


class SuppressionView(View):
    """A recipient to which the email is not sent, and why."""

    email: str
    origin: str
    created_at: Moment

    @classmethod
    def of(cls, entry: AlreadySuppressed) -> Self:
        """Make it from a suppression that `Accept` found."""
        return cls(email=entry.email, origin=entry.origin, created_at=entry.created_at)


class Sent(View):
    """The email is in the database and will be sent.

    `suppressed` names the recipients to which it is not sent, `superseded` the older emails that it canceled.
    """

    id: UUID
    suppressed: list[SuppressionView] = Field(default_factory=list)
    superseded: list[UUID] = Field(default_factory=list)

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """Make it from the receipt of one submission."""
        suppressed = [SuppressionView.of(entry) for entry in receipt.suppressed]
        found: dict[str, Any] = {"suppressed": suppressed, "superseded": list(receipt.superseded)}
        return cls(id=receipt.id, **{name: several for name, several in found.items() if several})


class FaultView(View):
    """An email of a permissive batch that was not accepted."""

    index: int
    message: str


class SentBatch(View):
    """The emails that were accepted, in the order of the request, and in permissive mode those that were not."""

    data: list[Sent]
    errors: list[FaultView] = Field(default_factory=list)


class Touched(View):
    """The email that was changed."""

    object: Literal["email"]
    id: UUID


class Recipient(View):
    """The state of the email for one recipient. `message_id` is the Message-ID that the recipient sees."""

    id: UUID
    email: str
    name: str | None
    kind: str
    state: str
    reason: str | None
    cause: str | None
    ses_message_id: str | None
    message_id: str | None
    attempts: int
    due_at: Moment
    possible_duplicate: bool
    updated_at: Moment

    @classmethod
    def of(cls, view: RecipientView) -> Self:
        """Make it from the view of one recipient."""
        return cls(
            id=view.id,
            email=view.email,
            name=view.name,
            kind=view.kind,
            state=view.state,
            reason=view.reason,
            cause=view.cause,
            ses_message_id=view.ses_message_id,
            message_id=view.message_id,
            attempts=view.attempts,
            due_at=view.due_at,
            possible_duplicate=view.possible_duplicate,
            updated_at=view.updated_at,
        )


class TagView(View):
    """A label that the application chose."""

    name: str
    value: str


class Email(View):
    """One email. `html` and `text` are null in lists and once the body is erased."""

    object: Literal["email"]
    id: UUID
    app: str
    mode: Mode
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
    tags: list[TagView]
    actor: str | None
    reference: str | None
    supersedes: str | None
    request_id: UUID | None
    created_at: Moment
    scheduled_at: Moment | None
    expires_at: Moment | None
    last_event: str
    recipients: list[Recipient]

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    @classmethod
    def of(cls, view: EmailView) -> Self:
        """Make it from the view of one email."""
        return cls(
            object="email",
            id=view.id,
            app=view.app,
            mode=Mode.of(view.lane),
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
            tags=[TagView(name=name, value=value) for name, value in view.tags],
            actor=view.actor,
            reference=view.reference,
            supersedes=view.supersedes,
            request_id=view.request_id,
            created_at=view.created_at,
            scheduled_at=view.scheduled_at,
            expires_at=view.expires_at,
            last_event=view.last_event,
            recipients=[Recipient.of(recipient) for recipient in view.recipients],
        )


class TimelineItem(View):
    """One thing that happened to the email for one recipient, and its effect."""

    at: Moment
    type: str
    recipient: str
    detail: str
    effect: str
    data: dict[str, Any]

    @classmethod
    def of(cls, entry: TimelineEntry) -> Self:
        """Make it from one entry of the timeline."""
        return cls(
            at=entry.at,
            type=entry.type,
            recipient=entry.recipient,
            detail=entry.detail,
            effect=entry.effect,
            data=dict(entry.data),
        )
