"""Close incidents about servers that refuse us, once the provider delivers again."""

from typing import Final

from app.domain.feedback.providers import REFUSED, domains_of, group_in
from app.store.engine.database import Database
from app.store.feedback import events
from app.store.operating import incidents

_AT_ONCE: Final = 200


class Refusals:
    """Closes incidents about refusals that are over."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def sweep(self) -> int:
        """Close the incidents whose provider has delivered since the last refusal; return how many."""
        closed = 0
        with self._database.transaction() as connection:
            for one in incidents.open_of(connection, REFUSED, limit=_AT_ONCE):
                domains = domains_of(group_in(one.subject))
                if events.was_delivered(connection, domains, after=one.last_at):
                    closed += incidents.close(connection, one.id) is not None
        return closed
