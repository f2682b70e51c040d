"""A row of an imported file: the rules that it has to meet, and its effect on the suppression list.

This module decides which rows are refused, each by one rule, and what happens to the others, given the entries that
exist. It reads no file and writes no list. A row never weakens the list: it adds an entry, or replaces one that ends
sooner or is weaker (`takes_the_place_of`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final

from app.domain.message.address import InvalidAddress, is_mailbox_simulator, parse_address
from app.domain.message.text_rules import Rule
from app.domain.suppression.files.file_text import NOT_UTF8, western
from app.domain.suppression.rules import EVERY_EMAIL, TERMS, Lasting, Origin, is_scope, takes_the_place_of
from app.domain.suppression.targets import parse_target

REASON_LIMIT: Final = 2_000

_EPOCH = re.compile(r"\d{9,11}(\.\d{1,9})?")
# Days since the end of 1899, as spreadsheets count them: between 1982 and 2064.
_SERIAL = re.compile(r"[3-5]\d{4}(\.\d{1,12})?")
_SERIAL_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
_SPREADSHEET = re.compile(r"(\d{1,2})([./])(\d{1,2})\2(\d{4})(,? \d{1,2}:\d\d(?::\d\d)?)?")
_NO_YEAR = re.compile(r"\b000[01]\b")  # how some spell a time that they do not have
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)


class RowRule(Rule):
    """The rules for a row."""

    CELLS = "cells", "A row has the same cells as the first one."
    NO_ADDRESS = "no_address", "The row names no address."
    NOT_UTF8 = "not_utf8", "The address is not written in UTF-8."
    FORGOTTEN = "forgotten", "The pseudonym of a forgotten person has no meaning in a file; forget the address again."
    ORIGIN = "origin", "The origin is bounce, complaint, unsubscribe, manual or ses_account."
    SCOPE = "scope", "The scope is `*`, `app` or `app/stream`."
    DATE = "date", "A time is RFC 3339, RFC 2822, dd.mm.yyyy, or seconds since 1970."
    DAY_OR_MONTH = "day_or_month", "Which number is the day and which the month? Write the date as yyyy-mm-dd."
    IN_THE_FUTURE = "in_the_future", "The entry is dated in the future."
    MAY_NOT_END = "may_not_end", "An entry of this origin does not end by itself; leave its end empty."
    SOURCE = "source", "The source is a JSON object."
    MAILBOX_SIMULATOR = "mailbox_simulator", "Addresses of SES's mailbox simulator stay off the list."
    WHOLE_DOMAIN = "whole_domain", "Only an administrator puts a whole domain on the list."
    NOT_YOURS = "not_yours", "The scope is `*`, or an application or stream of your own."
    REASON_UNKNOWN = "reason_unknown", "The row gives a reason that this format does not have."
    NOT_EXCLUDED = "not_excluded", "The vendor still writes to this address."
    A_BLOCK = "a_block", "A block is about one message or its sender; the address is not to blame."
    SOME_MAIL_ONLY = (
        "some_mail_only",
        "The person unsubscribed from the email of one tag or group; import it with the scope of that stream.",
    )


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not imported: its line, the rule that it breaks, and that rule in a sentence."""

    line: int
    code: str
    detail: str


class BadRow(ValueError):
    """A row breaks a rule."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule.sentence)
        self.rule = rule


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRow:
    """A row that can be imported. `dated` is the time that it gives for the suppression; None if it gives none."""

    line: int
    key: str
    scope: str
    address: str
    origin: Origin
    reason: str
    dated: datetime | None = None
    expires_at: datetime | None = None
    source: Mapping[str, Any] = field(default_factory=dict)


class RowVerdict(StrEnum):
    """The effect of a row. `replaced`: it replaced a weaker entry. `kept`: an entry that says as much exists already.

    `removed_since`: the address was unsuppressed after the time of the row. `over`: the entry has ended.
    """

    ADDED = "added"
    REPLACED = "replaced"
    KEPT = "kept"
    REMOVED_SINCE = "removed_since"
    OVER = "over"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Which rows a caller may import. An application may name `*` and its own scopes.

    `app` is None for an administrator, who may name every scope.
    """

    app: str | None
    whole_domains: bool
    exempt_mailbox_simulator: bool


def name_of(text: str) -> tuple[str, str]:
    """The suppression key of an address or of a whole domain (`@example.org`), and its spelling. Raises `BadRow`."""
    name = text.strip()
    if not name:
        raise BadRow(RowRule.NO_ADDRESS)
    if NOT_UTF8.search(name):
        raise BadRow(RowRule.NOT_UTF8)
    if name.startswith("#") and "@" not in name:
        raise BadRow(RowRule.FORGOTTEN)
    try:
        return parse_target(name).key, name
    except InvalidAddress as error:
        raise BadRow(error.rule) from error


