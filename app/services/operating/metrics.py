"""Figures about the gateway, read from the database, so that they are the same in every process.

It counts up to a limit and answers as quickly with a million emails waiting as with none. No figure is about one
address or one sender, and at most twenty are about one application.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from app.domain.moments import first_of_hour
from app.domain.operating.busiest import busiest
from app.domain.operating.histograms import BOUNDS, Reading, read
from app.domain.reporting.counted import Counted
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.operating.canary import state as canary_state
from app.services.operating.canary.state import CanaryState
from app.services.operating.sweeps import EVERY_S, Sweep
from app.services.operating.traffic import Traffic, traffic
from app.services.tally import BOUNCE, EVENTS, SMTP
from app.store.apps import apps
from app.store.engine.database import Database, clock
from app.store.feedback import queue_positions
from app.store.feedback.queue_positions import QueuePosition
from app.store.operating import backlog, heartbeats, incidents, tallies
from app.store.operating.backlog import Due
from app.store.reporting import counts
from app.store.sending import circuits

__all__ = ["COUNTED_UP_TO", "CanaryState", "Due", "Figures", "Measure", "QueuePosition", "last_swept"]

COUNTED_UP_TO: Final = 10_001
_COUNTED_FOR: Final = timedelta(hours=23)
_NAMED: Final = 20
_WORKER_SEEN_WITHIN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures at `now`. Counts stop at `COUNTED_UP_TO`; a time is None where there is nothing to count from.

    `circuits` are counted by the first word of their scope, `incidents` by their kind. `events` are the recipients that
    each event has happened to since the gateway began, `bounces` the bounces by type and cause. `queues` are those of
    SQS that were polled within a day. `canary` is None where none is sent. `smtp` is what the SMTP doors have counted.
    `timings` are the histograms, each by its label.
    """

    now: datetime
    sweeps: Mapping[Sweep, datetime | None]
    workers: int
    broker_last_seen: datetime | None
    email: Mapping[Lane, Due]
    unconfirmed: int
    held: int
    due_notifications: Due
    parked: int
    quarantined: int
    circuits: Mapping[str, int]
    incidents: Mapping[str, int]
    events: Mapping[str, int]
    bounces: Mapping[tuple[str, str], int]
    queues: tuple[QueuePosition, ...]
    canary: CanaryState | None
    smtp_doors: int
    smtp: Mapping[tuple[str, str], int]
    timings: Mapping[str, Mapping[str, Reading]]


class Measure:
    """Takes the figures."""

    def __init__(self, *, database: Database, has_canary: bool = False) -> None:
        self._database = database
        self._has_canary = has_canary

    def __call__(self) -> Figures:
        """The figures now. Raises `ServiceUnavailable`."""
        with self._database.reading() as connection:
            canary = canary_state.read(connection) if self._has_canary else None
            return _figures(connection, canary)

    def apps(self) -> dict[str, Mapping[str, int]]:
        """What the recipients of each application are counted as that were accepted in this hour and the 23 before.

        The applications are those that had most accepted, and all others together. Raises `ServiceUnavailable`.
        """
        with self._database.reading() as connection:
            since = first_of_hour(clock(connection)) - _COUNTED_FOR
            numbers, names = counts.by_app(connection, since=since), apps.names(connection)
        return busiest({names[app]: of for app, of in numbers.items()}, by=Counted.ACCEPTED, most=_NAMED)

    def traffic(self) -> Traffic:
        """What is under way now. Raises `ServiceUnavailable`."""
        with self._database.reading() as connection:
            return traffic(connection)


def _figures(connection: Connection, canary: CanaryState | None) -> Figures:
    limit = COUNTED_UP_TO
    totals = tallies.totals(connection)
    due_notifications = backlog.due_notifications(connection, limit=limit)
    return Figures(
        now=clock(connection),
        sweeps=last_swept(connection),
        workers=heartbeats.count_alive(connection, kind=heartbeats.WORKER, within=_WORKER_SEEN_WITHIN),
        broker_last_seen=max(heartbeats.last_seen(connection, kind=heartbeats.CANARY).values(), default=None),
        email={lane: backlog.email(connection, lane, limit=limit) for lane in Lane},
        unconfirmed=backlog.in_state(connection, State.UNCONFIRMED, limit=limit),
        held=backlog.in_state(connection, State.HELD, limit=limit),
        due_notifications=due_notifications,
        parked=backlog.parked(connection, limit=limit),
        quarantined=backlog.quarantined(connection, limit=limit),
        circuits=Counter(one.scope.partition(":")[0] for one in circuits.all_open(connection)),
        incidents=incidents.count_open(connection, limit=limit),
        events={event: totals.get((event, ""), 0) for event in EVENTS},
        bounces={_type_and_cause(label): number for (what, label), number in totals.items() if what == BOUNCE},
        queues=queue_positions.figures(connection),
        canary=canary,
        smtp_doors=heartbeats.count_alive(connection, kind=heartbeats.SMTP, within=_WORKER_SEEN_WITHIN),
        smtp={counted: number for counted, number in totals.items() if counted[0].startswith(SMTP)},
        timings={histogram: read(totals, histogram) for histogram in BOUNDS},
    )


def _type_and_cause(label: str) -> tuple[str, str]:
    kind, _, cause = label.partition("/")
    return kind, cause


def last_swept(connection: Connection) -> dict[Sweep, datetime | None]:
    """When each sweep last succeeded."""
    seen = heartbeats.last_seen(connection, kind=heartbeats.SWEEPER)
    return {sweep: seen.get(f"sweep:{sweep}") for sweep in EVERY_S}
