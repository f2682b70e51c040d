"""The types of single fields in requests: how an address, a time and a tag are written in JSON and in query strings.

This module decides the form of one value. The domain decides the rules of an address. No value is coerced: a number is
never taken for a string, nor an integer for a time.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.domain.message.address import InvalidAddress, parse_address
from app.domain.suppression.targets import parse_target

_ISO = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)? ?(?:[Zz]|([+ -]\d\d):?(\d\d)?)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)

_TAG_WORD = re.compile(r"[A-Za-z0-9_-]{1,256}")
_AROUND = " \t\r\n"
MAX_VALUES = 20
"""The most values of one parameter."""

_DIGITS = re.compile(r"\d{1,9}", re.ASCII)


def _address(value: Any) -> str:
    try:
        return parse_address(read_text(value).strip(_AROUND)).email
    except InvalidAddress as broken:
        raise PydanticCustomError(broken.code, "{rule}", {"rule": str(broken)}) from None


def _target(value: Any) -> str:
    try:
        return parse_target(read_text(value).strip(_AROUND)).email
    except InvalidAddress as broken:
        raise PydanticCustomError(broken.code, "{rule}", {"rule": str(broken)}) from None


def _flag(value: Any) -> bool:
    """`true` or `false` in a query string, as a bool."""
    if value in {"true", "false"}:
        return bool(value == "true")
    raise PydanticCustomError("bool_parsing", "Give true or false.")


def read_moment(value: Any) -> datetime:
    """`value` as an aware UTC time: RFC 3339, or ISO 8601 without seconds or with an offset such as +0000.

    The time has to say its zone. A space may stand for the T, and for the + that a form or a URL did not encode.
    """
    text = _with_all_its_parts(read_text(value))
    if _MOMENT.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise _not_a_moment() from None
    raise _not_a_moment()


def _with_all_its_parts(text: str) -> str:
    """A time of ISO 8601 as RFC 3339 writes it; another text as it is."""
    found = _ISO.fullmatch(text.strip())
    if found is None:
        return text
    offset = "Z" if found[3] is None else f"{found[3].replace(' ', '+')}:{found[4] or '00'}"
    return f"{found[1]}{found[2] or ':00'}{offset}"


def _since(value: Any) -> datetime:
    """A time, or a date, which stands for its first moment in UTC."""
    return _of_day(value) or _filter_moment(value)


def _until(value: Any) -> datetime:
    """A time, or a date, which is included: it stands for the first moment of the next day in UTC."""
    day = _of_day(value)
    try:
        return day + timedelta(days=1) if day else _filter_moment(value)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _of_day(value: Any) -> datetime | None:
    text = read_text(value).strip()
    if not _DATE.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise _not_a_date_or_time() from None


def _filter_moment(value: Any) -> datetime:
    try:
        return read_moment(value)
    except PydanticCustomError:
        raise _not_a_date_or_time() from None


def _not_a_date_or_time() -> PydanticCustomError:
    return PydanticCustomError(
        "moment", "Give a date (UTC) such as 2027-01-31, or a time with its offset such as 2027-01-31T09:30:00Z."
    )


def _not_a_moment() -> PydanticCustomError:
    return PydanticCustomError(
        "moment", "Give a time in RFC 3339 with its offset, such as 2027-01-31T09:30:00Z. Words are not supported."
    )


def _tag(value: Any) -> tuple[str, str]:
    """The name and value of a tag, from `name:value`."""
    name, colon, word = read_text(value).partition(":")
    if not (colon and _TAG_WORD.fullmatch(name) and (not word or _TAG_WORD.fullmatch(word))):
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


_TARGET_SCHEMA = {"type": "string", "examples": ["ann@example.com", "@example.com"]}
_DATE_SCHEMA = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
MOMENT_SCHEMA = {"type": "string", "format": "date-time"}

NOT_EMPTY = BeforeValidator(_not_empty)
AddressField = Annotated[str, PlainValidator(_address), WithJsonSchema({"type": "string", "format": "email"})]
TargetField = Annotated[str, PlainValidator(_target), WithJsonSchema(_TARGET_SCHEMA)]
MomentField = Annotated[datetime, PlainValidator(read_moment), WithJsonSchema(MOMENT_SCHEMA)]
SinceField = Annotated[datetime, PlainValidator(_since), WithJsonSchema(_DATE_SCHEMA)]
UntilField = Annotated[datetime, PlainValidator(_until), WithJsonSchema(_DATE_SCHEMA)]
EACH = BeforeValidator(_each)
"""For a list in a query string: `name=a&name=b` and `name=a,b` are the same."""

TagField = Annotated[
    tuple[str, str], PlainValidator(_tag), WithJsonSchema({"type": "string", "examples": ["campaign:spring"]})
]
FlagText = Annotated[bool, PlainValidator(_flag), WithJsonSchema({"type": "boolean"})]
IntegerText = Annotated[int, BeforeValidator(_integer)]