def moment_of(text: str) -> datetime | None:
    """The time that a cell means, in UTC if it names no zone; None if it is empty or names a time before 1990.

    RFC 3339 as we write it, RFC 2822 as Mailgun does, seconds since 1970 as SendGrid does, and the dates of
    spreadsheets: dd.mm.yyyy, m/d/yyyy where only one reading is a date, and days since 1900. Raises `BadRow`.
    """
    text = text.strip()
    if not text or _NO_YEAR.search(text):
        return None
    try:
        if _EPOCH.fullmatch(text):
            moment = datetime.fromtimestamp(float(text), UTC)
        elif _SERIAL.fullmatch(text):
            moment = _SERIAL_ZERO + timedelta(days=float(text))
        elif spelled := _SPREADSHEET.fullmatch(text):
            moment = _of_a_spreadsheet(*spelled.groups())
        elif text[:4].isdigit():
            moment = datetime.fromisoformat(text)
        else:
            moment = parsedate_to_datetime(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except BadRow:
        raise
    except (ValueError, OverflowError, TypeError) as error:
        raise BadRow(RowRule.DATE) from error
    return moment if moment >= _OLDEST else None


def _clock(text: str) -> time:
    hours, _, rest = text.partition(":")
    return time.fromisoformat(f"{hours:0>2}:{rest}")


def _of_a_spreadsheet(first: str, mark: str, second: str, year: str, clock: str | None) -> datetime:
    day, month = int(first), int(second)
    if mark == "/":
        if day <= 12 and month <= 12 and day != month:
            raise BadRow(RowRule.DAY_OR_MONTH)
        day, month = (day, month) if day > 12 else (month, day)
    hours = _clock(clock.strip(", ")) if clock else time()
    return datetime(int(year), month, day, tzinfo=UTC).replace(
        hour=hours.hour, minute=hours.minute, second=hours.second
    )


def scope_in(text: str) -> str:
    """The scope that a cell names; `*` if it is empty. Raises `BadRow`."""
    scope = text.strip() or EVERY_EMAIL
    if not is_scope(scope):
        raise BadRow(RowRule.SCOPE)
    return scope


def reason_in(text: str, *, otherwise: str) -> str:
    """The reason in a cell, without control characters and of bounded length; `otherwise` if the cell is empty."""
    return _CONTROL.sub(" ", western(text)).strip()[:REASON_LIMIT] or otherwise


def check(row: ListRow, admission: Admission, *, now: datetime) -> None:
    """Raise `BadRow` for a row that may not be imported, whatever entries exist."""
    if not admission.whole_domains and row.key.startswith("@"):
        raise BadRow(RowRule.WHOLE_DOMAIN)
    if admission.app is not None and row.scope.partition("/")[0] not in {EVERY_EMAIL, admission.app}:
        raise BadRow(RowRule.NOT_YOURS)
    if row.origin is Origin.ERASURE:
        raise BadRow(RowRule.ORIGIN)
    if row.expires_at is not None and not TERMS[row.origin].may_expire:
        raise BadRow(RowRule.MAY_NOT_END)
    if row.dated is not None and row.dated > now + _AHEAD:
        raise BadRow(RowRule.IN_THE_FUTURE)
    # A person may add one by hand.
    if admission.exempt_mailbox_simulator and row.origin is not Origin.MANUAL and _of_the_simulator(row):
        raise BadRow(RowRule.MAILBOX_SIMULATOR)


def verdict(
    row: ListRow, standing: Lasting | None, *, removed_at: datetime | None, now: datetime, fresh: bool
) -> RowVerdict:
    """The effect of a checked row, given the entry of its key and scope and the time of the last removal there.

    With `fresh`, a row without a time counts as of today. Otherwise it counts as older than any removal, since the
    removal may have been about it (promise 6).
    """
    if _is_over(row, now):
        return RowVerdict.OVER
    dated = row.dated or (now if fresh else None)
    if removed_at is not None and (dated is None or dated <= removed_at):
        return RowVerdict.REMOVED_SINCE
    if standing is None or _is_over(standing, now):
        return RowVerdict.ADDED
    return RowVerdict.REPLACED if takes_the_place_of(row, standing) else RowVerdict.KEPT


def _is_over(entry: Lasting, now: datetime) -> bool:
    return entry.expires_at is not None and entry.expires_at <= now


def _of_the_simulator(row: ListRow) -> bool:
    domain = row.key[row.key.index("@") :]
    return domain.endswith("amazonses.com") and is_mailbox_simulator(parse_address("x" + domain))
