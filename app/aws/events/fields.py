"""Single values out of an SES payload: each reader takes anything and returns a clean, bounded value or nothing.

Clean means that every database and log takes it: no NUL, no half surrogate pair, no control character. An address that
is not clean is dropped, since a repaired one would be another person's.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

MAX_TEXT = 1000
"""Characters of a remote server's diagnostic that are kept."""

_MAX_ADDRESS = 320
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")
_IDENTIFIER = re.compile(r"[!-~]{1,256}")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_-]{1,256}")
_IN_ANGLES = re.compile(r"[^<>]*<([^<>]*)>")
_SPACE_BEFORE_OFFSET = re.compile(r"\s+(?=[+-][0-9]{2}:?[0-9]{2}$|Z$)")


def mapping(value: object) -> Mapping[str, object]:
    """Return the JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[object]:
    """Return the JSON array, or an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str | None:
    """Return the string, at most 1,000 characters, with U+FFFD for what no database stores; None for other values."""
    if not isinstance(value, str) or not value.strip():
        return None
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value.strip()[:MAX_TEXT])


def word(value: object) -> str | None:
    """Return a name out of one of AWS's closed vocabularies or a DSN status: never a sentence, never an address."""
    return _match(_WORD, value)


def identifier(value: object) -> str | None:
    """Return an opaque id of AWS (message, feedback), compared as text and never taken apart."""
    return _match(_IDENTIFIER, value)


def account_id(value: object) -> str | None:
    """Return the twelve digits of an AWS account."""
    return _match(_ACCOUNT_ID, value)


def tag(email: Mapping[str, object], name: str) -> str | None:
    """Return the first value of one of the tags that SES echoes in `mail.tags`."""
    values = mapping(email.get("tags")).get(name)
    if isinstance(values, list):
        values = values[0] if values else None
    return _match(_TAG_VALUE, values)


def address(value: object) -> str | None:
    """Return the bare address in SES's own case, out of `Name <address>` too; None for what cannot be one."""
    if not isinstance(value, str):
        return None
    named = _IN_ANGLES.fullmatch(value.strip())
    bare = (named[1] if named else value).strip()
    fits = len(bare) <= _MAX_ADDRESS and "@" in bare and bare.isprintable() and "<" not in bare
    return bare if fits else None


def instant(value: object) -> datetime | None:
    """Return the time as aware UTC, from every form that SES's documents show; None for a value outside this century.

    Seen: `2017-08-05T00:41:02.669Z`, `2018-10-08T14:05:45 +0000`, `2009-12-03T04:24:21.000-05:00`. A time without
    an offset is UTC.
    """
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(_SPACE_BEFORE_OFFSET.sub("", value.strip()))
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if 2000 <= moment.year < 2100 else None


def _match(grammar: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and grammar.fullmatch(value) is not None else None
