"""Would a recipient be accepted, and sent to? Asked by the SMTP door at RCPT, before the content is known.

So it does not know the stream, which a header of the content may name: it refuses addresses that are suppressed in
every stream of the application. It promises nothing: acceptance counts what it accepts, and the claim asks the list.
"""

from typing import Final

from app.domain.apps.callers import Caller, Scope
from app.domain.apps.limits import spend
from app.domain.message.address import InvalidAddress, parse_address
from app.services.submission.check import Obstacle, obstacle_of
from app.services.suppression.gate import Addressee, Gate
from app.store.apps import app_pauses, usage
from app.store.engine.database import Database, clock

PAUSED: Final = Obstacle(code="paused", detail="The email of this application is paused.")


class VetRecipient:
    """Vets one recipient at a time."""

    def __init__(self, *, database: Database, gate: Gate) -> None:
        self._database = database
        self._gate = gate

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
        found = self._gate.suppressed([Addressee(address.key, caller.app)])
        if found:
            return obstacle_of(*found.values())
        return PAUSED if self._is_paused(caller, others) else None

    def _is_paused(self, caller: Caller, others: int) -> bool:
        """Whether the application is paused. Raises `RateLimitExceeded`."""
        with self._database.reading() as connection:
            is_paused = app_pauses.is_paused(connection, caller.app_id, caller.default_lane)
            if caller.limits:
                spend(usage.find(connection, caller.app_id), caller.limits, others + 1, now=clock(connection))
        return is_paused
