"""The types of single fields of an email in JSON: mailboxes, files, headers, tags and times.

Strict about danger, generous about form: what can be understood in one way only is taken, in whatever spelling. The
domain decides how many mailboxes, which bytes and which content type a text stands for.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.domain.apps.own_words import TAG_WORD
from app.domain.message.address import InvalidAddress, Mailbox
from app.domain.message.content_types import ContentType, ContentTypeRule, read_content_type
from app.domain.message.delays import read_delay
from app.domain.message.file_content import FileContent, read_file_content
from app.domain.message.mailboxes import MAX_MAILBOXES, parse_mailbox, parse_mailboxes
from app.web.http.fields import MOMENT_SCHEMA, read_text, read_time


def _refused(broken: InvalidAddress) -> PydanticCustomError:
    return PydanticCustomError(broken.code, "{rule}", {"rule": str(broken)})


def _mailbox(value: Any) -> Mailbox:
    try:
        return parse_mailbox(read_text(value))
    except InvalidAddress as broken:
        raise _refused(broken) from None


def _mailboxes(value: Any) -> tuple[Mailbox, ...]:
    try:
        return parse_mailboxes(read_text(value))
    except InvalidAddress as broken:
        raise _refused(broken) from None


def _one_or_more(value: Any) -> Any:
    """A text as a list of one; an empty one as the empty list that a client means by it."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    return value


def _all_of(lists: tuple[tuple[Mailbox, ...], ...]) -> tuple[Mailbox, ...]:
    mailboxes = tuple(mailbox for listed in lists for mailbox in listed)
    if len(mailboxes) > MAX_MAILBOXES:
        raise PydanticCustomError("too_long", "Give at most {most} addresses here.", {"most": MAX_MAILBOXES})
    return mailboxes


def _content(value: Any) -> FileContent:
    """A file: base64, a `data:` address, or byte values, as Resend's Python and Go clients and Node's Buffer give."""
    if isinstance(value, dict) and value.get("type") == "Buffer" and set(value) == {"type", "data"}:
        value = value["data"]
    if isinstance(value, list):
        try:
            if not any(isinstance(item, bool) for item in value):
                return FileContent(bytes(value))
        except (ValueError, TypeError):
            pass
    elif isinstance(value, str) and (content := read_file_content(value)) is not None:
        return content
    raise PydanticCustomError(
        "file_content", "Give the content as base64, as a data: address, or as a list of numbers from 0 to 255."
    )


def _content_type(value: Any) -> ContentType | None:
    text = "" if value is None else read_text(value)
    if not text.strip():
        return None
    found = read_content_type(text)
    if found is None:
        rule = ContentTypeRule.CONTENT_TYPE
        raise PydanticCustomError(rule.value, "{rule}", {"rule": rule.sentence})
    return found


def _header_value(value: Any) -> str:
    """The value of a header. A number or a truth value stands for itself as JSON writes it."""
    return _scalar(value)


def _tag_value(value: Any) -> str:
    text = "" if value is None else _scalar(value)
    if text and not TAG_WORD.fullmatch(text):
        raise PydanticCustomError("tag_value", "A tag's value has at most 256 letters, digits, - and _.")
    return text


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else read_text(value)


def _without_nulls(value: Any) -> Any:
    """Headers that a client sends as null are those that it does not set."""
    return {name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else value


def _time(value: Any) -> datetime | timedelta:
    """A time, or how long from now, which only the service can tell."""
    delay = read_delay(value) if isinstance(value, str) else None
    try:
        return read_time(value) if delay is None else delay
    except PydanticCustomError as broken:
        raise (_not_a_time() if broken.type == "moment" else broken) from None


def _not_a_time() -> PydanticCustomError:
    return PydanticCustomError(
        "moment",
        "Give a time in RFC 3339 with its offset, such as 2027-01-31T09:30:00Z, or how long from now, such as "
        "in 5 minutes, in 2 hours or in 3 days. Other words are not supported.",
    )


_MAILBOX_SCHEMA = {"type": "string", "examples": ["ann@example.com", "Ann Lee <ann@example.com>"]}
_MAILBOXES_SCHEMA = {"oneOf": [_MAILBOX_SCHEMA, {"type": "array", "items": _MAILBOX_SCHEMA, "maxItems": MAX_MAILBOXES}]}
_BYTES_SCHEMA = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}}
_BUFFER_SCHEMA = {
    "type": "object",
    "required": ["type", "data"],
    "additionalProperties": False,
    "properties": {"type": {"const": "Buffer"}, "data": _BYTES_SCHEMA},
}
_CONTENT_SCHEMA = {
    "anyOf": [
        {"type": "string", "contentEncoding": "base64", "description": "Base64 of any kind, or a data: address."},
        _BYTES_SCHEMA,
        _BUFFER_SCHEMA,
    ]
}
_SCALAR_SCHEMA = {"type": ["string", "number", "boolean", "null"]}
_TIME_SCHEMA = {"anyOf": [MOMENT_SCHEMA, {"type": "string", "examples": ["in 1 hour", "in 3 days"]}]}

MailboxField = Annotated[Mailbox, PlainValidator(_mailbox), WithJsonSchema(_MAILBOX_SCHEMA)]
MailboxesField = Annotated[
    tuple[Annotated[Mailbox, PlainValidator(_mailboxes)], ...],  # each item may list several, which are joined below
    Field(max_length=MAX_MAILBOXES),
    BeforeValidator(_one_or_more),
    AfterValidator(_all_of),
    WithJsonSchema(_MAILBOXES_SCHEMA),
]
ContentField = Annotated[FileContent, PlainValidator(_content), WithJsonSchema(_CONTENT_SCHEMA)]
ContentTypeField = Annotated[
    ContentType | None, PlainValidator(_content_type), WithJsonSchema({"type": ["string", "null"]})
]
HeadersField = Annotated[
    dict[str, Annotated[str, PlainValidator(_header_value), WithJsonSchema(_SCALAR_SCHEMA)]],
    BeforeValidator(_without_nulls),
]
TagValueField = Annotated[str, PlainValidator(_tag_value), WithJsonSchema(_SCALAR_SCHEMA)]
TimeField = Annotated[datetime | timedelta, PlainValidator(_time), WithJsonSchema(_TIME_SCHEMA)]
