"""What the recipients of the last while are counted as, by the minute in which they were accepted.

It is read from the recipients themselves, the newest first and a bounded number of them: counts are kept by the hour.
"""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, and_, case, func, select

from app.domain.reporting.counted import HARD, Counted, counted_at_first
from app.domain.sending.state_machine import State
from app.domain.sending.trying import TEST_LANE
from app.store.engine.ids import CLOCKS_DIFFER_BY, first_id_of
from app.store.engine.sql_functions import minute
from app.store.tables.core import recipients

MOST: Final = 50_000
"""The most recipients that are read."""


def by_minute(connection: Connection, *, since: datetime) -> dict[datetime, dict[Counted, int]]:
    """The counts of each minute since this one in which any recipient was accepted.

    With more than `MOST` recipients, the earlier minutes are missing. Only a minute alone may be there in part.
    """
    is_hard = and_(recipients.c.state == State.BOUNCED, recipients.c.cause.in_(sorted(HARD)))
    columns = (
        minute(recipients.c.created_at).label("minute"),
        recipients.c.state,
        recipients.c.ses_message_id.is_not(None).label("is_sent"),
        case((is_hard, 1), else_=0).label("is_hard"),
    )
    in_time = (recipients.c.id >= first_id_of(since - CLOCKS_DIFFER_BY), recipients.c.created_at >= since)
    newest = (
        select(*columns)
        .where(*in_time, recipients.c.lane != TEST_LANE)
        .order_by(recipients.c.id.desc())
        .limit(MOST)
        .subquery()
    )
    grouped = select(*newest.c, func.count().label("number")).group_by(*newest.c)
    found: defaultdict[datetime, dict[Counted, int]] = defaultdict(lambda: dict.fromkeys(Counted, 0))
    read = 0
    for row in connection.execute(grouped):
        counts = found[datetime.fromtimestamp(60 * row.minute, UTC)]
        counts[Counted.SENT] += row.number * row.is_sent
        counts[Counted.HARD_BOUNCED] += row.number * row.is_hard
        for what in counted_at_first(State(row.state)):
            counts[what] += row.number
        read += row.number
    if read == MOST and len(found) > 1:
        found.pop(min(found))
    return dict(sorted(found.items()))
