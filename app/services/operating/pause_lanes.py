"""What holds email back; and pause and resume a lane: its email is accepted and kept all the same."""

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, NotFound, ValidationFailed
from app.queue import Lane
from app.store.engine.database import Database
from app.store.operating import audit
from app.store.sending import circuits
from app.store.sending.circuits import Circuit

__all__ = ["Circuit", "PauseLanes"]


class PauseLanes:
    """Shows what holds email back, and pauses and resumes lanes. Every method is for admins."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def open_circuits(self, caller: Caller) -> tuple[Circuit, ...]:
        """All that holds email back now, paused lanes among it."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return circuits.all_open(connection)

    def pause(self, caller: Caller, lane: Lane, *, reason: str) -> None:
        """Claim nothing of this lane until it is resumed. Raises `ValidationFailed` without a reason."""
        caller.require(Scope.ADMIN)
        why = reason.strip()
        if not why:
            rule = "A pause needs a reason: it explains to others why email waits."
            raise ValidationFailed(rule, faults=(Fault("/reason", "required", rule),))
        with self._database.transaction() as connection:
            circuits.pause(connection, _circuit(lane), reason=why)
            audit.write(connection, actor=caller.actor, action="pause", key=None, reason=why, data={"lane": lane})

    def resume(self, caller: Caller, lane: Lane, *, reason: str | None = None) -> None:
        """Resume the lane. Raises `NotFound` when it is not paused."""
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            if not circuits.resume(connection, _circuit(lane)):
                raise NotFound("This lane is not paused.")
            audit.write(connection, actor=caller.actor, action="resume", key=None, reason=reason, data={"lane": lane})


def _circuit(lane: Lane) -> str:
    return f"lane:{lane}"
