"""The canary: every few minutes an email to SES's mailbox simulator, whose event must come back.

It goes the way of every email: accepted, claimed, sent, published, received, settled. A sweep sends the next one and
looks after the last. All that it decides is decided under the lock of one row and committed at once, so any number of
workers send one canary, and a worker that is killed leaves nothing half done. While one waits to be sent, no other is
accepted.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Conflict, NotFound
from app.domain.sending.state_machine import CLAIMABLE, State
from app.queue import DELIVER, Bells, Lane
from app.services.moves import note_moves
from app.services.operating.canary import state as memory
from app.services.operating.canary.journey import Hop, Journey, journey_of
from app.services.operating.canary.state import CanaryState
from app.services.sending.unconfirmed import CANARY, Reconcile, canary_email
from app.store.engine.database import Database, clock
from app.store.operating import audit, incidents
from app.store.sending import circuits, recipients
from app.store.submission import emails
from app.store.submission.sealing import KeyRing

log = structlog.get_logger()

MISSING: Final = "canary_missing"
_SUBJECT: Final = "the path of SES's events"
_ACTOR: Final = "canary"
_BULK: Final = f"lane:{Lane.BULK}"
_WHY_PAUSED: Final = "The canary has not come back, so bounces may not arrive. It ends by itself when one comes back."
_TEXT: Final = "Postern looks whether the events of SES come back."
_MOST: Final = 100
_ITSELF: Final = Caller(
    actor=_ACTOR,
    app_id=UUID(int=0),
    app="postern",
    scopes=frozenset({Scope.ADMIN}),
    senders=(),
    default_lane=Lane.TRANSACTIONAL,
)
_NOT_SENT: Final = CLAIMABLE | {State.SENDING}
_STOPPED: Final = {
    Hop.ACCEPTED: "no worker has claimed it",
    Hop.CLAIMED: "a worker claimed it and has no answer from SES",
    Hop.CALLED: "SES did not take it",
    Hop.TAKEN: "SES took it, and no event has arrived",
    Hop.ARRIVED: "its notification is here and is not settled",
    Hop.ENDED: "it ended without being sent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryPlan:
    """How often, from which address, how long it may take, and whether a missing one pauses the bulk lane."""

    every: timedelta
    within: timedelta
    sender: str
    sender_domain: str
    pauses_bulk: bool


class Canary:
    """Sends canaries and looks after them; with `plan` None it sends none."""

    def __init__(
        self, *, database: Database, key_ring: KeyRing, bells: Bells, reconcile: Reconcile, plan: CanaryPlan | None
    ) -> None:
        self._database = database
        self._key_ring = key_ring
        self._bells = bells
        self._reconcile = reconcile
        self._plan = plan

    def sweep(self) -> int:
        """Look after the last canary, and send the next one if it is due. 1 when something changed."""
        with self._database.reading() as connection:
            found = _look(connection, memory.read(connection), self._plan)
        if not found.has_work:
            return 0
        with self._database.transaction() as connection:
            found = _look(connection, memory.lock(connection), self._plan)
            if found.has_work:
                memory.write(connection, self._moved(connection, found))
        if found.is_due:
            self._bells.ring(DELIVER[Lane.TRANSACTIONAL])
        if found.has_come_back:
            self._discard_held()
        return int(found.has_work)

    def _moved(self, connection: Connection, found: "_Look") -> CanaryState:
        """The state after what is to be done now has been done."""
        state, last = found.state, found.last
        if self._plan is None:
            return _over(connection, replace(state, is_missing=False, missed=0))
        if found.has_come_back and last is not None and last.back_at is not None:
            seconds = (last.back_at - last.accepted_at).total_seconds()
            state = replace(state, is_back=True, is_missing=False, missed=0, back_at=last.back_at, seconds=seconds)
            state = _over(connection, state)
        if found.is_late:
            state = _missed(connection, self._plan, state, last)
        return self._sent(connection, self._plan, state) if found.is_due else state

    def _discard_held(self) -> None:
        """Discard canaries that are held since their outcome stayed unknown: one that came back says all."""
        with self._database.reading() as connection:
            held = recipients.held_of_key(connection, CANARY, limit=_MOST)
        for recipient_id in held:
            with suppress(NotFound, Conflict):
                self._reconcile.discard(_ITSELF, recipient_id, reason="A later canary has come back.")

    def _sent(self, connection: Connection, plan: CanaryPlan, state: CanaryState) -> CanaryState:
        email = canary_email(
            connection, self._key_ring, sender=plan.sender, sender_domain=plan.sender_domain, text=_TEXT
        )
        emails.add(connection, [email])
        note_moves(connection, added=[email])
        return replace(state, email_id=email.id, accepted_at=clock(connection), is_back=False, is_missing=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """The state, how far the last canary is, and what is to be done now."""

    state: CanaryState
    last: Journey | None = None
    has_come_back: bool = False
    is_late: bool = False
    is_due: bool = False
    is_left_over: bool = False

    @property
    def has_work(self) -> bool:
        """Whether anything is to be done."""
        return self.has_come_back or self.is_late or self.is_due or self.is_left_over


def _look(connection: Connection, state: CanaryState, plan: CanaryPlan | None) -> _Look:
    if plan is None:
        return _Look(state=state, is_left_over=state.has_paused or state.missed > 0)
    if state.email_id is None or state.accepted_at is None:
        return _Look(state=state, is_due=True)
    waited = clock(connection) - state.accepted_at
    last = journey_of(connection, state.email_id) if not state.is_back else None
    has_come_back = last is not None and last.back_at is not None
    is_late = not state.is_back and not has_come_back and not state.is_missing and waited > plan.within
    is_settled = state.is_back or has_come_back
    # One that still waits to be sent goes out as soon as emails do: another one would only wait behind it.
    is_lost = (state.is_missing or is_late) and (last is None or last.state not in _NOT_SENT)
    return _Look(
        state=state,
        last=last,
        has_come_back=has_come_back,
        is_late=is_late,
        is_due=waited >= plan.every and (is_settled or is_lost),
    )


def _missed(connection: Connection, plan: CanaryPlan, state: CanaryState, last: Journey | None) -> CanaryState:
    """Note the incident, and pause the bulk lane if that is wanted and has not been done since one came back."""
    stopped = "it is gone" if last is None else _STOPPED[last.hop] + (f" ({last.why})" if last.why else "")
    detail = (
        f"The canary of {state.accepted_at:%Y-%m-%d %H:%M:%S} UTC has not come back within "
        f"{plan.within.total_seconds():.0f} s: {stopped}. `./postern doctor --live` looks for the fault."
    )
    incidents.note(connection, kind=MISSING, subject=_SUBJECT, detail=detail)
    log.error("canary_missing", stopped_at=None if last is None else last.hop.value)
    pauses = plan.pauses_bulk and not state.has_paused
    if pauses and circuits.pause_unless_open(connection, _BULK, reason=_WHY_PAUSED):
        audit.write(connection, actor=_ACTOR, action="pause", key=None, reason=_WHY_PAUSED, data={"lane": Lane.BULK})
    return replace(state, is_missing=True, missed=state.missed + 1, has_paused=state.has_paused or pauses)


def _over(connection: Connection, state: CanaryState) -> CanaryState:
    """Close the incident, and end the pause of the bulk lane if it is ours and no person has made it theirs."""
    for one in incidents.open_of(connection, MISSING, limit=_MOST):
        incidents.close(connection, one.id)
        log.info("canary_back", missed=one.count)
    if state.has_paused and circuits.resume_of(connection, _BULK, reason=_WHY_PAUSED):
        audit.write(connection, actor=_ACTOR, action="resume", key=None, reason=None, data={"lane": Lane.BULK})
    return replace(state, has_paused=False)
