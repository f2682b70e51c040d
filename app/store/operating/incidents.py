"""Incidents: problems that an operator has to act on, such as a receiving server that refuses us for policy."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, case, func, null, select, update

from app.store.engine.database import add_once, now
from app.store.engine.ids import new_id
from app.store.engine.keyset import page_by_time
from app.store.tables.core import incidents

_IS_OPEN, _IS_CLOSED = incidents.c.closed_at.is_(None), incidents.c.closed_at.is_not(None)
_LONGEST_SUBJECT: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident: its subject, how often it happened since it was first seen, and the details.

    `closed_at` is None while it is open.
    """

    id: UUID
    kind: str
    subject: str
    detail: str
    count: int
    first_at: datetime
    last_at: datetime
    closed_at: datetime | None


def note(connection: Connection, *, kind: str, subject: str, detail: str) -> None:
    """Note a problem for an operator; repeated ones are counted. A closed one opens anew.

    A subject that is longer than any that AWS or the DNS allows is cut at its end.
    """
    subject = subject[:_LONGEST_SUBJECT]
    mine = (incidents.c.kind == kind) & (incidents.c.subject == subject)
    again = (
        update(incidents)
        .where(mine)
        .values(
            last_at=now(),
            first_at=case((_IS_OPEN, incidents.c.first_at), else_=now()),
            count=case((_IS_OPEN, incidents.c.count + 1), else_=1),
            closed_at=null(),
            detail=detail,
        )
    )
    if connection.execute(again).rowcount == 0:
        add_once(
            connection,
            incidents,
            id=new_id(),
            kind=kind,
            subject=subject,
            detail=detail,
            first_at=now(),
            last_at=now(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A problem for an operator."""

    kind: str
    subject: str
    detail: str


def note_all(connection: Connection, noted: Iterable[Noted]) -> None:
    """Note all of them, each as often as it happened, in the one order that all transactions use."""
    for one in sorted(noted, key=lambda one: (one.kind, one.subject)):
        note(connection, kind=one.kind, subject=one.subject, detail=one.detail)


def all_open(connection: Connection, *, limit: int) -> tuple[Incident, ...]:
    """The open incidents, the latest first."""
    columns = [incidents.c[field] for field in Incident.__dataclass_fields__]
    query = select(*columns).where(_IS_OPEN).order_by(incidents.c.last_at.desc(), incidents.c.id.desc()).limit(limit)
    return tuple(Incident(**row) for row in connection.execute(query).mappings())


def page(
    connection: Connection, *, are_open: bool, limit: int, after: UUID | None, before: UUID | None
) -> tuple[Incident, ...]:
    """Up to `limit` open ones, the latest first, or closed ones, the last closed first."""
    columns = [incidents.c[field] for field in Incident.__dataclass_fields__]
    time, which = (incidents.c.last_at, _IS_OPEN) if are_open else (incidents.c.closed_at, _IS_CLOSED)
    query = select(*columns).where(which)
    rows = page_by_time(connection, query, time, incidents.c.id, limit=limit, after=after, before=before)
    return tuple(Incident(**row) for row in rows)


def open_of(connection: Connection, kind: str, *, limit: int) -> tuple[Incident, ...]:
    """The open incidents of one kind, the oldest first."""
    columns = [incidents.c[field] for field in Incident.__dataclass_fields__]
    query = select(*columns).where(_IS_OPEN, incidents.c.kind == kind).order_by(incidents.c.last_at).limit(limit)
    return tuple(Incident(**row) for row in connection.execute(query).mappings())


def is_open(connection: Connection, kind: str, subject: str) -> bool:
    """Whether there is an open incident of this kind and subject."""
    query = select(incidents.c.id).where(_IS_OPEN, incidents.c.kind == kind, incidents.c.subject == subject)
    return connection.scalar(query) is not None


def open_subjects(connection: Connection, kind: str) -> frozenset[str]:
    """The subjects of all open incidents of this kind."""
    return frozenset(connection.scalars(select(incidents.c.subject).where(_IS_OPEN, incidents.c.kind == kind)))


def close_of(connection: Connection, kind: str, subject: str) -> None:
    """Close the incident of this kind and subject, if it is open: what it is about is over."""
    mine = (incidents.c.kind == kind) & (incidents.c.subject == subject)
    connection.execute(update(incidents).where(mine, _IS_OPEN).values(closed_at=now()))


def count_open(connection: Connection, *, limit: int) -> dict[str, int]:
    """How many are open of each kind, among the latest `limit` of all."""
    latest = select(incidents.c.kind).where(_IS_OPEN).order_by(incidents.c.last_at.desc()).limit(limit).subquery()
    return dict(connection.execute(select(latest.c.kind, func.count()).group_by(latest.c.kind)).all())


def close(connection: Connection, incident_id: UUID) -> Incident | None:
    """Close an incident; None if it is not open or does not exist."""
    columns = [incidents.c[field] for field in Incident.__dataclass_fields__]
    mine = update(incidents).where(incidents.c.id == incident_id, _IS_OPEN).values(closed_at=now()).returning(*columns)
    row = connection.execute(mine).mappings().first()
    return Incident(**row) if row else None
