"""Is everything there that email needs? One check per part, each with a sentence for the person on call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import structlog
from redis import Redis

from app.aws.ses.mailer import TransportChoice
from app.aws.sns.certificates import SigningCertificate
from app.domain.errors import ServiceUnavailable
from app.domain.operating.revisions import CodeRevisions, Fit
from app.services.operating.canary import state as canary_state
from app.services.operating.key_rotation import Rotation
from app.services.operating.metrics import last_swept
from app.services.operating.sweeps import EVERY_S, Sweep
from app.store.engine import redis_trouble
from app.store.engine.clock import host_clock
from app.store.engine.database import Database, clock
from app.store.engine.database_trouble import is_read_only
from app.store.feedback import certificates, queue_positions
from app.store.operating import heartbeats, schema, server_timeline
from app.store.sending import circuits

log = structlog.get_logger()

_WORKER_SEEN_WITHIN: Final = timedelta(minutes=1)
_BROKER_HEARD_WITHIN: Final = timedelta(minutes=1)
_QUEUE_POLLED_WITHIN: Final = timedelta(minutes=2)
_TURNS_MISSED: Final = 5
_ENDS_SOON: Final = timedelta(days=14)
_SHORTEST_TURN_S: Final = 5.0
_READ_ONLY: Final = (
    "It takes no writes, since `default_transaction_read_only` is on: if that was set for a full disk, free space and "
    "turn it off."
)
_SAYS_NOTHING: Final = (
    "It does not say which server it is, so no fail-over is noticed: after one run `./postern recovery begin`."
)
_WITHOUT_BROKER: Final = "Meanwhile workers look for work by themselves."


@dataclass(frozen=True, slots=True)
class Check:
    """One part, whether it works, and details. `required`: without it the gateway is not ready."""

    name: str
    ok: bool
    detail: str
    required: bool = True


class Health:
    """Checks the parts. `broker` is the Redis that carries the bells, None if that is not Redis."""

    def __init__(
        self,
        *,
        database: Database,
        redis: Redis,
        broker: Redis | None,
        rotation: Rotation,
        code: CodeRevisions,
        pinned: SigningCertificate | None = None,
        signing_names: frozenset[str] = frozenset(),
        queues: Mapping[str, str] = MappingProxyType({}),
        transport: TransportChoice | None = None,
        has_canary: bool = False,
        has_smtp: bool = False,
    ) -> None:
        """`pinned` is the certificate of `SNS_PINNED_CERTIFICATE`; `signing_names` are those in the topics' own.

        `queues` has the name of each queue that is to be polled, by the cursor of its first poller.
        `transport` is what the settings and the environment of this process choose to carry email to SES.
        `has_canary`: canaries are sent. `has_smtp`: an SMTP door is configured.
        """
        self._database = database
        self._redis = redis
        self._redis_of_broker = broker
        self._rotation = rotation
        self._code = code
        self._pinned = pinned
        self._signing_names = signing_names
        self._queues = queues
        self._transport = transport
        self._has_canary = has_canary
        self._has_smtp = has_smtp

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()
        if self._redis_of_broker is not None:
            self._redis_of_broker.close()

    def ready(self) -> tuple[Check, ...]:
        """Every check. Some are not required: email is accepted, kept and sent without them."""
        database = self._guarded("database", self._answers)
        if not database.ok:
            return (database, self._redis_check())
        migrations = self._guarded("migrations", self._is_migrated)
        if not migrations.ok:
            return (database, migrations, self._redis_check())
        database = self._guarded("database", self._says_where_it_is)
        return (
            database,
            migrations,
            self._guarded("keys", self._keys),
            self._guarded("worker", self._worker),
            self._redis_check(),
            self._guarded("broker", self._broker),
            self._guarded("sweeps", self._sweeps),
            self._guarded("circuits", self._circuits),
            *([_transport_check(self._transport)] if self._transport else []),
            self._guarded("signing_certificate", self._certificate),
            *([self._guarded("queues", self._polled)] if self._queues else []),
            *([self._guarded("canary", self._canary)] if self._has_canary else []),
            *([self._guarded("smtp", self._smtp)] if self._has_smtp else []),
        )

    def look_at_start(self) -> None:
        """Log what is wrong with the pinned certificate, by this host's clock; no service is asked.

        The process starts all the same: it accepts email, and SNS keeps notifications that are not believed.
        """
        if self._pinned is not None and not (check := self._of_pinned(self._pinned, host_clock())).ok:
            log.error("pinned_certificate_not_fit", detail=check.detail)

    def _guarded(self, name: str, check: Callable[[], Check]) -> Check:
        try:
            return check()
        except ServiceUnavailable as error:
            return Check(name, ok=False, detail=self._database.trouble(error))

    def _answers(self) -> Check:
        with self._database.reading() as connection:
            if is_read_only(connection):
                return Check("database", ok=False, detail=_READ_ONLY)
        return Check("database", ok=True, detail="It answers.")

    def _says_where_it_is(self) -> Check:
        with self._database.reading() as connection:
            if server_timeline.reports_timeline(connection):
                return Check("database", ok=True, detail="It answers.")
        return Check("database", ok=True, detail=f"It answers. {_SAYS_NOTHING}")

    def _is_migrated(self) -> Check:
        with self._database.reading() as connection:
            found = schema.revision(connection)
            oldest_code = schema.oldest_code(connection) if found not in {None, *self._code.contained} else None
        fit = self._code.fit(found, oldest_code)
        at, needed = f"At {found}", f"not at {self._code.head}"
        said = {
            Fit.SAME: f"{at}.",
            Fit.BEHIND: f"{at}, {needed}: run `alembic upgrade head`.",
            Fit.AHEAD: f"{at}, of a later release; this code, of {self._code.head}, may run with it.",
            Fit.TOO_FAR: f"{at}, of a later release, where code needs {oldest_code}: start that release here.",
        }
        return Check("migrations", ok=fit in {Fit.SAME, Fit.AHEAD}, detail=said[fit])

    def _keys(self) -> Check:
        trouble = self._rotation.trouble()
        if trouble is None:
            return Check("keys", ok=True, detail="They open what is needed.")
        return Check("keys", ok=False, detail=trouble.detail, required=trouble.stops_all)

    def _worker(self) -> Check:
        with self._database.reading() as connection:
            alive = heartbeats.count_alive(connection, kind=heartbeats.WORKER, within=_WORKER_SEEN_WITHIN)
        if alive:
            return Check("worker", ok=True, detail=f"{alive} worker processes were seen in the last minute.")
        return Check("worker", ok=False, detail="No worker was seen in the last minute: email is accepted, but waits.")

    def _smtp(self) -> Check:
        with self._database.reading() as connection:
            alive = heartbeats.count_alive(connection, kind=heartbeats.SMTP, within=_WORKER_SEEN_WITHIN)
        if alive:
            return Check(
                "smtp", ok=True, detail=f"SMTP doors that were seen in the last minute: {alive}.", required=False
            )
        detail = "No SMTP door was seen in the last minute: start `./postern smtp`. The API accepts email meanwhile."
        return Check("smtp", ok=False, detail=detail, required=False)

    def _broker(self) -> Check:
        trouble = self._redis_of_broker and redis_trouble.of_broker(self._redis_of_broker)
        if trouble:
            return Check("broker", ok=False, detail=f"{trouble} {_WITHOUT_BROKER}", required=False)
        evicting = self._redis_of_broker and redis_trouble.may_evict(self._redis_of_broker)
        if evicting:
            return Check("broker", ok=False, detail=evicting, required=False)
        with self._database.reading() as connection:
            reached = heartbeats.count_alive(connection, kind=heartbeats.CANARY, within=_BROKER_HEARD_WITHIN)
        if reached:
            detail = f"Workers that it reached in the last minute: {reached}."
            return Check("broker", ok=True, detail=detail, required=False)
        detail = f"Nothing came through it to any worker in the last minute. {_WITHOUT_BROKER}"
        return Check("broker", ok=False, detail=detail, required=False)

    def _sweeps(self) -> Check:
        with self._database.reading() as connection:
            now, last = clock(connection), last_swept(connection)
        late = {sweep: seen for sweep, seen in last.items() if seen is None or now - seen > _patience(sweep)}
        if not late:
            return Check("sweeps", ok=True, detail="Each succeeded recently.", required=False)
        names = ", ".join(f"{sweep} ({_when(seen)})" for sweep, seen in late.items())
        return Check("sweeps", ok=False, detail=f"These have not succeeded recently: {names}.", required=False)

    def _circuits(self) -> Check:
        with self._database.reading() as connection:
            waiting = circuits.all_open(connection)
        if not waiting:
            return Check("circuits", ok=True, detail="Nothing is held back.", required=False)
        reasons = " ".join(f"{one.scope}: {one.reason}" for one in waiting)
        return Check("circuits", ok=False, detail=reasons, required=False)

    def _polled(self) -> Check:
        with self._database.reading() as connection:
            now = clock(connection)
            polled = {name: queue_positions.polled_at(connection, cursor) for cursor, name in self._queues.items()}
        late = {name: seen for name, seen in polled.items() if seen is None or now - seen > _QUEUE_POLLED_WITHIN}
        if not late:
            return Check("queues", ok=True, detail="Each was polled recently.", required=False)
        names = ", ".join(f"{name} ({_when(seen)})" for name, seen in late.items())
        detail = f"No worker has polled these recently: {names}. Their notifications wait in them."
        return Check("queues", ok=False, detail=detail, required=False)

    def _canary(self) -> Check:
        with self._database.reading() as connection:
            found = canary_state.read(connection)
        last = "None has come back yet."
        if found.back_at is not None and found.seconds is not None:
            last = f"The last one came back at {found.back_at:%Y-%m-%d %H:%M:%S} UTC, after {found.seconds:.1f} s."
        if not found.missed:
            return Check("canary", ok=True, detail=last, required=False)
        missing = f"Missing in a row: {found.missed}. So events may not arrive. {last}"
        return Check("canary", ok=False, detail=missing, required=False)

    def _certificate(self) -> Check:
        with self._database.reading() as connection:
            now, newest = clock(connection), certificates.newest(connection)
        if self._pinned is not None:
            return self._of_pinned(self._pinned, now)
        if newest is None:
            return _certificate_check(ok=True, detail="None was needed yet.")
        until = f"{newest.valid_until:%Y-%m-%d}"
        if newest.valid_until >= now:
            return _certificate_check(ok=True, detail=f"The newest is valid until {until}.")
        return _certificate_check(
            ok=False,
            detail=f"The newest was valid until {until}, and by the database's clock that is over: no notification is "
            "believed. Look at that clock, and whether this host reaches SNS.",
        )

    def _of_pinned(self, pinned: SigningCertificate, now: datetime) -> Check:
        dates = f"{pinned.not_before:%Y-%m-%d} to {pinned.not_after:%Y-%m-%d}"
        if not self._signing_names <= pinned.names:
            wanted = ", ".join(sorted(self._signing_names))
            wrong = f"does not carry the name that the topics' region signs with ({wanted})"
        elif not pinned.is_valid_at(now):
            wrong = f"is valid from {dates}, and by the clock it is {now:%Y-%m-%d}"
        elif not pinned.is_valid_at(now + _ENDS_SOON):
            return _certificate_check(
                ok=False, detail=f"The pinned one is valid from {dates}: put AWS's next one in SNS_PINNED_CERTIFICATE."
            )
        else:
            return _certificate_check(ok=True, detail=f"The pinned one is valid from {dates}.")
        return _certificate_check(
            ok=False,
            detail=f"The pinned one {wrong}: no notification is believed. Put AWS's present certificate in "
            "SNS_PINNED_CERTIFICATE and restart the web.",
        )

    def _redis_check(self) -> Check:
        trouble = redis_trouble.of_positives(self._redis)
        if trouble:
            return Check("redis", ok=False, detail=f"{trouble} Meanwhile SQL is asked instead.", required=False)
        if evicting := redis_trouble.may_evict(self._redis):
            return Check("redis", ok=False, detail=evicting, required=False)
        return Check("redis", ok=True, detail="It takes what is written.", required=False)


def _when(seen: datetime | None) -> str:
    return f"{seen:%Y-%m-%d %H:%M:%S} UTC" if seen else "never"


def _transport_check(chosen: TransportChoice) -> Check:
    return Check("transport", ok=True, detail=f"{chosen.name}, since {chosen.why}.", required=False)


def _certificate_check(*, ok: bool, detail: str) -> Check:
    return Check("signing_certificate", ok=ok, detail=detail, required=False)


def _patience(sweep: Sweep) -> timedelta:
    """How long a sweep may go without success. A stand-in for beat looks only every five seconds."""
    return timedelta(seconds=_TURNS_MISSED * max(EVERY_S[sweep], _SHORTEST_TURN_S))
