"""What of an entry an application may know: that somebody is suppressed, not by which mail of another application.

It hides; it never decides whether an entry is visible at all (`app.services.entries`).
"""

from dataclasses import replace
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.callers import Caller
from app.store import evidence
from app.store.suppressions import Suppression

OF_ANOTHER: Final = "News about the mail of another application."


def disclosed(connection: Connection, caller: Caller, rows: tuple[Suppression, ...]) -> tuple[Suppression, ...]:
    """The entries as the caller may see them: without the mails of others, and what servers said about those."""
    if caller.is_admin:
        return rows
    foreign = foreign_mails(connection, rows, app_id=caller.app_id)
    return tuple(replace(row, source={}, reason=OF_ANOTHER) if source_mail(row) in foreign else row for row in rows)


def foreign_mails(connection: Connection, rows: tuple[Suppression, ...], *, app_id: UUID) -> frozenset[UUID]:
    """The source mails of these entries that are of another application, or of one that nobody knows any more."""
    mails = {mail for row in rows if (mail := source_mail(row)) is not None}
    owners = evidence.apps_of(connection, mails) if mails else {}
    return frozenset(mail for mail in mails if owners.get(mail) != app_id)


def source_mail(entry: Suppression) -> UUID | None:
    """The mail whose news put the entry on the list; None when a person did, or the mail is not known."""
    mail = entry.source.get("email_id")
    try:
        return UUID(mail) if isinstance(mail, str) else None
    except ValueError:
        return None
