"""The forms of the actions of version 1, field by field, as a tree."""

from app.web.ses.email_parts import Body, Destination, Tags, Text
from app.web.ses.fields import AddressField, BlobField, MailboxesField, MailboxField, SesObject, StreamField


class Message(SesObject):
    """Subject and content."""

    subject: Text
    body: Body


class SendEmailForm(SesObject):
    """One email in parts. Postern itself takes the bounces of all email, so `ReturnPath` gets none."""

    source: MailboxField
    source_arn: str | None = None
    destination: Destination
    message: Message
    reply_to_addresses: MailboxesField = ()
    return_path: AddressField | None = None
    return_path_arn: str | None = None
    tags: Tags = ()
    configuration_set_name: StreamField | None = None


class RawMessage(SesObject):
    """A MIME message in base64."""

    data: BlobField


class SendRawEmailForm(SesObject):
    """One MIME message."""

    source: MailboxField | None = None
    source_arn: str | None = None
    from_arn: str | None = None
    return_path_arn: str | None = None
    destinations: MailboxesField = ()
    raw_message: RawMessage
    tags: Tags = ()
    configuration_set_name: StreamField | None = None


class VerifyEmailIdentityForm(SesObject):
    """An address to verify."""

    email_address: AddressField


class NoForm(SesObject):
    """An action without parameters."""
