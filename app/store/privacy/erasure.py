"""Takes a person out of all tables: rows needed for counting stay under a pseudonym, all else is erased.

This module knows where an address may stand. Whether a person may be forgotten now, and which of their email is still
to be canceled, is decided by `app.services.privacy.forget`. It is the one place that changes rows of the audit: their
address.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    union,
    update,
)

from app.domain.privacy.pseudonym import PREFIX, Person
from app.domain.suppression.rules import takes_the_place_of
from app.store.apps import apps
from app.store.engine.bulk_statements import Among, update_rows
from app.store.engine.database import now
from app.store.engine.ids import new_id
from app.store.feedback.events import fingerprint
from app.store.feedback.notifications import IS_QUARANTINED, InboxState
from app.store.suppression.suppressions import POSTERN, Suppression, read
from app.store.tables.core import (
    attempts,
    audit,
    emails,
    events,
    idempotency_keys,
    notifications,
    recipients,
    ses_suppressions,
    suppression_events,
    suppressions,
)

Json = dict[str, Any]

FORGET: Final = "forget"
"""The audit action of a forgotten person."""

_FORGOTTEN: Final = "The person was forgotten; the reason was erased."
_ERASED: Final = "erased: it named a person who was forgotten"
_WORDS_OF_AN_EVENT: Final = (
    "ses_message_id",
    "feedback_id",
    "bounce_type",
    "bounce_subtype",
    "action",
    "status",
    "complaint_type",
    "complaint_subtype",
    "complaint_among",
    "cause",
    "rule",
    "weight",
)
_WORDS_OF_A_SOURCE: Final = (*_WORDS_OF_AN_EVENT, "email_id", "soft_bounces", "actor")
_CHUNK: Final = 500
_IS_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How many rows were changed, by kind."""

    emails: int = 0
    bodies: int = 0
    events: int = 0
    notifications: int = 0
    suppressions: int = 0
    audit: int = 0


def spellings_at_ses(connection: Connection, person: Person) -> frozenset[str]:
    """Every spelling of the address that may be on SES's own list."""
    known = union(
        select(suppressions.c.address).where(suppressions.c.key == person.key),
        select(ses_suppressions.c.address).where(ses_suppressions.c.key == person.key),
        select(recipients.c.address).where(recipients.c.key == person.key),
    )
    return frozenset({person.key, *connection.scalars(known)})


def erase(connection: Connection, person: Person) -> Erased:
    """Take the person out of all of their rows."""
    erased = _erase_notifications(connection, person)
    bodies = _erase_bodies(connection, person)
    connection.execute(
        update(attempts).where(attempts.c.recipient_id.in_(_own(recipients.c.id, person))).values(reason=null())
    )
    known = _rename_events(connection, person)
    named = {"name": null(), "address": person.pseudonym, "key": person.pseudonym, "pseudonym": person.pseudonym}
    found = connection.execute(
        update(recipients).where(recipients.c.key == person.key).values(reason=null(), **named)
    ).rowcount
    listed = _rename_suppressions(connection, person)
    connection.execute(delete(ses_suppressions).where(ses_suppressions.c.key == person.key))
    acts = connection.execute(update(audit).where(audit.c.key == person.key).values(key=person.pseudonym)).rowcount
    apps.leave_teams(connection, person.key)
    return Erased(emails=found, bodies=bodies, events=known, notifications=erased, suppressions=listed, audit=acts)


_FORGOTTEN_AT = Among(
    select(audit.c.key, func.max(audit.c.at)).where(audit.c.action == FORGET).group_by(audit.c.key), audit.c.key
)
_ANONYMOUS = recipients.c.key.startswith(PREFIX) & ~recipients.c.key.contains("@")
_WITH_FORGOTTEN = Among(select(recipients.c.email_id).where(_ANONYMOUS), recipients.c.email_id)


def forgotten_at(connection: Connection, pseudonyms: Collection[str]) -> dict[str, datetime]:
    """Those of these pseudonyms whose persons were forgotten, each with the latest time."""
    return _FORGOTTEN_AT.pairs(connection, pseudonyms)


