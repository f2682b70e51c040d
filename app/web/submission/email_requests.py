"""The bodies and query strings of requests, field by field.

Resend's fields keep Resend's names, types and meaning; our own (`stream`, `lane` and others) are beside them. An
unknown field is refused, never ignored: a caller would find out too late that a field had no effect. `Accept.faults`
checks an email as a whole: its headers, its times, its size.
"""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from pydantic import ConfigDict, Field, PlainValidator, StrictBool, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from app.domain.apps.own_words import TAG_LIMIT, TAG_WORD
from app.domain.feedback.bounce_causes import BounceCause
from app.domain.message.attachments import Attachment, file_name
from app.domain.message.content_types import read_content_type
from app.domain.message.headers import plain_headers
from app.domain.message.mime import Message
from app.domain.message.plain_text import plain_text_of
from app.domain.sending.last_event import LAST_EVENTS
from app.domain.sending.state_machine import State
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane
from app.services.submission.accept import Submission
from app.services.submission.look_up import EmailFilter
from app.web.http.fields import (
    EACH,
    ActorField,
    ActorSought,
    AddressField,
    FlagText,
    KeyField,
    KeySought,
    LaneSought,
    ProviderName,
    SinceField,
    TagField,
    UntilField,
)
from app.web.http.known import Known, PageQuery
from app.web.submission.mail_fields import (
    ContentField,
    ContentTypeField,
    HeadersField,
    MailboxesField,
    MailboxField,
    TagValueField,
    TimeField,
)

TagWord = Annotated[str, Field(pattern=rf"^{TAG_WORD.pattern}$")]


def _event_word(value: Any) -> str:
    if value in LAST_EVENTS:
        return str(value)
    raise PydanticCustomError("enum", "{rule}", {"rule": f"Give one of {', '.join(sorted(LAST_EVENTS))}."})


EventWord = Annotated[str, PlainValidator(_event_word), WithJsonSchema({"type": "string", "enum": sorted(LAST_EVENTS)})]


class AttachmentBody(Known):
    """A file attached to the email. `inline_content_id` is an older name of `content_id`.

    A `path` beside the content is taken for the name of the file. Nothing is fetched from it.
    """

    filename: str | None = Field(None, description="Default: a name that came in the content type, or one made of it.")
    content: ContentField
    content_type: ContentTypeField = None
    content_id: str | None = None
    inline_content_id: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_path(cls, value: Any) -> Any:
        """A `path` beside the content gives the name, where there is none. Alone it is refused: nothing is fetched."""
        if not isinstance(value, dict) or not value.get("content") or not isinstance(value.get("path"), str):
            return value
        rest = {name: one for name, one in value.items() if name != "path"}
        return rest if rest.get("filename") else {**rest, "filename": unquote(urlsplit(value["path"]).path)}

    def attachment(self, number: int) -> Attachment:
        """The same as the domain takes it; `number` counts the attachments from 1."""
        given = self.content_type or read_content_type(self.content.content_type or "")
        content_type = given.value if given else None
        return Attachment(
            filename=file_name(
                self.filename, named=(given.name if given else None,), content_type=content_type, number=number
            ),
            content=self.content.octets,
            content_type=content_type,
            content_id=_bare(self.content_id or self.inline_content_id),
        )


def _bare(content_id: str | None) -> str | None:
    """A content id without the angle brackets of its header, as the HTML names it."""
    bare = re.sub(r"\A<([^<>]*)>\Z", r"\1", content_id.strip(" \t")) if content_id else None
    return bare or None


class TagBody(Known):
    """A label that the application chooses, to find emails by. It is not sent."""

    name: TagWord
    value: TagValueField = ""


