"""When worker processes, sweepers, and workers reached by their broker were last seen alive."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select, update

from app.store.engine.database import add_once, clock, now
from app.store.tables.core import heartbeats

WORKER, SWEEPER, STAND_IN, CANARY, SMTP = "worker", "sweeper", "stand_in", "canary", "smtp"


def beat(connection: Connection, name: str, *, kind: str) -> None:
    """Note that this process or sweeper is alive now."""
    named = heartbeats.c.name == name
    if connection.execute(update(heartbeats).where(named).values(seen_at=now())).rowcount == 0:
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


def seen_at(connection: Connection, name: str) -> datetime | None:
    """When this one was last seen, or None if never."""
    return connection.scalar(select(heartbeats.c.seen_at).where(heartbeats.c.name == name))


def take_over(connection: Connection, name: str, *, silent_for: timedelta) -> bool:
    """Whether neither this sweeper nor a stand-in was seen for so long. If True, the caller stands in."""
    since = clock(connection) - silent_for
    if connection.scalar(select(heartbeats.c.seen_at).where(heartbeats.c.name == name, heartbeats.c.seen_at > since)):
        return False
    stand_in = f"{STAND_IN}:{name}"
    late = (heartbeats.c.name == stand_in) & (heartbeats.c.seen_at <= since)
    if connection.execute(update(heartbeats).where(late).values(seen_at=now())).rowcount == 1:
        return True
    return add_once(connection, heartbeats, name=stand_in, kind=STAND_IN, seen_at=now())


def forget(connection: Connection, *, before: datetime) -> None:
    """Delete those not seen since then."""
    connection.execute(delete(heartbeats).where(heartbeats.c.seen_at < before))
