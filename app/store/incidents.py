"""Incidents: what an operator has to see and act on, such as a receiving server that refuses us for policy."""

from sqlalchemy import Connection, update

from app.store.db import add_once, now
from app.store.ids import new_id
from app.store.models import incidents


def note(connection: Connection, *, kind: str, subject: str, detail: str) -> None:
    """Note something that an operator has to see; repeated ones are counted."""
    mine = (incidents.c.kind == kind) & (incidents.c.subject == subject)
    again = update(incidents).where(mine).values(last_at=now(), count=incidents.c.count + 1, detail=detail)
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
