"""Notice that SES takes email and no notification arrives: bounces and complaints are lost, and nothing else fails.

A notification of any kind proves the path, since SES reports each email at least once. So few emails need a longer
silence: a server that is slow to answer delays the only event there is.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from app.domain.message.address import MAILBOX_SIMULATOR
from app.store.engine.database import Database, clock
from app.store.feedback import notifications
from app.store.operating import incidents
from app.store.sending import attempts

SILENT: Final = "feedback_silent"
_SUBJECT: Final = "notifications of SES"
_LOOK_BACK: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Silence:
    """So many emails without any notification since the first of them left, so long ago, are a silence."""

    emails: int
    lasts: timedelta


_SILENCES: Final = (_Silence(20, timedelta(minutes=30)), _Silence(3, timedelta(hours=6)))


class Silence:
    """Opens an incident when the path of notifications is silent, and closes it when one arrives."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def sweep(self) -> int:
        """Look once. 1 when the incident was opened or closed."""
        with self._database.transaction() as connection:
            last = notifications.last_received(connection)
            found = incidents.open_of(connection, SILENT, limit=1)
            if found:
                is_over = last is not None and last > found[0].last_at
                return int(is_over and incidents.close(connection, found[0].id) is not None)
            silent = _unanswered(connection, last)
            if silent is None:
                return 0
            incidents.note(connection, kind=SILENT, subject=_SUBJECT, detail=_detail(silent, last))
            return 1


def _unanswered(connection: Connection, last: datetime | None) -> _Silence | None:
    """The silence that there is; None while notifications arrive, or too few emails have left to say."""
    now = clock(connection)
    since = max(last, now - _LOOK_BACK) if last is not None else now - _LOOK_BACK
    for one in _SILENCES:
        until = now - one.lasts
        if since < until and one.emails == attempts.accepted_between(
            connection, since, until, besides_domain=MAILBOX_SIMULATOR, limit=one.emails
        ):
            return one
    return None


def _detail(silent: _Silence, last: datetime | None) -> str:
    arrived = f"The last one arrived at {last:%Y-%m-%d %H:%M:%S} UTC." if last else "None has ever arrived."
    return (
        f"SES took {silent.emails} emails or more, {_words(silent.lasts)} ago or longer, and no notification has "
        f"arrived since. {arrived} So bounces and complaints suppress no address. `./postern doctor --live` looks for "
        "the fault."
    )


def _words(lasts: timedelta) -> str:
    minutes = int(lasts.total_seconds() / 60)
    return f"{minutes} minutes" if minutes < 60 else f"{minutes // 60} hours"
