"""What a gateway has under way: email that waits, and whether it sent any within a day.

Email to SES's mailbox simulator does not count: nothing is lost with its events.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from app.domain.message.address import MAILBOX_SIMULATOR
from app.store.engine.database import clock
from app.store.operating import backlog
from app.store.sending import attempts

COUNTED_UP_TO: Final = 10_001
RECENTLY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Traffic:
    """How many recipients are still to be written to, counted up to a limit, and whether any was within a day."""

    waiting: int
    sent_recently: bool


def traffic(connection: Connection) -> Traffic:
    """The traffic now."""
    since = clock(connection) - RECENTLY
    return Traffic(
        waiting=backlog.waiting(connection, besides_domain=MAILBOX_SIMULATOR, limit=COUNTED_UP_TO),
        sent_recently=attempts.any_since(connection, since, besides_domain=MAILBOX_SIMULATOR),
    )
