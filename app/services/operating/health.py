"""Is everything there that mail needs? One check per part, each with a sentence for whoever is on call."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import column, inspect, select, table

from app.domain.errors import ServiceUnavailable
from app.services.measure import last_swept
from app.services.rhythm import EVERY_S
from app.services.upkeep import Sweep
from app.store import circuits, heartbeats
from app.store.db import Database, clock

_WORKER_SEEN_WITHIN: Final = timedelta(minutes=1)
_BROKER_HEARD_WITHIN: Final = timedelta(minutes=1)
_TURNS_MISSED: Final = 5
_SHORTEST_TURN_S: Final = 5.0
# Alembic's own table, named here: Alembic makes a new one each time, and what is compiled for each would be kept.
_VERSIONS: Final = table("alembic_version", column("version_num"))


@dataclass(frozen=True, slots=True)
class Check:
    """One part, whether it is well, and what to know about it. `required`: without it the gateway is not ready."""

    name: str
    ok: bool
    detail: str
    required: bool = True


class Health:
    """Checks the parts."""

    def __init__(self, *, database: Database, redis: Redis, head_revision: str | None) -> None:
        self._database = database
        self._redis = redis
        self._head_revision = head_revision

    def ready(self) -> tuple[Check, ...]:
        """Every check. Some are told but not required: mail is accepted and kept, and goes out, without them."""
        database = self._guarded("database", self._answers)
        if not database.ok:
            return (database, self._redis_check())
        migrations = self._guarded("migrations", self._is_migrated)
        if not migrations.ok:
            return (database, migrations, self._redis_check())
        return (
            database,
            migrations,
            self._guarded("worker", self._worker),
            self._redis_check(),
            self._guarded("broker", self._broker),
            self._guarded("sweeps", self._sweeps),
            self._guarded("circuits", self._circuits),
        )

    def _guarded(self, name: str, check: Callable[[], Check]) -> Check:
        try:
            return check()
        except ServiceUnavailable as error:
            return Check(name, ok=False, detail=error.detail)

    def _answers(self) -> Check:
        with self._database.reading() as connection:
            connection.exec_driver_sql("SELECT 1")
        return Check("database", ok=True, detail="It answers.")

    def _is_migrated(self) -> Check:
        with self._database.reading() as connection:
            is_there = inspect(connection).has_table(_VERSIONS.name)
            current = connection.scalar(select(_VERSIONS.c.version_num)) if is_there else None
        if current == self._head_revision:
            return Check("migrations", ok=True, detail=f"At {current}.")
        return Check(
            "migrations", ok=False, detail=f"At {current}, not at {self._head_revision}: run `alembic upgrade head`."
        )

    def _worker(self) -> Check:
        with self._database.reading() as connection:
            alive = heartbeats.count_alive(connection, kind=heartbeats.WORKER, within=_WORKER_SEEN_WITHIN)
        if alive:
            return Check("worker", ok=True, detail=f"{alive} worker processes were seen in the last minute.")
        return Check("worker", ok=False, detail="No worker was seen in the last minute: mail is accepted, but waits.")

    def _broker(self) -> Check:
        with self._database.reading() as connection:
            heard = heartbeats.count_alive(connection, kind=heartbeats.CANARY, within=_BROKER_HEARD_WITHIN)
        if heard:
            detail = f"Workers that it reached in the last minute: {heard}."
            return Check("broker", ok=True, detail=detail, required=False)
        detail = "Nothing came through it to any worker in the last minute: they look for work by themselves."
        return Check("broker", ok=False, detail=detail, required=False)

    def _sweeps(self) -> Check:
        with self._database.reading() as connection:
            now, last = clock(connection), last_swept(connection)
        late = {sweep: seen for sweep, seen in last.items() if seen is None or now - seen > _patience(sweep)}
        if not late:
            return Check("sweeps", ok=True, detail="Each succeeded lately.", required=False)
        told = ", ".join(
            f"{sweep} ({f'{seen:%Y-%m-%d %H:%M:%S} UTC' if seen else 'never'})" for sweep, seen in late.items()
        )
        return Check("sweeps", ok=False, detail=f"These have not succeeded lately: {told}.", required=False)

    def _circuits(self) -> Check:
        with self._database.reading() as connection:
            waiting = circuits.all_open(connection)
        if not waiting:
            return Check("circuits", ok=True, detail="Nothing is held back.", required=False)
        told = " ".join(f"{one.scope}: {one.reason}" for one in waiting)
        return Check("circuits", ok=False, detail=told, required=False)

    def _redis_check(self) -> Check:
        try:
            self._redis.ping()
        except RedisError as error:
            return Check("redis", ok=False, detail=f"{type(error).__name__}: SQL is asked instead.", required=False)
        return Check("redis", ok=True, detail="It answers.", required=False)


def _patience(sweep: Sweep) -> timedelta:
    """How long a sweep may not have succeeded. Whoever stands in for beat looks every five seconds, and no sooner."""
    return timedelta(seconds=_TURNS_MISSED * max(EVERY_S[sweep], _SHORTEST_TURN_S))