class EmailBody(Known):
    """One email to send."""

    model_config = ConfigDict(title="SendEmail")

    sender: MailboxField = Field(alias="from")
    to: MailboxesField
    cc: MailboxesField | None = None
    bcc: MailboxesField | None = None
    reply_to: MailboxesField | None = None
    subject: str
    html: str | None = None
    text: str | None = None
    headers: HeadersField | None = None
    attachments: tuple[AttachmentBody, ...] | None = None
    tags: Annotated[tuple[TagBody, ...], Field(max_length=TAG_LIMIT)] | None = None
    actor: ActorField = Field(None, description="On whose behalf it is sent: an id of your own, or an address.")
    reference: KeyField = Field(None, description="What it is about: an id of your own, such as that of an invitation.")
    supersedes: KeyField = Field(
        None, description="A key of your own: the email cancels older ones with the same key that have not left."
    )
    scheduled_at: TimeField | None = None
    expires_at: TimeField | None = Field(None, description="After this time the email expires instead of being sent.")
    stream: str | None = Field(
        None,
        description="The stream that it belongs to: the scope of an unsubscribe. Default: the application's stream.",
    )
    lane: Lane | None = Field(None, description="Default: the application's lane.")
    on_unconfirmed: OnUnconfirmed | None = Field(
        None,
        description="What to do when it is unknown whether SES accepted the email. Default: the application's choice.",
    )

    def submission(self) -> Submission:
        """The email as `Accept` takes it."""
        return Submission(
            message=Message(
                sender=self.sender,
                to=self.to,
                cc=self.cc or (),
                reply_to=self.reply_to or (),
                subject=self.subject,
                text=_text_of(self.text, self.html),
                html=self.html,
                headers=plain_headers(self.headers or {}),
                attachments=tuple(body.attachment(number) for number, body in enumerate(self.attachments or (), 1)),
            ),
            bcc=self.bcc or (),
            stream=self.stream,
            lane=self.lane,
            tags=tuple((tag.name, tag.value) for tag in self.tags or ()),
            actor=self.actor,
            reference=self.reference,
            supersedes=self.supersedes,
            scheduled_at=_moment(self.scheduled_at),
            scheduled_in=_delay(self.scheduled_at),
            expires_at=_moment(self.expires_at),
            expires_in=_delay(self.expires_at),
            on_unconfirmed=self.on_unconfirmed,
        )


def _moment(time: datetime | timedelta | None) -> datetime | None:
    return time if isinstance(time, datetime) else None


def _delay(time: datetime | timedelta | None) -> timedelta | None:
    return time if isinstance(time, timedelta) else None


def _text_of(text: str | None, html: str | None) -> str | None:
    """The text that was given, an empty one too; without one, that of the HTML."""
    return plain_text_of(html) if text is None and html else text


class RescheduleBody(Known):
    """Another time for a scheduled email. Resend's clients repeat the id of the path in the body."""

    id: UUID | None = None
    scheduled_at: TimeField


class GiveUpBody(Known):
    """Why a held email is discarded."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class ResendBody(GiveUpBody):
    """Why a held email is sent again, or with `failed` an email that has failed."""

    failed: StrictBool = False


class EmailsQuery(PageQuery):
    """Which emails to list, newest first: with one of each of these, and all of the tags."""

    to: AddressField | None = None
    last_event: Annotated[tuple[EventWord, ...], EACH] = ()
    state: Annotated[tuple[State, ...], EACH] = ()
    cause: Annotated[tuple[BounceCause, ...], EACH] = ()
    provider: ProviderName | None = None
    due: FlagText = Field(default=False, description="A recipient waits, and its time has come.")
    tag: Annotated[tuple[TagField, ...], EACH] = ()
    actor: ActorSought | None = None
    reference: KeySought | None = None
    supersedes: KeySought | None = None
    request_id: UUID | None = Field(None, description="The X-Request-Id of the answer to a submission.")
    stream: Annotated[str, Field(max_length=64)] | None = None
    lane: LaneSought | None = None
    since: SinceField | None = None
    until: UntilField | None = Field(None, description="A date is included.")

    def filter(self) -> EmailFilter:
        """The filter as `LookUp` takes it."""
        return EmailFilter(
            to=self.to,
            last_events=self.last_event,
            states=self.state,
            causes=self.cause,
            provider=self.provider,
            is_due=self.due,
            tags=self.tag,
            actor=self.actor,
            reference=self.reference,
            supersedes=self.supersedes,
            request_id=self.request_id,
            stream=self.stream,
            lane=self.lane,
            since=self.since,
            until=self.until,
        )
