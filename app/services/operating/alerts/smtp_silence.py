"""Notice that the SMTP door, which was open, is not any more: its clients keep their email, and nothing else fails."""

from datetime import timedelta
from typing import Final

from app.store.engine.database import Database
from app.store.operating import heartbeats, incidents

CLOSED: Final = "smtp_door_closed"
_SUBJECT: Final = "the SMTP door"
_SEEN_WITHIN: Final = timedelta(minutes=2)


class SmtpSilence:
    """Opens an incident when no door is seen any longer, and closes it when one is. `has_door`: one is configured."""

    def __init__(self, *, database: Database, has_door: bool) -> None:
        self._database = database
        self._has_door = has_door

    def sweep(self) -> int:
        """Look once. 1 when the incident was opened or closed. A door that never was open is no trouble yet."""
        if not self._has_door:
            return 0
        with self._database.transaction() as connection:
            found = incidents.open_of(connection, CLOSED, limit=1)
            is_open = heartbeats.count_alive(connection, kind=heartbeats.SMTP, within=_SEEN_WITHIN) > 0
            if found:
                return int(is_open and incidents.close(connection, found[0].id) is not None)
            seen = heartbeats.last_seen(connection, kind=heartbeats.SMTP)
            if is_open or not seen:
                return 0
            detail = f"None was seen since {max(seen.values()):%Y-%m-%d %H:%M:%S} UTC. `./postern smtp` opens one."
            incidents.note(connection, kind=CLOSED, subject=_SUBJECT, detail=detail)
            return 1