def with_forgotten(connection: Connection, email_ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of these emails with a recipient who was forgotten since."""
    return frozenset(_WITH_FORGOTTEN(connection, list(email_ids)).scalars()) if email_ids else frozenset()


def erase_notifications(connection: Connection, notification_ids: Collection[UUID]) -> int:
    """Erase the contents of these notifications; they count as settled. How many."""
    return _blank(connection, notifications.c.id.in_(list(notification_ids))) if notification_ids else 0


def _own(column: ColumnElement[Any], person: Person) -> Select[Any]:
    return select(column).where(recipients.c.key == person.key)


def _erase_notifications(connection: Connection, person: Person) -> int:
    """Erase notifications about the person and about others of the same emails: SES repeats the headers in each."""
    all_recipients = select(recipients.c.id).where(recipients.c.email_id.in_(_own(recipients.c.email_id, person)))
    known = select(events.c.notification_id).where(events.c.notification_id.is_not(None))
    # Two queries: for an OR of both the database would read all events.
    about = union(known.where(events.c.key == person.key), known.where(events.c.recipient_id.in_(all_recipients)))
    return _blank(connection, notifications.c.id.in_(about)) + erase_notifications(
        connection, _unread(connection, person)
    )


def _unread(connection: Connection, person: Person) -> list[UUID]:
    """Unreadable notifications that name the person: they have no events and stay quarantined."""
    raw = func.lower(notifications.c.raw)
    names = or_(*(raw.contains(spelling, autoescape=True) for spelling in person.spellings))
    found = connection.execute(select(notifications.c.id, notifications.c.raw).where(IS_QUARANTINED, names))
    return [id_ for id_, text in found if person.taken_out_of(text) != text]


def _blank(connection: Connection, which: ColumnElement[bool]) -> int:
    blanked = update(notifications).where(which, notifications.c.raw != "")
    done = {"state": InboxState.PROCESSED, "processed_at": func.coalesce(notifications.c.processed_at, now())}
    return connection.execute(blanked.values(raw="", note=_ERASED, **done)).rowcount


def _erase_bodies(connection: Connection, person: Person) -> int:
    """Erase bodies of emails to this person alone. Other recipients keep theirs until its retention ends."""
    others = select(literal(1)).where(recipients.c.email_id == emails.c.id, recipients.c.key != person.key).exists()
    alone = and_(emails.c.id.in_(_own(recipients.c.email_id, person)), ~others)
    bodies = connection.scalar(select(func.count()).select_from(emails).where(alone, emails.c.sealed_key.is_not(None)))
    nothing: Json = {"sealed_body": null(), "sealed_key": null(), "subject": null(), "headers": [], "tags": {}}
    erased_at = func.coalesce(emails.c.erased_at, now())
    connection.execute(update(emails).where(alone).values(nothing | {"erased_at": erased_at}))
    return bodies or 0


def rename_idempotency_key(connection: Connection, app_id: UUID, key: str, persons: Iterable[Person]) -> bool:
    """Rename a key that names one of these persons, if its answer is about their own email. Whether it was.

    Clients make these keys, also from addresses. The email is canceled or gone, so no request has to find its key
    again. The whole key is replaced, wherever in it the address stands. Call this after the person's rows are erased.
    """
    named = [person for person in persons if person.key in key.lower()]
    this_key = (idempotency_keys.c.app_id == app_id) & (idempotency_keys.c.key == key)
    answer = connection.scalar(select(idempotency_keys.c.answer).where(this_key)) if named else None
    ids = [UUID(one) for one in _ids_in(answer)]
    got = select(recipients.c.key).where(recipients.c.email_id.in_(ids)).distinct()
    owners = frozenset(connection.scalars(got)) if ids else frozenset()
    own = next((person for person in named if person.pseudonym in owners), None)
    if own is not None:
        connection.execute(update(idempotency_keys).where(this_key).values(key=f"{own.pseudonym} {new_id()}"))
    return own is not None


def _ids_in(answer: Any) -> Iterator[str]:
    """The ids of emails in a stored answer."""
    if isinstance(answer, dict):
        if isinstance(one := answer.get("id"), str) and _IS_ID.fullmatch(one):
            yield one
        for part in answer.get("data") or ():
            yield from _ids_in(part)


def _rename_events(connection: Connection, person: Person) -> int:
    theirs = (events.c.key == person.key, events.c.recipient_id.in_(_own(recipients.c.id, person)))
    columns = (events.c.id, events.c.ses_message_id, events.c.type, events.c.occurred_at, events.c.data)
    # Two queries: for an OR of both the database would read all events.
    found = {row.id: row for condition in theirs for row in connection.execute(select(*columns).where(condition))}
    taken: set[tuple[str, str, str]] = set()
    rows = []
    for row in found.values():
        dedup = fingerprint(person.pseudonym, row.data.get("feedback_id"), row.occurred_at)
        if (place := (row.ses_message_id, row.type, dedup)) in taken:
            dedup = new_id().hex
        taken.add(place)
        rows.append({"id": row.id, "dedup": dedup, "data": _only(_WORDS_OF_AN_EVENT, row.data)})
    named = {"address": literal(person.pseudonym), "key": literal(person.pseudonym), "domain": null()}
    for start in range(0, len(rows), _CHUNK):
        update_rows(connection, events, rows[start : start + _CHUNK], stamps=named)
    return len(rows)


def _rename_suppressions(connection: Connection, person: Person) -> int:
    """Rename the entries: live ones stay live and tombstones stay tombstones, with their scopes and origins."""
    rows = [read(row) for row in connection.execute(select(suppressions).where(suppressions.c.key == person.key))]
    if not rows:
        return 0
    _make_room(connection, rows, person)
    changed = [
        {
            "id": row.id,
            "source": _only(_WORDS_OF_A_SOURCE, row.source),
            "removal_reason": row.removal_reason and _FORGOTTEN,
        }
        for row in rows
    ]
    named = {name: literal(person.pseudonym) for name in ("key", "address")}
    update_rows(
        connection, suppressions, changed, stamps={**named, "reason": literal(_FORGOTTEN), "ses_removal": null()}
    )
    ids = select(suppressions.c.id).where(suppressions.c.key == person.pseudonym)
    changes = update(suppression_events).where(suppression_events.c.suppression_id.in_(ids))
    connection.execute(changes.values(reason=_FORGOTTEN))
    return len(rows)


def _make_room(connection: Connection, rows: Iterable[Suppression], person: Person) -> None:
    """If the person was forgotten before and suppressed again, only the entry that has to remain stays live."""
    query = select(suppressions).where(suppressions.c.key == person.pseudonym, suppressions.c.removed_at.is_(None))
    earlier = {entry.scope: entry for entry in map(read, connection.execute(query))}
    for row in rows:
        if row.removed_at is not None or row.scope not in earlier:
            continue
        before = earlier[row.scope]
        over = before if takes_the_place_of(row, before) else row
        ended = {"removed_at": now(), "removed_by": POSTERN, "removal_reason": _FORGOTTEN}
        connection.execute(update(suppressions).where(suppressions.c.id == over.id).values(ended))


def _only(names: Iterable[str], data: Mapping[str, Any]) -> Json:
    return {name: data[name] for name in names if name in data}
