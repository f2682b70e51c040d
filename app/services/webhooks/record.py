"""Write down what became of calls of an endpoint: each attempt, the deliveries, and the endpoint itself.

That an endpoint has taken an event counts whoever reports it. That it has not counts only while the claim holds the
endpoint: another process may have delivered it since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.privacy.redaction import without_addresses
from app.domain.webhooks.post_result import PostOutcome, PostResult
from app.domain.webhooks.retries import DISABLED_AFTER, DeliveryState, concerns_endpoint, endpoint_wait, wait_after
from app.services.deadlock_retry import again
from app.store.engine.database import Database, clock
from app.store.operating import incidents
from app.store.webhooks import deliveries, endpoints
from app.store.webhooks.deliveries import Due, NewAttempt, Retry
from app.store.webhooks.endpoints import Endpoint

WEBHOOK_DISABLED: Final = "webhook_disabled"
GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Called:
    """One call that was made, and its result. `ends_turn`: the endpoint is to be left alone for a while."""

    due: Due
    result: PostResult
    ends_turn: bool = False

    @property
    def is_taken(self) -> bool:
        """Whether the endpoint has taken the event."""
        return self.result.outcome is PostOutcome.ACCEPTED

    @property
    def is_trouble(self) -> bool:
        """Whether the result says that the endpoint is in trouble, rather than that it refuses this event."""
        return not self.is_taken and concerns_endpoint(self.result.status)


class RecordCalls:
    """Writes the results of calls."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def __call__(self, endpoint_id: UUID, token: UUID, calls: Sequence[Called]) -> None:
        """Write these results in one transaction. Raises `ServiceUnavailable`; nothing is written then."""
        again(lambda: self._write(endpoint_id, token, calls))

    def put_off_unmade(self, endpoint_id: UUID, token: UUID, unmade: Sequence[Due]) -> None:
        """Put off deliveries whose payload could not be made, as if each had been refused. Raises as a call does."""
        with self._database.transaction() as connection:
            if endpoints.hold(connection, endpoint_id, token) is not None:
                now = clock(connection)
                deliveries.put_off(connection, [_retry(one, now) for one in unmade])

    def _write(self, endpoint_id: UUID, token: UUID, calls: Sequence[Called]) -> None:
        with self._database.transaction() as connection:
            held = endpoints.hold(connection, endpoint_id, token)
            deliveries.deliver(connection, [one.due for one in calls if one.is_taken])
            deliveries.note_attempts(connection, [_attempt(one) for one in calls])
            if held is not None:
                now = clock(connection)
                missed = [one for one in calls if not one.is_taken]
                deliveries.put_off(connection, [_retry(one.due, now) for one in missed])
                _judge(connection, held, calls, now)


def _judge(connection: Connection, endpoint: Endpoint, calls: Sequence[Called], now: datetime) -> None:
    """Note on the endpoint what the calls say of it. Several in trouble at once count once."""
    is_taken = any(one.is_taken for one in calls)
    if is_taken and (endpoint.failures or endpoint.failing_since):
        endpoints.succeeded(connection, endpoint.id)
    if all(one.is_taken for one in calls):
        return
    failures = 0 if is_taken else endpoint.failures
    wait_s = endpoint_wait(failures + 1).total_seconds() if any(one.ends_turn for one in calls) else None
    endpoints.failed(connection, endpoint.id, wait_s=wait_s)
    if any(one.result.status == GONE for one in calls):
        _disable(connection, endpoint, "It answered 410 Gone, which asks for no more events.")
    elif not is_taken and _fails_for_days(endpoint, calls, now):
        _disable(connection, endpoint, f"It took no event in {DISABLED_AFTER.days} days.")


def _fails_for_days(endpoint: Endpoint, calls: Sequence[Called], now: datetime) -> bool:
    """Whether it has taken nothing for days, and fails an event again: one alone may come after days without any."""
    is_long = endpoint.failing_since is not None and now - endpoint.failing_since >= DISABLED_AFTER
    return is_long and any(one.due.tries for one in calls)


def _disable(connection: Connection, endpoint: Endpoint, why: str) -> None:
    endpoints.disable(connection, endpoint.id, why=why)
    detail = (
        f"The endpoint was disabled. {why} What waits for it is sent once it is enabled: `./postern webhook enable`."
    )
    incidents.note(connection, kind=WEBHOOK_DISABLED, subject=f"{endpoint.app} {endpoint.id}", detail=detail)


def _retry(due: Due, now: datetime) -> Retry:
    wait = wait_after(due.tries + 1)
    return Retry(
        id=due.id,
        state=DeliveryState.FAILED if wait is None else DeliveryState.WAITING,
        due_at=now if wait is None else now + wait,
        attempts=due.attempts + 1,
        tries=due.tries + 1,
    )


def _attempt(called: Called) -> NewAttempt:
    result = called.result
    return NewAttempt(
        delivery_id=called.due.id,
        number=called.due.attempts + 1,
        outcome=result.outcome.value,
        status=result.status,
        detail=result.detail,
        response=without_addresses(result.response) if result.response else "",
        milliseconds=round(1000 * result.seconds),
    )
