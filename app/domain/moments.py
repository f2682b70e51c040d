"""Times, dates and durations as people and programs write them: RFC 3339, its relatives in ISO 8601, dates, `24h`.

It decides which texts name one moment. A time without its offset names none.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_MOMENT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)? ?(?:[Zz]|([+ -]\d\d):?(\d\d)?)", re.ASCII
)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DURATION: Final = re.compile(r"([1-9]\d{0,4})([mhdw])", re.ASCII)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LAST: Final = datetime.max.replace(tzinfo=UTC)


def read_moment(text: str) -> datetime | None:
    """The moment in UTC that `text` names, or None.

    The seconds may be missing, and the offset may be written as +0000 or +00. A space may stand for the T, and for the
    + that a form or a URL did not encode.
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    offset = "Z" if found[3] is None else f"{found[3].replace(' ', '+')}:{found[4] or '00'}"
    return _parsed(f"{found[1].upper()}{found[2] or ':00'}{offset}")


def read_since(text: str) -> datetime | None:
    """Where a period begins: the moment that `text` names, or the first one of its day in UTC; None if neither."""
    return _first_of_day(text) or read_moment(text)


def read_until(text: str) -> datetime | None:
    """Where a period ends: before the moment that `text` names, or with its day in UTC; None if neither."""
    day = _first_of_day(text)
    if day is None:
        return read_moment(text)
    return day + timedelta(days=1) if day.date() < _LAST.date() else _LAST


def read_duration(text: str) -> timedelta | None:
    """The duration that `text` names, a number and a unit such as `30m`, `24h`, `90d` or `2w`; or None."""
    found = _DURATION.fullmatch(text)
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


def first_of_hour(moment: datetime) -> datetime:
    """The first moment of the hour in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def first_of_day(moment: datetime) -> datetime:
    """The first moment of the day in UTC."""
    return first_of_hour(moment).replace(hour=0)


def _first_of_day(text: str) -> datetime | None:
    day = text.strip()
    return _parsed(f"{day}T00:00:00Z") if _DATE.fullmatch(day) else None


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
