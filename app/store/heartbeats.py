"""Who was last seen alive: worker processes and sweepers."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select, update

from app.store.db import add_once, clock, now
from app.store.models import heartbeats

WORKER, SWEEPER = "worker", "sweeper"


def beat(connection: Connection, name: str, *, kind: str) -> None:
    """Note that this process or sweeper is alive now."""
    mine = heartbeats.c.name == name
    if connection.execute(update(heartbeats).where(mine).values(seen_at=now())).rowcount == 0:
        add_once(connection, heartbeats, name=name, kind=kind, seen_at=now())


def count_alive(connection: Connection, *, kind: str, within: timedelta) -> int:
    """How many of this kind were seen within this time."""
    since = clock(connection) - within
    query = select(func.count()).where(heartbeats.c.kind == kind, heartbeats.c.seen_at >= since)
    return connection.scalar(query) or 0


def last_seen(connection: Connection, *, kind: str) -> dict[str, datetime]:
    """When each of this kind was last seen."""
    rows = connection.execute(select(heartbeats.c.name, heartbeats.c.seen_at).where(heartbeats.c.kind == kind))
    return dict(rows.all())


def forget(connection: Connection, *, before: datetime) -> None:
    """Drop those not seen since."""
    connection.execute(delete(heartbeats).where(heartbeats.c.seen_at < before))
