"""The types of single fields in the requests of SES, for both versions of its API.

Names that are not ASCII come in encoded-words (RFC 2047), as SES requires it of its clients. They are read here, before
an address has any other meaning.
"""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator
from pydantic.alias_generators import to_pascal
from pydantic_core import PydanticCustomError

from app.domain.message.address import InvalidAddress, Mailbox
from app.domain.message.file_content import read_file_content
from app.domain.message.mailboxes import MAX_MAILBOXES, parse_mailbox, written
from app.domain.message.raw.controls import stream_of
from app.domain.message.raw.encoded_words import decoded
from app.web.http.fields import read_text

# Possessive: a pattern that goes back over a long text would hold up every thread of the process.
_NAMED: Final = re.compile(r'(?P<quote>"?)(?P<name>[^<>@"\\]*+)(?P=quote)[ \t]*+<(?P<address>[^<>]++)>')
_LONGEST: Final = 4096
"""Characters of a mailbox of which the name is in encoded-words: those of a name of the longest kind."""


class SesObject(BaseModel):
    """An object of a request. What is not known is refused, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_pascal)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        """What is null was not given, as AWS reads it."""
        return {name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else value


def not_supported(sentence: str) -> BeforeValidator:
    """The rule of a field that SES has and Postern does not: it is left out."""

    def refuse(value: Any) -> None:
        if value is not None:
            raise PydanticCustomError("not_supported", "{rule}", {"rule": sentence})

    return BeforeValidator(refuse)


def _mailbox(value: Any) -> Mailbox:
    text = read_text(value).strip()
    encoded = _NAMED.fullmatch(text) if "=?" in text and len(text) <= _LONGEST else None
    try:
        # A name that cannot be read stays, and is refused as any encoded-word is.
        return parse_mailbox(written(decoded(encoded["name"]).strip(), encoded["address"]) if encoded else text)
    except InvalidAddress as broken:
        raise PydanticCustomError(broken.code, "{rule}", {"rule": str(broken)}) from None


def _address(value: Any) -> str:
    return _mailbox(value).address.email


def _blob(value: Any) -> bytes:
    content = read_file_content(value) if isinstance(value, str) else None
    if content is None:
        raise PydanticCustomError("base64", "Give the bytes in base64.")
    return content.octets


def _empty_list(value: Any) -> Any:
    """An empty list, which SDKs write as an empty text in the forms of version 1."""
    return [] if value == "" else value


LISTED: Final = BeforeValidator(_empty_list)
MailboxField = Annotated[Mailbox, PlainValidator(_mailbox)]
MailboxesField = Annotated[tuple[MailboxField, ...], Field(max_length=MAX_MAILBOXES), LISTED]
AddressField = Annotated[str, PlainValidator(_address)]
BlobField = Annotated[bytes, PlainValidator(_blob)]
TagField = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,256}$")]
StreamField = Annotated[str, AfterValidator(stream_of)]
"""The name of a configuration set, which names a stream."""
