"""What an application may see of an entry: that the address is suppressed, but no email of another application.

This module hides details; whether an entry is visible at all is decided in `app.services.suppression.entries`.
Everything that shows entries to callers takes a `Disclosed`, which only `disclosed` makes.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, NewType
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller
from app.store.suppression import address_history
from app.store.suppression.suppressions import Suppression

OF_ANOTHER: Final = "An event about an email of another application, or one that is not kept any more."

Disclosed = NewType("Disclosed", Suppression)
"""An entry as one caller may see it."""


def disclosed(connection: Connection, caller: Caller, rows: Iterable[Suppression]) -> tuple[Disclosed, ...]:
    """The entries as the caller may see them: without other applications' emails and the server replies to those."""
    entries = tuple(rows)
    foreign = foreign_entries(connection, caller, entries)
    return tuple(Disclosed(replace(one, source={}, reason=OF_ANOTHER) if one.id in foreign else one) for one in entries)


def foreign_entries(connection: Connection, caller: Caller, entries: Iterable[Suppression]) -> frozenset[UUID]:
    """The ids of the entries that follow from an email of another application, or of one that is not known.

    Entries that another application imported count as foreign too. To an administrator no entry is foreign.
    """
    if caller.is_admin:
        return frozenset()
    listed = tuple(entries)
    emails = {one.id: email for one in listed if (email := source_email(one)) is not None}
    by_email = address_history.apps_of(connection, set(emails.values())) if emails else {}
    messages = {one.id: name for one in listed if one.id not in emails and (name := _message(one)) is not None}
    by_message = address_history.apps_of_messages(connection, set(messages.values())) if messages else {}
    return frozenset(
        [entry for entry, email in emails.items() if by_email.get(email) != caller.app_id]
        + [entry for entry, message in messages.items() if by_message.get(message) != caller.app_id]
        + [one.id for one in listed if one.source.get("app") not in {None, caller.app}]
    )


def source_email(entry: Suppression) -> UUID | None:
    """The email whose event put the entry on the list; None when a person added it, or the email is not known."""
    email = entry.source.get("email_id")
    try:
        return UUID(email) if isinstance(email, str) else None
    except ValueError:
        return None


def _message(entry: Suppression) -> str | None:
    """SES's message id in the event behind the entry: the event may have come before the email was known."""
    name = entry.source.get("ses_message_id")
    return name if isinstance(name, str) else None
