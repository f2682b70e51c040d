"""The types of single fields in requests: how an address, a time and a tag are written in JSON and in query strings.

This module decides the form of one value. The domain decides the rules of an address. No value is coerced: a number is
never taken for a string, nor an integer for a time.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.domain.apps.own_words import ACTOR_LIMIT, KEY_LIMIT, TAG_WORD
from app.domain.message.address import InvalidAddress, parse_address
from app.domain.message.text_rules import TextRule, broken_text_rule, detail_of
from app.domain.moments import read_moment, read_since, read_until
from app.domain.suppression.targets import parse_target

AROUND = " \t\r\n"
MAX_VALUES = 20
"""The most values of one parameter."""

_DIGITS = re.compile(r"\d{1,9}", re.ASCII)


def _address(value: Any) -> str:
    try:
        return parse_address(read_text(value).strip(AROUND)).email
    except InvalidAddress as broken:
        raise PydanticCustomError(broken.code, "{rule}", {"rule": str(broken)}) from None


def _target(value: Any) -> str:
    try:
        return parse_target(read_text(value).strip(AROUND)).email
    except InvalidAddress as broken:
        raise PydanticCustomError(broken.code, "{rule}", {"rule": str(broken)}) from None


def _flag(value: Any) -> bool:
    """`true` or `false` in a query string, as a bool."""
    if isinstance(value, str) and value in {"true", "false"}:
        return bool(value == "true")
    raise PydanticCustomError("bool_parsing", "Give true or false.")


def read_time(value: Any) -> datetime:
    """`value` as an aware UTC time; see `app.domain.moments.read_moment` for the forms that it may have."""
    moment = read_moment(read_text(value))
    if moment is None:
        raise _not_a_moment()
    return moment


def _since(value: Any) -> datetime:
    return _of_period(read_since(read_text(value)))


def _until(value: Any) -> datetime:
    return _of_period(read_until(read_text(value)))


def _of_period(moment: datetime | None) -> datetime:
    if moment is None:
        raise PydanticCustomError(
            "moment", "Give a date (UTC) such as 2027-01-31, or a time with its offset such as 2027-01-31T09:30:00Z."
        )
    return moment


def _not_a_moment() -> PydanticCustomError:
    return PydanticCustomError(
        "moment", "Give a time in RFC 3339 with its offset, such as 2027-01-31T09:30:00Z. Words are not supported."
    )


def _tag(value: Any) -> tuple[str, str]:
    """The name and value of a tag, from `name:value`."""
    name, colon, word = read_text(value).partition(":")
    if not (colon and TAG_WORD.fullmatch(name) and (not word or TAG_WORD.fullmatch(word))):
        raise PydanticCustomError("tag", "Give a tag as name:value, both of letters, digits, - and _.")
    return name, word


def _integer(value: Any) -> int:
    """An integer in a query string, which may have only digits."""
    if not _DIGITS.fullmatch(read_text(value)):
        raise PydanticCustomError("int_type", "Give a whole number.")
    return int(value)


def read_text(value: Any) -> str:
    """`value`, which has to be a string."""
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "Give a string.")
    return value


def _not_empty(value: Any) -> Any:
    # pydantic's min_length counts only valid items, and would blame the list for a fault in one of its items.
    if isinstance(value, list) and not value:
        raise PydanticCustomError("too_short", "Give at least one.")
    return value


def _each(value: Any) -> Any:
    """The values of a parameter that may be given several times, or with commas: all of them, without empty ones."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list):
        return value
    values = [word.strip() for text in given for word in read_text(text).split(",")]
    if len(values) > MAX_VALUES:
        raise PydanticCustomError("too_long", "Give at most {most} values.", {"most": MAX_VALUES})
    return [word for word in values if word]


def _line(value: Any, most: int) -> str:
    """The text without the spaces around it, which has one line of at most `most` characters."""
    text = read_text(value).strip(AROUND)
    if len(text) > most:
        raise PydanticCustomError("string_too_long", "Give at most {most} characters.", {"most": most})
    if broken_text_rule(text) is TextRule.CONTROL_CHARACTER:
        rule = TextRule.CONTROL_CHARACTER
        raise PydanticCustomError(rule.value, "{rule}", {"rule": detail_of(rule, text)})
    return text


def _line_or_none(most: int) -> PlainValidator:
    """For a field of a body, which an empty text leaves unset as null does."""
    return PlainValidator(lambda value: None if value is None else _line(value, most) or None)


def _searched(most: int) -> PlainValidator:
    """For a filter. An empty one is refused: it would list other emails than the caller looks for."""

    def searched(value: Any) -> str:
        if text := _line(value, most):
            return text
        raise PydanticCustomError("string_too_short", "Give at least 1 character.")

    return PlainValidator(searched)


def _line_schema(most: int, *, null: bool = False) -> dict[str, Any]:
    return {"type": ["string", "null"] if null else "string", "maxLength": most}


_TARGET_SCHEMA = {"type": "string", "examples": ["ann@example.com", "@example.com"]}
_DATE_SCHEMA = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
MOMENT_SCHEMA = {"type": "string", "format": "date-time"}

NOT_EMPTY = BeforeValidator(_not_empty)
AddressField = Annotated[str, PlainValidator(_address), WithJsonSchema({"type": "string", "format": "email"})]
TargetField = Annotated[str, PlainValidator(_target), WithJsonSchema(_TARGET_SCHEMA)]
MomentField = Annotated[datetime, PlainValidator(read_time), WithJsonSchema(MOMENT_SCHEMA)]
SinceField = Annotated[datetime, PlainValidator(_since), WithJsonSchema(_DATE_SCHEMA)]
UntilField = Annotated[datetime, PlainValidator(_until), WithJsonSchema(_DATE_SCHEMA)]
EACH = BeforeValidator(_each)
"""For a list in a query string: `name=a&name=b` and `name=a,b` are the same."""

TagField = Annotated[
    tuple[str, str], PlainValidator(_tag), WithJsonSchema({"type": "string", "examples": ["campaign:spring"]})
]
ActorField = Annotated[str | None, _line_or_none(ACTOR_LIMIT), WithJsonSchema(_line_schema(ACTOR_LIMIT, null=True))]
KeyField = Annotated[str | None, _line_or_none(KEY_LIMIT), WithJsonSchema(_line_schema(KEY_LIMIT, null=True))]
ActorSought = Annotated[str, _searched(ACTOR_LIMIT), WithJsonSchema(_line_schema(ACTOR_LIMIT))]
KeySought = Annotated[str, _searched(KEY_LIMIT), WithJsonSchema(_line_schema(KEY_LIMIT))]
ProviderName = Annotated[
    str, Field(max_length=16, description="A mailbox provider, such as gmail; `other` for all unknown.")
]
LaneSought = Literal["transactional", "bulk", "test"]
"""The lanes that an email can be in. `test` is chosen by the key, not by a field."""
FlagText = Annotated[bool, PlainValidator(_flag), WithJsonSchema({"type": "boolean"})]
IntegerText = Annotated[int, BeforeValidator(_integer)]
