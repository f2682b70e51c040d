"""Incidents: what an operator has to see and act on, such as a receiving server that refuses us for policy."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, case, func, null, select, update

from app.store.db import add_once, now
from app.store.ids import new_id
from app.store.models import incidents

_IS_OPEN = incidents.c.closed_at.is_(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What happened, to whom, how often since it was first seen, and what is known of it."""

    id: UUID
    kind: str
    subject: str
    detail: str
    count: int
    first_at: datetime
    last_at: datetime


def note(connection: Connection, *, kind: str, subject: str, detail: str) -> None:
    """Note something that an operator has to see; repeated ones are counted. One that was closed begins anew."""
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


def all_open(connection: Connection, *, limit: int) -> tuple[Incident, ...]:
    """The open ones, the latest first."""
    columns = [incidents.c[field] for field in Incident.__dataclass_fields__]
    query = select(*columns).where(_IS_OPEN).order_by(incidents.c.last_at.desc(), incidents.c.id.desc()).limit(limit)
    return tuple(Incident(**row) for row in connection.execute(query).mappings())


def count_open(connection: Connection, *, limit: int) -> dict[str, int]:
    """How many are open of each kind, looking at the latest of all up to a limit."""
    latest = select(incidents.c.kind).where(_IS_OPEN).order_by(incidents.c.last_at.desc()).limit(limit).subquery()
    return dict(connection.execute(select(latest.c.kind, func.count()).group_by(latest.c.kind)).all())


def close(connection: Connection, incident_id: UUID) -> Incident | None:
    """Close one; None when it is not open, or none at all."""
    columns = [incidents.c[field] for field in Incident.__dataclass_fields__]
    mine = update(incidents).where(incidents.c.id == incident_id, _IS_OPEN).values(closed_at=now()).returning(*columns)
    row = connection.execute(mine).mappings().first()
    return Incident(**row) if row else None
