"""Entries of the suppression list as callers see them, and which entries a caller may see and name.

This module writes only to the audit; adding is in `app.services.suppression.suppress`, unsuppressing in
`app.services.suppression.unsuppress`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, RestrictedApiKey, ValidationFailed
from app.domain.message.address import InvalidAddress
from app.domain.suppression.rules import EVERY_EMAIL, is_scope
from app.domain.suppression.targets import Target, parse_target
from app.services.suppression.disclosure import Disclosed
from app.store.operating import audit
from app.store.suppression.suppressions import Suppression

Json = dict[str, Any]
_LONGEST_REASON: Final = 500


class Status(StrEnum):
    """The status of an entry. One in `review` suppresses too, until a person decides whether it stays."""

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
    def of(cls, row: Disclosed, *, over: bool = False) -> "Entry":
        """The entry of a row of the list; `over` for one that has expired and is not yet a tombstone."""
        shared = [name for name in cls.__dataclass_fields__ if name in Suppression.__dataclass_fields__]
        live = Status.LIVE if row.review_id is None else Status.REVIEW
        status = Status.OVER if over or row.removed_at is not None else live
        return cls(email=row.address, status=status, **{name: getattr(row, name) for name in shared})


def visible(caller: Caller, rows: tuple[Suppression, ...]) -> tuple[Suppression, ...]:
    """The rows that the caller may see: those for every email and for its own application; for an admin, all."""
    return tuple(row for row in rows if caller.is_admin or row.scope == EVERY_EMAIL or _is_own(caller, row.scope))


def check_scope(caller: Caller, scope: str) -> None:
    """Raise `ValidationFailed` unless the caller may use this scope.

    An application may name itself, its own streams and every email; an admin may name any scope.
    """
    if is_scope(scope) and (caller.is_admin or scope == EVERY_EMAIL or _is_own(caller, scope)):
        return
    raise invalid("/scope", "grammar", "The scope is `*`, or `app` or `app/stream` of your own application.")


def check_target(caller: Caller, text: str, pointer: str) -> Target:
    """The target whose entry the caller wants to change.

    Raises `ValidationFailed`, and `RestrictedApiKey` for a whole domain without `admin`.
    """
    target = read_target(text, pointer)
    if target.address is None and not caller.is_admin:
        raise RestrictedApiKey(f"A whole domain needs a key with the scope {Scope.ADMIN}; name single addresses.")
    return target


def read_target(text: str, pointer: str) -> Target:
    """The address or domain in this text. Raises `ValidationFailed`."""
    try:
        return parse_target(text)
    except InvalidAddress as error:
        raise invalid(pointer, error.code, str(error)) from error


def check_reason(reason: str | None) -> str | None:
    """The reason as it is stored; None when it is empty or blank. Raises `ValidationFailed`."""
    text = (reason or "").strip()
    if len(text) > _LONGEST_REASON or any(character < " " for character in text):
        raise invalid("/reason", "grammar", f"A reason is one line of at most {_LONGEST_REASON} characters.")
    return text or None


def check_why(caller: Caller, reason: str | None) -> str:
    """The reason of a change that needs one. Raises `ValidationFailed`."""
    why = check_reason(reason)
    if not why and not caller.reason_optional:
        raise invalid("/reason", "required", "A change of the list needs a reason, which is kept in the audit.")
    return why or "No reason was given."


def invalid(pointer: str, code: str, rule: str) -> ValidationFailed:
    """The error for one broken rule of one field."""
    return ValidationFailed(rule, faults=(Fault(pointer, code, rule),))


def note_in_audit(connection: Connection, caller: Caller, action: str, entry: Suppression, reason: str | None) -> None:
    """Record in the audit who did what to this entry, and why."""
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
