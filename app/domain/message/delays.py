"""Times in words, as `in 5 minutes`: how long from now.

It decides the duration only. Other words (`tomorrow at 9`) depend on a time zone, which the request does not have.
"""

import re
from datetime import timedelta

_UNITS = {
    "second": timedelta(seconds=1),
    "sec": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "hr": timedelta(hours=1),
    "h": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
_FURTHEST = timedelta(days=3650)
_DELAY = re.compile(
    rf"in\s+(?:(\d{{1,7}})|({'|'.join(_NUMBERS)}))\s*({'|'.join(_UNITS)})s?\.?", re.IGNORECASE | re.ASCII
)
_HALF_AN_HOUR = re.compile(r"in\s+half\s+an\s+hour", re.IGNORECASE | re.ASCII)


def read_delay(text: str) -> timedelta | None:
    """The duration that `text` names, or None: `in 1 min`, `in an hour`, `in 3 days`."""
    text = text.strip(" \t")
    if _HALF_AN_HOUR.fullmatch(text):
        return timedelta(minutes=30)
    found = _DELAY.fullmatch(text)
    if found is None:
        return None
    number = int(found[1]) if found[1] else _NUMBERS[found[2].lower()]
    delay = number * _UNITS[found[3].lower()]
    return delay if delay <= _FURTHEST else None
