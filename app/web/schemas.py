"""What a request may ask: the bodies and query strings of the API, field by field.

Resend's fields keep Resend's names, types and meaning; ours (`stream`, `lane` and others) stand beside them. What is
not here is refused, never ignored: what a caller asked for and did not get would be found out too late. What a mail may
be as a whole (its headers, its times, its size) is decided by `Accept.faults`.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from app.domain.delivery import State
from app.domain.headline import LAST_EVENTS
from app.domain.mime import Attachment, Message
from app.domain.proof import OnUnconfirmed
from app.domain.suppression import EVERY_MAIL, Origin
from app.queue import Lane
from app.services.accept import Submission
from app.services.entries import Status
from app.services.look_up import EmailFilter
from app.services.pages import Page
from app.web.fields import (
    NOT_EMPTY,
    AddressField,
    ContentField,
    FlagText,
    IntegerText,
    MailboxesField,
    MailboxField,
    MomentField,
    TagField,
    WhomField,
)

MAX_TAGS = 50
MAX_ENTRIES = 100
"""Addresses or ids in one batch call about suppressions, as Resend has it."""

TagWord = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,256}$")]
EventWord = Annotated[str, WithJsonSchema({"type": "string", "enum": sorted(LAST_EVENTS)})]
ScopeWord = Annotated[str, Field(max_length=128)]


class Known(BaseModel):
    """A JSON object or a query string of which every field is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AttachmentBody(Known):
    """A file that travels with the mail. `inline_content_id` is an older name of `content_id`."""

    filename: str
    content: ContentField
    content_type: str | None = None
    content_id: str | None = None
    inline_content_id: str | None = None

    def attachment(self) -> Attachment:
        """The same in the words of the domain."""
        return Attachment(
            filename=self.filename,
            content=self.content,
            content_type=self.content_type,
            content_id=self.content_id or self.inline_content_id,
        )


class TagBody(Known):
    """A label of the application's own, to find mails by. It is not sent."""

    name: TagWord
    value: TagWord | Literal[""] = ""


class EmailBody(Known):
    """One mail to send."""

    model_config = ConfigDict(title="SendEmail")

    sender: MailboxField = Field(alias="from")
    to: MailboxesField
    cc: MailboxesField | None = None
    bcc: MailboxesField | None = None
    reply_to: MailboxesField | None = None
    subject: str
    html: str | None = None
    text: str | None = None
    headers: dict[str, str] | None = None
    attachments: tuple[AttachmentBody, ...] | None = None
    tags: Annotated[tuple[TagBody, ...], Field(max_length=MAX_TAGS)] | None = None
    scheduled_at: MomentField | None = None
    expires_at: MomentField | None = Field(None, description="After this the mail is expired, not sent.")
    stream: str = Field("default", description="Which list of mail this is: the scope of an unsubscribe.")
    lane: Lane | None = Field(None, description="Default: the application's.")
    on_unconfirmed: OnUnconfirmed | None = Field(
        None, description="What to do when nobody can say whether SES took the mail. Default: the application's."
    )

    def submission(self) -> Submission:
        """The mail as `Accept` takes it."""
        return Submission(
            message=Message(
                sender=self.sender,
                to=self.to,
                cc=self.cc or (),
                reply_to=self.reply_to or (),
                subject=self.subject,
                text=self.text,
                html=self.html,
                headers=tuple((self.headers or {}).items()),
                attachments=tuple(body.attachment() for body in self.attachments or ()),
            ),
            bcc=self.bcc or (),
            stream=self.stream,
            lane=self.lane,
            tags=tuple((tag.name, tag.value) for tag in self.tags or ()),
            scheduled_at=self.scheduled_at,
            expires_at=self.expires_at,
            on_unconfirmed=self.on_unconfirmed,
        )


class RescheduleBody(Known):
    """Another time for a scheduled mail. Resend's clients repeat the id of the path in the body."""

    id: UUID | None = None
    scheduled_at: MomentField


class SuppressionBody(Known):
    """An address, or a whole domain, that is not to be sent to: by nobody, by one application, or in one stream."""

    email: WhomField
    scope: ScopeWord = EVERY_MAIL
    reason: str | None = None
    expires_at: MomentField | None = None


class UnsuppressBody(Known):
    """Why an address may be sent to again. Who complained or was forgotten is taken off the list only with `force`."""

    reason: str | None = None
    force: StrictBool = False


class UndoBody(Known):
    """Why what was taken off the list is put back."""

    reason: str | None = None


class VerdictBody(Known):
    """Why a held mail is sent again, or given up."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class SuppressBatchBody(Known):
    """Addresses or whole domains to suppress, for every mail unless a scope is given."""

    emails: Annotated[tuple[WhomField, ...], Field(max_length=MAX_ENTRIES), NOT_EMPTY]
    scope: ScopeWord = EVERY_MAIL
    reason: str | None = None


class UnsuppressBatchBody(Known):
    """Addresses or ids of entries to take off the list, and why; one of the two."""

    emails: Annotated[tuple[WhomField, ...], Field(max_length=MAX_ENTRIES), NOT_EMPTY] | None = None
    ids: Annotated[tuple[UUID, ...], Field(max_length=MAX_ENTRIES), NOT_EMPTY] | None = None
    reason: str | None = None
    force: StrictBool = False

    @model_validator(mode="after")
    def _one_of_two(self) -> "UnsuppressBatchBody":
        if (self.emails is None) == (self.ids is None):
            raise PydanticCustomError("one_of", "Give either emails or ids.")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Each entry once, as an address or an id in text."""
        return tuple(dict.fromkeys(self.emails or map(str, self.ids or ())))


class NoQuery(Known):
    """A request without a query string."""


class PageQuery(Known):
    """Which page of a list: `limit` entries, after or before the entry of that id."""

    limit: Annotated[IntegerText, Field(ge=1, le=100)] = 20
    after: UUID | None = None
    before: UUID | None = None

    @model_validator(mode="after")
    def _one_direction(self) -> "PageQuery":
        if self.after is not None and self.before is not None:
            raise PydanticCustomError("one_of", "Give after or before, not both.")
        return self

    def page(self) -> Page:
        """The page as the services take it."""
        return Page(limit=self.limit, after=self.after, before=self.before)


class EmailsQuery(PageQuery):
    """Which mails, newest first."""

    to: AddressField | None = None
    last_event: EventWord | None = None
    state: State | None = None
    tag: TagField | None = None
    stream: Annotated[str, Field(max_length=64)] | None = None
    since: MomentField | None = None
    until: MomentField | None = None

    def filter(self) -> EmailFilter:
        """The filter as `LookUp` takes it."""
        return EmailFilter(
            to=self.to,
            last_event=self.last_event,
            state=self.state,
            tag=self.tag,
            stream=self.stream,
            since=self.since,
            until=self.until,
        )


class SuppressionsQuery(PageQuery):
    """Which entries of the suppression list, newest first; `q` is the beginning of the address."""

    origin: Origin | None = None
    q: Annotated[str, Field(min_length=1, max_length=254)] | None = None
    scope: ScopeWord | None = None
    status: Literal[Status.LIVE, Status.REVIEW] | None = None


class UnsuppressQuery(Known):
    """Why an address may be sent to again, and in which scope; default: all its entries."""

    reason: str | None = None
    force: FlagText = False
    scope: ScopeWord | None = None
