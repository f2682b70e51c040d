"""Pause an application and resume it: the one place where either happens, with its incident and its audit entry."""

from typing import Final

from sqlalchemy import Connection

from app.domain.apps.budget import Pauses
from app.domain.webhooks.events import WebhookEvent
from app.services.apps.spending import Resumed
from app.services.outbox import announce
from app.store.apps import app_pauses
from app.store.apps.app_pauses import AppBudget
from app.store.engine.database import clock
from app.store.operating import audit, incidents

PAUSED: Final = "app_paused"
"""The kind of incident of an application that its budget has paused."""

_LANES: Final = {Pauses.BULK: ("bulk",), Pauses.ALL: app_pauses.LANES, Pauses.NOTHING: ()}


def not_paused_yet(app: AppBudget, pauses: Pauses) -> tuple[str, ...]:
    """The lanes that these pauses concern and that are not paused."""
    return tuple(lane for lane in _LANES[pauses] if lane not in app.paused)


def pause(connection: Connection, app: AppBudget, pauses: Pauses, *, actor: str, reason: str) -> None:
    """Pause these lanes of an application that is locked."""
    lanes = not_paused_yet(app, pauses)
    app_pauses.pause(connection, app.id, lanes, reason=reason)
    said = f"{reason} Paused: {', '.join(lanes)}. `./postern app resume {app.name} --reason WHY` sends what waits."
    incidents.note(connection, kind=PAUSED, subject=app.name, detail=said)
    data = {"app": app.name, "lanes": list(lanes)}
    audit.write(connection, actor=actor, action="app_pause", key=None, reason=reason, data=data)
    announce(connection, app_id=app.id, event=WebhookEvent.APP_PAUSED, facts={"lanes": list(lanes), "reason": reason})


def resume(connection: Connection, app: AppBudget, *, actor: str, reason: str) -> None:
    """End the pauses of an application that is locked. What it has spent by now does not pause it again."""
    resumed = Resumed.now(connection, app.id, clock(connection))
    app_pauses.resume(connection, app.id, budget_from=resumed.as_json())
    incidents.close_of(connection, PAUSED, app.name)
    data = {"app": app.name, "lanes": list(app.paused)}
    audit.write(connection, actor=actor, action="app_resume", key=None, reason=reason, data=data)
    announce(connection, app_id=app.id, event=WebhookEvent.APP_RESUMED, facts={"lanes": list(app.paused)})
