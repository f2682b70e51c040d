"""A row of a file that is to go on the suppression list: whom it names, and what has to be true of it.

It decides which rows are refused, with a rule each, and what becomes of one that is not, beside what is on the list
already. It reads no file and writes no list. A row never weakens the list: it adds, or it takes the place of an entry
that ends sooner or is weaker (`takes_the_place_of`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final

from app.domain.address import InvalidAddress, is_mailbox_simulator, parse_address
from app.domain.file_text import NOT_UTF8
from app.domain.rules import Rule
from app.domain.suppression import EVERY_MAIL, TERMS, Lasting, Origin, is_scope, takes_the_place_of
from app.domain.whom import parse_whom

REASON_LIMIT: Final = 2_000

_EPOCH = re.compile(r"\d{9,11}(\.\d{1,9})?")
_NO_YEAR = re.compile(r"\b000[01]\b")  # how some spell a time that they do not have
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)


class RowRule(Rule):
    """What a row has to be."""

    CELLS = "cells", "A row has the same cells as the first one."
    NO_ADDRESS = "no_address", "The row names no address."
    NOT_UTF8 = "not_utf8", "The address is not written in UTF-8."
    FORGOTTEN = "forgotten", "The name of somebody who was forgotten means nothing in a file; forget the address again."
    ORIGIN = "origin", "The origin is bounce, complaint, unsubscribe, manual or ses_account."
    SCOPE = "scope", "The scope is `*`, `app` or `app/stream`."
    DATE = "date", "A time is RFC 3339, RFC 2822 or seconds since 1970."
    IN_THE_FUTURE = "in_the_future", "The entry is dated in the future."
    MAY_NOT_END = "may_not_end", "An entry of this origin does not end by itself; leave its end empty."
    SOURCE = "source", "The source is a JSON object."
    MAILBOX_SIMULATOR = "mailbox_simulator", "Addresses of SES's mailbox simulator stay off the list."
    WHOLE_DOMAIN = "whole_domain", "Only an administrator puts a whole domain on the list."
    NOT_YOURS = "not_yours", "The scope is `*`, or an application or stream of your own."
    REASON_UNKNOWN = "reason_unknown", "The row gives a reason that this format does not have."
    A_BLOCK = "a_block", "A block is about one message or its sender; the address is not to blame."
    SOME_MAIL_ONLY = "some_mail_only", "The person left mail of one tag; import it with the scope of that stream."


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that goes on no list: its line, the rule that it breaks, and that rule in a sentence."""

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
    """A row that can go on the list. `dated` is since when it says so, None when it does not say."""

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
    """What becomes of a row. `replaced`: it took the place of a weaker entry. `kept`: the list already says as much.

    `removed_since`: somebody took the address off the list after the row's time. `over`: the entry has ended.
    """

    ADDED = "added"
    REPLACED = "replaced"
    KEPT = "kept"
    REMOVED_SINCE = "removed_since"
    OVER = "over"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whose rows are let in: those of one application, whose scopes they may name besides `*`, or of an administrator.

    `app` is None for the administrator, who may name every scope and whole domains.
    """

    app: str | None
    exempt_mailbox_simulator: bool


def name_of(text: str) -> tuple[str, str]:
    """The suppression key of an address or of a whole domain (`@example.org`), and its spelling. Raises `BadRow`."""
    name = text.strip()
    if not name:
        raise BadRow(RowRule.NO_ADDRESS)
    if NOT_UTF8 in name:
        raise BadRow(RowRule.NOT_UTF8)
    if name.startswith("#") and "@" not in name:
        raise BadRow(RowRule.FORGOTTEN)
    try:
        return parse_whom(name).key, name
    except InvalidAddress as error:
        raise BadRow(error.rule) from error


def moment_of(text: str) -> datetime | None:
    """The time that a cell means, UTC where it names no zone; None for an empty one or a time before 1990.

    RFC 3339 as we write it, RFC 2822 as Mailgun does, or seconds since 1970 as SendGrid does. Raises `BadRow`.
    """
    text = text.strip()
    if not text or _NO_YEAR.search(text):
        return None
    try:
        if _EPOCH.fullmatch(text):
            moment = datetime.fromtimestamp(float(text), UTC)
        elif text[:4].isdigit():
            moment = datetime.fromisoformat(text)
        else:
            moment = parsedate_to_datetime(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError) as error:
        raise BadRow(RowRule.DATE) from error
    return moment if moment >= _OLDEST else None


def scope_in(text: str) -> str:
    """The scope that a cell names, `*` where it is empty. Raises `BadRow`."""
    scope = text.strip() or EVERY_MAIL
    if not is_scope(scope):
        raise BadRow(RowRule.SCOPE)
    return scope


def reason_in(text: str, *, otherwise: str) -> str:
    """What a cell says as a reason, without control characters and not too long."""
    return _CONTROL.sub(" ", text).strip()[:REASON_LIMIT] or otherwise


def check(row: ListRow, admission: Admission, *, now: datetime) -> None:
    """Raise `BadRow` for a row that may not go on the list, whatever stands there."""
    if admission.app is not None and row.key.startswith("@"):
        raise BadRow(RowRule.WHOLE_DOMAIN)
    if admission.app is not None and row.scope.partition("/")[0] not in {EVERY_MAIL, admission.app}:
        raise BadRow(RowRule.NOT_YOURS)
    if row.origin is Origin.ERASURE:
        raise BadRow(RowRule.ORIGIN)
    if row.expires_at is not None and not TERMS[row.origin].may_expire:
        raise BadRow(RowRule.MAY_NOT_END)
    if row.dated is not None and row.dated > now + _AHEAD:
        raise BadRow(RowRule.IN_THE_FUTURE)
    # A person may put one there by hand, as everywhere.
    if admission.exempt_mailbox_simulator and row.origin is not Origin.MANUAL and _of_the_simulator(row):
        raise BadRow(RowRule.MAILBOX_SIMULATOR)


def verdict(
    row: ListRow, standing: Lasting | None, *, removed_at: datetime | None, now: datetime, fresh: bool
) -> RowVerdict:
    """What becomes of a row that was checked, beside the entry of its name and scope and the last removal of one.

    `fresh`: a row without a time is as new as today. Otherwise it is older than any removal: nobody can say that it is
    not what the removal was about (promise 6).
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
