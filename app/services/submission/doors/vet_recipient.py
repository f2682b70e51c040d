"""Would a recipient be accepted, and sent to? Asked by the SMTP door at RCPT, before the content is known.

So it does not know the stream, which a header of the content may name: it refuses addresses that are suppressed in
every stream of the application. It promises nothing: acceptance counts what it accepts, and the claim asks the list.
"""

import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from app.domain.apps.callers import Caller, Scope
from app.domain.apps.limits import Limits, spend
from app.domain.message.address import InvalidAddress, parse_address
from app.services.submission.check import NOT_IN_TEAM, Obstacle, obstacle_of
from app.services.suppression.gate import Addressee, Gate
from app.store.apps import app_pauses, usage
from app.store.engine.database import Database, clock

_REMEMBERED_FOR_S: Final = 2.0
_REMEMBERED_AT_MOST: Final = 1000
PAUSED: Final = Obstacle(code="paused", detail="The email of this application is paused.")


class VetRecipient:
    """Vets one recipient at a time."""

    def __init__(self, *, database: Database, gate: Gate, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._gate = gate
        self._monotonic = monotonic
        self._paused: dict[UUID, tuple[float, bool]] = {}

    def __call__(self, caller: Caller, given: str, others: int) -> Obstacle | None:
        """Why not, or None; `others` of the same message were vetted before.

        Raises `RateLimitExceeded` where the limits of the application do not allow one more recipient,
        `RestrictedApiKey` and `ServiceUnavailable`.
        """
        caller.require(Scope.EMAILS_SEND)
        try:
            address = parse_address(given)
        except InvalidAddress as error:
            return Obstacle(code="invalid", detail=str(error), rule=error.code)
        if not caller.may_write_to(address.key):
            return NOT_IN_TEAM
        found = self._gate.suppressed([Addressee(address.key, caller.app)])
        if found:
            return obstacle_of(*found.values())
        if caller.limits:
            self._spend(caller.app_id, caller.limits, others + 1)
        return PAUSED if self._is_paused(caller) else None

    def _spend(self, app_id: UUID, limits: Limits, recipients: int) -> None:
        """Raise `RateLimitExceeded` where acceptance would. Nothing is counted."""
        with self._database.reading() as connection:
            spend(usage.find(connection, app_id), limits, recipients, now=clock(connection))

    def _is_paused(self, caller: Caller) -> bool:
        """Whether the application is paused, or was a moment ago: a message has many recipients."""
        known = self._paused.get(caller.app_id)
        if known is not None and known[0] > self._monotonic():
            return known[1]
        with self._database.reading() as connection:
            is_paused = app_pauses.is_paused(connection, caller.app_id, caller.lane_of(None))
        if len(self._paused) >= _REMEMBERED_AT_MOST:
            self._paused.clear()
        self._paused[caller.app_id] = (self._monotonic() + _REMEMBERED_FOR_S, is_paused)
        return is_paused
