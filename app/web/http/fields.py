"""The types of single fields on the wire: how a mailbox, a moment and the content of a file are written in JSON.

It decides what one value may look like; the rules of an address are the domain's. Nothing is coerced: a number is never
taken for a text, nor an integer for a time.
"""

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.domain.address import InvalidAddress, Mailbox, parse_address, parse_mailbox
from app.domain.whom import parse_whom

MAX_MAILBOXES = 50
"""Addresses that one field may list; how many a mail may have in all is a setting."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)

_TAG_WORD = re.compile(r"[A-Za-z0-9_-]{1,256}")
_DIGITS = re.compile(r"\d{1,9}", re.ASCII)


def _mailbox(value: Any) -> Mailbox:
    try:
        return parse_mailbox(_text(value))
    except InvalidAddress as broken:
        raise PydanticCustomError(broken.code, "{rule}", {"rule": str(broken)}) from None


def _address(value: Any) -> str:
    try:
        return parse_address(_text(value)).email
    except InvalidAddress as broken:
        raise PydanticCustomError(broken.code, "{rule}", {"rule": str(broken)}) from None


def _whom(value: Any) -> str:
    try:
        return parse_whom(_text(value)).email
    except InvalidAddress as broken:
        raise PydanticCustomError(broken.code, "{rule}", {"rule": str(broken)}) from None


def _flag(value: Any) -> bool:
    """`value` of a query string as true or false."""
    if value in {"true", "false"}:
        return bool(value == "true")
    raise PydanticCustomError("bool_parsing", "Give true or false.")


def _moment(value: Any) -> datetime:
    """`value` as an aware UTC time; RFC 3339 (also with a space for the T), always with its offset."""
    text = _text(value)
    if _MOMENT.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise _not_a_moment() from None
    raise _not_a_moment()


def _not_a_moment() -> PydanticCustomError:
    return PydanticCustomError(
        "moment", "Give a time as RFC 3339 with its offset, like 2027-01-31T09:30:00Z; words are not understood."
    )


def _content(value: Any) -> bytes:
    """The bytes of a file, from base64 or from a list of byte values, which the Python and Go clients send."""
    try:
        if isinstance(value, list) and not any(isinstance(item, bool) for item in value):
            return bytes(value)
        return base64.b64decode(_text(value), validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise PydanticCustomError(
            "file_content", "Give the content as base64 without line breaks, or as a list of numbers from 0 to 255."
        ) from None


def _tag(value: Any) -> tuple[str, str]:
    """The name and value of a tag, from `name:value`."""
    name, colon, word = _text(value).partition(":")
    if not (colon and _TAG_WORD.fullmatch(name) and (not word or _TAG_WORD.fullmatch(word))):
        raise PydanticCustomError("tag", "Give a tag as name:value, both of letters, digits, - and _.")
    return name, word


def _integer(value: Any) -> int:
    """An integer written in a query string: digits only."""
    if not _DIGITS.fullmatch(_text(value)):
        raise PydanticCustomError("int_type", "Give a whole number.")
    return int(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "Give a string.")
    return value


def _not_empty(value: Any) -> Any:
    # pydantic's own min_length counts what is valid, and would blame the list for a fault in one of its items.
    if isinstance(value, list) and not value:
        raise PydanticCustomError("too_short", "Give at least one.")
    return value


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_MAILBOX_SCHEMA = {"type": "string", "examples": ["ann@example.com", "Ann Lee <ann@example.com>"]}
_MAILBOXES_SCHEMA = {"oneOf": [_MAILBOX_SCHEMA, {"type": "array", "items": _MAILBOX_SCHEMA, "maxItems": MAX_MAILBOXES}]}
_WHOM_SCHEMA = {"type": "string", "examples": ["ann@example.com", "@example.com"]}
_CONTENT_SCHEMA = {
    "oneOf": [
        {"type": "string", "contentEncoding": "base64"},
        {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}},
    ]
}

NOT_EMPTY = BeforeValidator(_not_empty)
MailboxField = Annotated[Mailbox, PlainValidator(_mailbox), WithJsonSchema(_MAILBOX_SCHEMA)]
MailboxesField = Annotated[
    tuple[MailboxField, ...],
    Field(max_length=MAX_MAILBOXES),
    BeforeValidator(_one_or_more),
    WithJsonSchema(_MAILBOXES_SCHEMA),
]
AddressField = Annotated[str, PlainValidator(_address), WithJsonSchema({"type": "string", "format": "email"})]
WhomField = Annotated[str, PlainValidator(_whom), WithJsonSchema(_WHOM_SCHEMA)]
MomentField = Annotated[datetime, PlainValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
ContentField = Annotated[bytes, PlainValidator(_content), WithJsonSchema(_CONTENT_SCHEMA)]
TagField = Annotated[
    tuple[str, str], PlainValidator(_tag), WithJsonSchema({"type": "string", "examples": ["campaign:spring"]})
]
FlagText = Annotated[bool, PlainValidator(_flag), WithJsonSchema({"type": "boolean"})]
IntegerText = Annotated[int, BeforeValidator(_integer)]
