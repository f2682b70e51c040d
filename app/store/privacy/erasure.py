"""A person taken out of all tables: rows that have to stay for counting stay under a pseudonym, all else is erased.

It knows where an address may stand. Whether a person may be forgotten now, and what of their mail is still to be
canceled, is decided by `app.services.forget`. It is the one place that changes rows of the audit: their address.
"""

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

from app.domain.pseudonym import PREFIX, Person
from app.domain.suppression import takes_the_place_of
from app.store.bulk import Among, update_rows
from app.store.db import now
from app.store.events import fingerprint
from app.store.ids import new_id
from app.store.inbox import InboxState
from app.store.models import (
    attempts,
    audit,
    emails,
    events,
    feedback,
    idempotency_keys,
    recipients,
    ses_suppressions,
    suppression_events,
    suppressions,
)
from app.store.suppressions import POSTERN, Suppression, read

Json = dict[str, Any]

FORGET: Final = "forget"
"""The action under which the audit keeps who forgot whom."""

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
)
_WORDS_OF_A_SOURCE: Final = (*_WORDS_OF_AN_EVENT, "email_id", "soft_bounces", "actor")
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How many rows were changed, by what they are."""

    mails: int = 0
    bodies: int = 0
    events: int = 0
    notifications: int = 0
    suppressions: int = 0
    audit: int = 0


def spellings_at_ses(connection: Connection, person: Person) -> frozenset[str]:
    """Every spelling under which SES's own list may know the address."""
    known = union(
        select(suppressions.c.address).where(suppressions.c.key == person.key),
        select(ses_suppressions.c.address).where(ses_suppressions.c.key == person.key),
        select(recipients.c.address).where(recipients.c.key == person.key),
    )
    return frozenset({person.key, *connection.scalars(known)})


def erase(connection: Connection, person: Person) -> Erased:
    """Take the person out of all rows that are theirs."""
    notifications = _erase_notifications(connection, person)
    _rename_idempotency_keys(connection, person)
    bodies = _erase_bodies(connection, person)
    connection.execute(
        update(attempts).where(attempts.c.recipient_id.in_(_own(recipients.c.id, person))).values(reason=null())
    )
    known = _rename_events(connection, person)
    named = {"name": null(), "address": person.pseudonym, "key": person.pseudonym, "pseudonym": person.pseudonym}
    mails = connection.execute(
        update(recipients).where(recipients.c.key == person.key).values(reason=null(), **named)
    ).rowcount
    listed = _rename_suppressions(connection, person)
    connection.execute(delete(ses_suppressions).where(ses_suppressions.c.key == person.key))
    acts = connection.execute(update(audit).where(audit.c.key == person.key).values(key=person.pseudonym)).rowcount
    return Erased(
        mails=mails, bodies=bodies, events=known, notifications=notifications, suppressions=listed, audit=acts
    )


_FORGOTTEN_AT = Among(
    select(audit.c.key, func.max(audit.c.at)).where(audit.c.action == FORGET).group_by(audit.c.key), audit.c.key
)
_ANONYMOUS = recipients.c.key.startswith(PREFIX) & ~recipients.c.key.contains("@")
_WITH_FORGOTTEN = Among(select(recipients.c.email_id).where(_ANONYMOUS), recipients.c.email_id)


def forgotten_at(connection: Connection, pseudonyms: Collection[str]) -> dict[str, datetime]:
    """Those of these pseudonyms whose persons were forgotten, and when last."""
    return _FORGOTTEN_AT.pairs(connection, pseudonyms)


def with_forgotten(connection: Connection, email_ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of these mails that somebody got who was forgotten since."""
    return frozenset(_WITH_FORGOTTEN(connection, list(email_ids)).scalars()) if email_ids else frozenset()


def erase_notifications(connection: Connection, notification_ids: Collection[UUID]) -> int:
    """Erase what these notifications say; they count as settled. How many."""
    return _blank(connection, feedback.c.id.in_(list(notification_ids))) if notification_ids else 0


def _own(column: ColumnElement[Any], person: Person) -> Select[Any]:
    return select(column).where(recipients.c.key == person.key)


def _erase_notifications(connection: Connection, person: Person) -> int:
    """Those about the person, and those about all others of the same mails: SES repeats the headers in each."""
    everybody = select(recipients.c.id).where(recipients.c.email_id.in_(_own(recipients.c.email_id, person)))
    about = select(events.c.feedback_id).where(
        or_(events.c.key == person.key, events.c.recipient_id.in_(everybody)), events.c.feedback_id.is_not(None)
    )
    return _blank(connection, feedback.c.id.in_(about))


def _blank(connection: Connection, which: ColumnElement[bool]) -> int:
    blanked = update(feedback).where(which, feedback.c.raw != "")
    done = {"state": InboxState.PROCESSED, "processed_at": func.coalesce(feedback.c.processed_at, now())}
    return connection.execute(blanked.values(raw="", note=_ERASED, **done)).rowcount


def _erase_bodies(connection: Connection, person: Person) -> int:
    """All that was written to nobody but the person. What others got too is theirs, until its retention ends."""
    others = select(literal(1)).where(recipients.c.email_id == emails.c.id, recipients.c.key != person.key).exists()
    alone = and_(emails.c.id.in_(_own(recipients.c.email_id, person)), ~others)
    held = connection.scalar(select(func.count()).select_from(emails).where(alone, emails.c.sealed_key.is_not(None)))
    nothing: Json = {"sealed_body": null(), "sealed_key": null(), "subject": null(), "headers": [], "tags": {}}
    connection.execute(update(emails).where(alone).values(nothing))
    return held or 0


def _rename_idempotency_keys(connection: Connection, person: Person) -> None:
    """Clients make these keys, of addresses too: those of the person's own mails, wherever the address stands in them.

    A mail of the person's is canceled or gone, so that nobody has to recognise its key again.
    """
    mails = {str(email_id) for email_id in connection.scalars(_own(recipients.c.email_id, person))}
    naming = func.lower(idempotency_keys.c.key).contains(person.key, autoescape=True)
    for row in connection.execute(select(idempotency_keys).where(naming)).all():
        if mails & set(_ids_in(row.answer)):
            mine = (idempotency_keys.c.app_id == row.app_id) & (idempotency_keys.c.key == row.key)
            connection.execute(update(idempotency_keys).where(mine).values(key=f"{person.pseudonym} {new_id()}"))


def _ids_in(answer: Any) -> Iterator[str]:
    if isinstance(answer, dict):
        yield str(answer.get("id"))
        for one in answer.get("data") or ():
            yield from _ids_in(one)


def _rename_events(connection: Connection, person: Person) -> int:
    theirs = or_(events.c.key == person.key, events.c.recipient_id.in_(_own(recipients.c.id, person)))
    columns = (events.c.id, events.c.ses_message_id, events.c.type, events.c.occurred_at, events.c.data)
    found = connection.execute(select(*columns).where(theirs)).all()
    taken: set[tuple[str, str, str]] = set()
    rows = []
    for row in found:
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
    """Live entries stay live and tombstones stay tombstones, of the same scopes and origins."""
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
    told = update(suppression_events).where(suppression_events.c.suppression_id.in_(ids))
    connection.execute(told.values(reason=_FORGOTTEN))
    return len(rows)


def _make_room(connection: Connection, rows: Iterable[Suppression], person: Person) -> None:
    """Where the person was forgotten before and suppressed again, only the entry that has to stand stays live."""
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
