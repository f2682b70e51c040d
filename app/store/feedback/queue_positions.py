"""Who polls a queue, how far it has come, and what it has counted: one cursor for each poller of a queue.

One process at a time holds a cursor (`app.store.operating.job_cursors`). Two that poll at once do no harm, since a
notification is stored once; so the lease only saves requests.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, select

from app.store.engine.database import clock
from app.store.operating import job_cursors
from app.store.tables.core import cursors

RECEIVED, STORED, DUPLICATE, REFUSED, DELETED = COUNTED = ("received", "stored", "duplicate", "refused", "deleted")

_PREFIX: Final = "queue:"
_LASTS: Final = timedelta(days=1)
"""A queue that was taken out of the settings disappears from the figures after this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePosition:
    """What is known of a queue: `counts` since it was first polled, and the last successful poll.

    `oldest_sent_at` is when the oldest message of that poll came into the queue, None if there was no message.
    """

    queue: str
    region: str
    counts: Mapping[str, int] = field(default_factory=Counter)
    polled_at: datetime | None = None
    oldest_sent_at: datetime | None = None


def cursor_of(url: str, poller: int) -> str:
    """The name of the cursor: a digest, since a URL is longer than a name may be."""
    return f"{_PREFIX}{hashlib.sha256(url.encode()).hexdigest()[:40]}:{poller}"


def take(connection: Connection, cursor: str, *, holder: UUID, lease: timedelta) -> Counter[str] | None:
    """Become the one that polls, and return what was counted; None while another one polls."""
    state = job_cursors.take(connection, cursor, holder=holder, lease=lease)
    return None if state is None else Counter({name: int(state.get(name, 0)) for name in COUNTED})


def keep(connection: Connection, cursor: str, position: QueuePosition, *, holder: UUID, lease: timedelta) -> bool:
    """Write the position of a poll that succeeded now, and renew the lease. False if another one polls by now."""
    oldest = position.oldest_sent_at
    state = {
        "queue": position.queue,
        "region": position.region,
        "polled_at": clock(connection).isoformat(),
        "oldest_sent_at": oldest and oldest.isoformat(),
        **{name: position.counts.get(name, 0) for name in COUNTED},
    }
    return job_cursors.keep(connection, cursor, state, holder=holder, lease=lease)


def free(connection: Connection, cursor: str, *, holder: UUID) -> None:
    """Let another one poll, if this holder still does."""
    job_cursors.free(connection, cursor, holder=holder)


def polled_at(connection: Connection, cursor: str) -> datetime | None:
    """When this poller last succeeded; None if it never did."""
    return _moment(job_cursors.read(connection, cursor).get("polled_at"))


def figures(connection: Connection) -> tuple[QueuePosition, ...]:
    """The position of every queue that was polled lately, all its pollers together."""
    since = clock(connection) - _LASTS
    query = select(cursors.c.state).where(cursors.c.name.startswith(_PREFIX), cursors.c.updated_at > since)
    found: dict[tuple[str, str], QueuePosition] = {}
    for state in connection.scalars(query.order_by(cursors.c.name)):
        if "queue" in state:
            one = _read(state)
            place = one.queue, one.region
            found[place] = _together(found[place], one) if place in found else one
    return tuple(found.values())


def _read(state: Mapping[str, Any]) -> QueuePosition:
    return QueuePosition(
        queue=state["queue"],
        region=state["region"],
        counts=Counter({name: int(state.get(name, 0)) for name in COUNTED}),
        polled_at=_moment(state.get("polled_at")),
        oldest_sent_at=_moment(state.get("oldest_sent_at")),
    )


def _together(one: QueuePosition, other: QueuePosition) -> QueuePosition:
    return QueuePosition(
        queue=one.queue,
        region=one.region,
        counts={name: one.counts[name] + other.counts[name] for name in COUNTED},
        polled_at=max(filter(None, (one.polled_at, other.polled_at)), default=None),
        oldest_sent_at=min(filter(None, (one.oldest_sent_at, other.oldest_sent_at)), default=None),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
