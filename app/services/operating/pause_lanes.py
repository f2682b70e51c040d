"""Hold a lane back, and let it go: for when mail must wait. It is accepted all the same, and kept."""

from app.domain.callers import Caller, Scope
from app.domain.errors import Fault, NotFound, ValidationFailed
from app.queue import Lane
from app.store import audit, circuits
from app.store.db import Database


class Pause:
    """Pauses and resumes lanes."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def pause(self, caller: Caller, lane: Lane, *, reason: str) -> None:
        """Claim nothing of this lane until it is resumed. Raises `ValidationFailed` without a reason."""
        caller.require(Scope.ADMIN)
        why = reason.strip()
        if not why:
            rule = "A pause needs a reason; it is shown to whoever wonders why mail waits."
            raise ValidationFailed(rule, faults=(Fault("/reason", "required", rule),))
        with self._database.transaction() as connection:
            circuits.pause(connection, _circuit(lane), reason=why)
            audit.write(connection, actor=caller.actor, action="pause", key=None, reason=why, data={"lane": lane})

    def resume(self, caller: Caller, lane: Lane) -> None:
        """Let the lane go on. Raises `NotFound` when nobody holds it back."""
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            if not circuits.resume(connection, _circuit(lane)):
                raise NotFound("This lane is not paused.")
            audit.write(connection, actor=caller.actor, action="resume", key=None, reason=None, data={"lane": lane})


def _circuit(lane: Lane) -> str:
    return f"lane:{lane}"
