"""Alert the operator as incidents and circuits open and close, each once.

A sweep compares what is open with what was announced. So nothing has to remember to announce itself, and a crash
between the two loses nothing. What opens and closes between two sweeps is not announced.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from app.domain.privacy.redaction import without_addresses
from app.domain.webhooks.events import OF_OPERATOR, WebhookEvent
from app.services.outbox import tell
from app.services.sending.unconfirmed import own_app
from app.store.engine.database import Database, clock
from app.store.operating import alerts, incidents
from app.store.operating.alerts import Concern
from app.store.sending import circuits
from app.store.webhooks import outbox
from app.store.webhooks.outbox import Occurrence

CIRCUIT: Final = "circuit"
_MOST: Final = 500
_LONGEST_DETAIL: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Open:
    """An incident or a circuit that is open, since when, and why."""

    since: datetime
    detail: str


class WatchAlerts:
    """Announces to the endpoints of the operator."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def sweep(self) -> int:
        """Announce what has opened and closed since the last sweep. How many announcements."""
        with self._database.reading() as connection:
            if not outbox.are_subscribed(connection, OF_OPERATOR):
                return 0
        with self._database.transaction() as connection:
            owner = own_app(connection).id
            changes = [Occurrence(app_id=owner, type=event, facts=facts) for event, facts in _changes(connection)]
            tell(connection, changes)
            return len(changes)


def _changes(connection: Connection) -> Iterator[tuple[WebhookEvent, dict[str, Any]]]:
    """What has opened, then what is over; each is noted as announced."""
    announced = {one.concern: one for one in alerts.all_open(connection)}
    found = _all_open(connection)
    for concern, one in found.items():
        if concern not in announced and alerts.open_alert(connection, concern, opened_at=one.since):
            yield _opened(concern), _facts(concern, one.since, detail=one.detail)
    for concern, alert in announced.items():
        if concern not in found and not _goes_on(connection, concern) and alerts.close_alert(connection, alert.id):
            yield _closed(concern), _facts(concern, alert.opened_at, closed_at=clock(connection), detail="It is over.")


def _goes_on(connection: Connection, concern: Concern) -> bool:
    """Whether it is open, although it is not among the latest that were read."""
    return concern.kind != CIRCUIT and incidents.is_open(connection, concern.kind, concern.subject)


def _all_open(connection: Connection) -> dict[Concern, _Open]:
    found = {
        Concern(one.kind, one.subject): _Open(one.first_at, one.detail)
        for one in incidents.all_open(connection, limit=_MOST)
    }
    waits = {Concern(CIRCUIT, one.scope): _Open(one.opened_at, one.reason) for one in circuits.all_open(connection)}
    return found | waits


def _opened(concern: Concern) -> WebhookEvent:
    return WebhookEvent.CIRCUIT_OPENED if concern.kind == CIRCUIT else WebhookEvent.INCIDENT_OPENED


def _closed(concern: Concern) -> WebhookEvent:
    return WebhookEvent.CIRCUIT_CLOSED if concern.kind == CIRCUIT else WebhookEvent.INCIDENT_CLOSED


def _facts(concern: Concern, opened_at: datetime, *, detail: str, closed_at: datetime | None = None) -> dict[str, Any]:
    """What the payload shows. A server's reply in a detail may name an address, which stays here."""
    return {
        "kind": concern.kind,
        "subject": without_addresses(concern.subject),
        "detail": without_addresses(detail)[:_LONGEST_DETAIL],
        "opened_at": f"{opened_at:%Y-%m-%dT%H:%M:%SZ}",
        "closed_at": f"{closed_at:%Y-%m-%dT%H:%M:%SZ}" if closed_at else None,
    }
