"""The deliveries of an endpoint: list them, show one with its attempts, and replay one or those of a period.

For an administrator also the deliveries of all endpoints that have failed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, NotFound, ValidationFailed
from app.domain.webhooks.retries import DeliveryState
from app.queue import WEBHOOKS, Bells
from app.services.paging import Page, Paged, paged
from app.services.webhooks.endpoints import own_endpoint
from app.store.engine.database import Database
from app.store.operating import audit
from app.store.webhooks import deliveries, endpoints
from app.store.webhooks.deliveries import Attempt, Delivery, FailedDelivery

__all__ = ["Attempt", "Backlog", "Deliveries", "Delivery", "DeliveryWithAttempts", "FailedDelivery"]

_BATCH: Final = 1_000
COUNTED_AT_MOST: Final = 1_000
"""So many deliveries are counted: more than these are shown as `1,000 or more`."""


@dataclass(frozen=True, slots=True)
class DeliveryWithAttempts:
    """One delivery and the calls that were made for it, oldest first."""

    delivery: Delivery
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many deliveries of an endpoint wait and how many have failed, counted up to `COUNTED_AT_MOST`."""

    waiting: int
    failed: int


class Deliveries:
    """The deliveries of endpoints."""

    def __init__(self, *, database: Database, bells: Bells) -> None:
        self._database = database
        self._bells = bells

    def page(
        self, caller: Caller, endpoint_id: UUID, page: Page, *, state: DeliveryState | None = None
    ) -> Paged[Delivery]:
        """The deliveries of an endpoint, newest first. Raises `NotFound`."""
        with self._database.reading() as connection:
            own_endpoint(connection, caller, endpoint_id)
            found = deliveries.page(
                connection, endpoint_id, state=state, limit=page.limit + 1, after=page.after, before=page.before
            )
        return paged(found, page)

    def get(self, caller: Caller, endpoint_id: UUID, delivery_id: UUID) -> DeliveryWithAttempts:
        """One delivery with its attempts. Raises `NotFound`."""
        with self._database.reading() as connection:
            delivery = _own(connection, caller, endpoint_id, delivery_id)
            return DeliveryWithAttempts(delivery, deliveries.attempts_of(connection, delivery_id))

    def backlog(self, caller: Caller, endpoint_id: UUID) -> Backlog:
        """What an endpoint has not taken. Raises `NotFound`."""
        with self._database.reading() as connection:
            own_endpoint(connection, caller, endpoint_id)
            waiting, failed = (
                deliveries.count(connection, endpoint_id, state, at_most=COUNTED_AT_MOST)
                for state in (DeliveryState.WAITING, DeliveryState.FAILED)
            )
        return Backlog(waiting, failed)

    def failed(self, caller: Caller, page: Page, *, app: str | None = None) -> Paged[FailedDelivery]:
        """The failed deliveries of all endpoints, or of those of an application, newest first; for administrators."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            found = deliveries.failed(connection, app=app, limit=page.limit + 1, after=page.after, before=page.before)
        return paged(found, page)

    def replay(self, caller: Caller, endpoint_id: UUID, delivery_id: UUID, *, reason: str | None = None) -> Delivery:
        """Deliver once more, with all its tries; the receiver sees the same id. Raises `NotFound`."""
        with self._database.transaction() as connection:
            _own(connection, caller, endpoint_id, delivery_id)
            deliveries.replay(connection, [delivery_id])
            endpoints.call_now(connection, endpoint_id)
            data = {"endpoint_id": str(endpoint_id), "delivery_id": str(delivery_id)}
            audit.write(connection, actor=caller.actor, action="webhook_replay", key=None, reason=reason, data=data)
            replayed = _own(connection, caller, endpoint_id, delivery_id)
        self._bells.ring(WEBHOOKS)
        return replayed

    def replay_period(
        self,
        caller: Caller,
        endpoint_id: UUID,
        *,
        since: datetime,
        until: datetime,
        state: DeliveryState | None = None,
        reason: str | None = None,
    ) -> int:
        """Deliver once more what was queued in a period, all or what is in this state; return how many.

        Raises `NotFound` and `ValidationFailed`.

        It commits a thousand at a time, so one that is cut off has replayed the oldest.
        """
        if since >= until:
            rule = "The period ends before it begins."
            raise ValidationFailed(rule, faults=(Fault("/until", "period", rule),))
        replayed, after = 0, None
        while True:
            with self._database.transaction() as connection:
                own_endpoint(connection, caller, endpoint_id)
                found = deliveries.of_period(
                    connection, endpoint_id, state=state, since=since, until=until, after=after, limit=_BATCH
                )
                replayed += deliveries.replay(connection, found)
                endpoints.call_now(connection, endpoint_id)
                if len(found) < _BATCH:
                    data = {"endpoint_id": str(endpoint_id), "deliveries": replayed}
                    audit.write(
                        connection, actor=caller.actor, action="webhook_replay", key=None, reason=reason, data=data
                    )
                    break
            after = found[-1]
        self._bells.ring(WEBHOOKS)
        return replayed


def _own(connection: Connection, caller: Caller, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    own_endpoint(connection, caller, endpoint_id)
    delivery = deliveries.find(connection, delivery_id, endpoint_id=endpoint_id)
    if delivery is None:
        raise NotFound("This endpoint has no delivery of this id.")
    return delivery
