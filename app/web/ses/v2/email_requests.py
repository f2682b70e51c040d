"""The bodies of `SendEmail` and `SendBulkEmail`, field by field, under the names of SES.

A field that SES has and Postern does not is refused by its name: the email would be another one than the caller wanted.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from app.domain.errors import MalformedRequest
from app.domain.message.attachments import Attachment, file_name
from app.domain.message.content_types import ContentTypeRule, read_content_type
from app.web.http import strict_json
from app.web.http.fields import read_text
from app.web.ses.email_parts import Body, Destination, Tags, Text
from app.web.ses.fields import (
    AddressField,
    BlobField,
    MailboxesField,
    MailboxField,
    SesObject,
    StreamField,
    not_supported,
)
from app.web.ses.inline_template import Template

MAX_ENTRIES: Final = 50
"""Entries of one bulk call, as SES has it."""

_STORED: Final = not_supported("Postern stores no templates: send the content, or give TemplateContent.")
_NO_ENDPOINT: Final = not_supported("Postern has no endpoints in several regions. Leave it out.")
_NO_TENANT: Final = not_supported("Postern has no tenants: an application of its own has its own key and list.")
_NO_LISTS: Final = not_supported("Postern has no contact lists: streams have links to unsubscribe.")
_NO_TRACKING: Final = not_supported("The configuration set of the gateway decides about tracking. Leave it out.")


class _Sending(SesObject):
    """What both operations have beside the content. Postern itself takes the bounces of all email."""

    from_email_address: MailboxField | None = None
    from_email_address_identity_arn: str | None = None
    reply_to_addresses: MailboxesField = ()
    feedback_forwarding_email_address: AddressField | None = None
    feedback_forwarding_email_address_identity_arn: str | None = None
    configuration_set_name: StreamField | None = None
    endpoint_id: Annotated[None, _NO_ENDPOINT] = None
    tenant_name: Annotated[None, _NO_TENANT] = None
    configuration_overrides: Annotated[None, _NO_TRACKING] = None


class Header(SesObject):
    """A header of the application's own."""

    name: str
    value: str


class File(SesObject):
    """An attachment. One with a `ContentId` is shown in the HTML that names it; SES decides by `ContentDisposition`."""

    raw_content: BlobField
    content_disposition: Literal["ATTACHMENT", "INLINE"] | None = None
    file_name: str
    content_description: str | None = None
    content_id: str | None = None
    content_transfer_encoding: Literal["BASE64", "QUOTED_PRINTABLE", "SEVEN_BIT"] | None = None
    content_type: str | None = None

    @model_validator(mode="after")
    def _has_a_type(self) -> "File":
        if self.content_type and read_content_type(self.content_type) is None:
            rule = ContentTypeRule.CONTENT_TYPE
            raise PydanticCustomError(rule.value, "{rule}", {"rule": rule.sentence})
        return self

    def attachment(self, number: int) -> Attachment:
        """The same as the domain takes it; `number` counts the attachments from 1."""
        given = read_content_type(self.content_type or "")
        content_type = given.value if given else None
        return Attachment(
            filename=file_name(self.file_name, content_type=content_type, number=number),
            content=self.raw_content,
            content_type=content_type,
            content_id=(self.content_id or "").strip().removeprefix("<").removesuffix(">") or None,
        )


Headers = tuple[Header, ...]
Files = tuple[File, ...]


class Simple(SesObject):
    """An email in parts."""

    subject: Text
    body: Body
    headers: Headers = ()
    attachments: Files = ()


class Raw(SesObject):
    """A MIME message."""

    data: BlobField


def _values(value: Any) -> Mapping[str, Any]:
    """The JSON object of a text with the values of a template."""
    try:
        found = strict_json.load(read_text(value or "{}").encode())
    except (MalformedRequest, UnicodeEncodeError):
        found = None
    if not isinstance(found, dict):
        raise PydanticCustomError("template_data", "Give a JSON object as text.")
    return found


def _template(value: Any) -> Template:
    return Template(read_text(value))


TemplateField = Annotated[Template, PlainValidator(_template)]
ValuesField = Annotated[Mapping[str, Any], PlainValidator(_values)]


class TemplateContent(SesObject):
    """The texts of a template."""

    subject: TemplateField
    text: TemplateField | None = None
    html: TemplateField | None = None

    @property
    def texts(self) -> tuple[Template, ...]:
        """All of them."""
        return tuple(one for one in (self.subject, self.text, self.html) if one is not None)


class TemplateUse(SesObject):
    """A template that comes with the request, and the values for its places."""

    template_name: Annotated[None, _STORED] = None
    template_arn: Annotated[None, _STORED] = None
    template_content: TemplateContent
    template_data: ValuesField = Field(default_factory=dict)
    headers: Headers = ()
    attachments: Files = ()


def _exactly_one(value: Any) -> Any:
    given = [name for name in ("Simple", "Raw", "Template") if isinstance(value, dict) and value.get(name) is not None]
    if isinstance(value, dict) and len(given) != 1:
        raise PydanticCustomError("one_of", "Give one of Simple, Raw and Template.")
    return value


class Content(SesObject):
    """The content, in one of three forms."""

    simple: Simple | None = None
    raw: Raw | None = None
    template: TemplateUse | None = None


class SendEmailBody(_Sending):
    """One email."""

    destination: Destination = Destination()
    content: Annotated[Content, BeforeValidator(_exactly_one)]
    email_tags: Tags = ()
    list_management_options: Annotated[None, _NO_LISTS] = None


class ReplacementTemplate(SesObject):
    """The values of one entry. They come before those of the template."""

    replacement_template_data: ValuesField = Field(default_factory=dict)


class ReplacementContent(SesObject):
    """What differs in one entry."""

    replacement_template: ReplacementTemplate = ReplacementTemplate()


class BulkEntry(SesObject):
    """One email of several."""

    destination: Destination
    replacement_tags: Tags = ()
    replacement_email_content: ReplacementContent = ReplacementContent()
    replacement_headers: Headers = ()


class BulkContent(SesObject):
    """What the emails have in common."""

    template: TemplateUse


class SendBulkEmailBody(_Sending):
    """Several emails of one template."""

    from_email_address: MailboxField
    default_content: BulkContent
    default_email_tags: Tags = ()
    bulk_email_entries: Annotated[tuple[BulkEntry, ...], Field(min_length=1, max_length=MAX_ENTRIES)]
