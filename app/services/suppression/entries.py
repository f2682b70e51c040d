"""Entries of the suppression list as callers see them, and whose entries a caller may see and name.

It writes nothing but the audit; what is done with entries is in `app.services.suppress`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.address import InvalidAddress
from app.domain.callers import Caller, Scope
from app.domain.errors import Fault, RestrictedApiKey, ValidationFailed
from app.domain.suppression import EVERY_MAIL, is_scope
from app.domain.whom import Whom, parse_whom
from app.store import audit
from app.store.suppressions import Suppression

Json = dict[str, Any]
_LONGEST_REASON: Final = 500


class Status(StrEnum):
    """How an entry stands. One in `review` suppresses too, and waits for a person to say whether it stays."""

    LIVE = "live"
    REVIEW = "review"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the list as callers see it."""

    id: UUID
    email: str
    scope: str
    origin: str
    reason: str
    source: Json
    created_at: datetime
    expires_at: datetime | None
    removed_at: datetime | None
    removed_by: str | None
    removal_reason: str | None
    status: Status

    @classmethod
    def of(cls, row: Suppression, *, over: bool = False) -> "Entry":
        """Written from a row of the list; `over` for one that has run out and is no tombstone yet."""
        shared = [name for name in cls.__dataclass_fields__ if name in Suppression.__dataclass_fields__]
        live = Status.LIVE if row.review_id is None else Status.REVIEW
        status = Status.OVER if over or row.removed_at is not None else live
        return cls(email=row.address, status=status, **{name: getattr(row, name) for name in shared})


def visible(caller: Caller, rows: tuple[Suppression, ...]) -> tuple[Suppression, ...]:
    """What concerns the caller: entries for every mail and for the caller's own application; for an admin, all."""
    return tuple(row for row in rows if caller.is_admin or row.scope == EVERY_MAIL or _is_own(caller, row.scope))


def check_scope(caller: Caller, scope: str) -> None:
    """An application may speak for itself, its own streams and every mail; an admin for any."""
    if is_scope(scope) and (caller.is_admin or scope == EVERY_MAIL or _is_own(caller, scope)):
        return
    raise invalid("/scope", "grammar", "The scope is `*`, or `app` or `app/stream` of the own application.")


def check_whom(caller: Caller, text: str, pointer: str) -> Whom:
    """Whose entry the caller means to change. Raises `ValidationFailed`, and `RestrictedApiKey` for a whole domain."""
    whom = read_whom(text, pointer)
    if whom.address is None and not caller.is_admin:
        raise RestrictedApiKey(f"A whole domain takes a key with the scope {Scope.ADMIN}; name the addresses.")
    return whom


def read_whom(text: str, pointer: str) -> Whom:
    """Whose entry is meant. Raises `ValidationFailed`."""
    try:
        return parse_whom(text)
    except InvalidAddress as error:
        raise invalid(pointer, error.code, str(error)) from error


def check_reason(reason: str | None) -> str | None:
    """The reason as it is kept, None for blanks. Raises `ValidationFailed`."""
    text = (reason or "").strip()
    if len(text) > _LONGEST_REASON or any(character < " " for character in text):
        raise invalid("/reason", "grammar", f"A reason is one line of at most {_LONGEST_REASON} characters.")
    return text or None


def check_why(caller: Caller, reason: str | None) -> str:
    """The reason of a change that has to have one. Raises `ValidationFailed`."""
    why = check_reason(reason)
    if not why and not caller.reason_optional:
        raise invalid("/reason", "required", "A change of the list needs a reason; it is kept in the audit.")
    return why or "No reason was given."


def invalid(pointer: str, code: str, rule: str) -> ValidationFailed:
    """One broken rule of one field."""
    return ValidationFailed(rule, faults=(Fault(pointer, code, rule),))


def note_in_audit(connection: Connection, caller: Caller, action: str, entry: Suppression, reason: str | None) -> None:
    """Who did what to this entry, and why."""
    audit.write(
        connection,
        actor=caller.actor,
        action=action,
        key=entry.key,
        reason=reason,
        data={"suppression_id": str(entry.id), "scope": entry.scope, "origin": entry.origin},
    )


def _is_own(caller: Caller, scope: str) -> bool:
    return scope.partition("/")[0] == caller.app
