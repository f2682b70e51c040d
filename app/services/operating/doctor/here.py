"""The checks of the gateway itself: settings, clock, database, Redis, broker, workers, and what was refused here.

What `/readyz` checks is checked by the same code (`app.services.operating.health`). While the database is away, what
needs it is unknown.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from app.domain.account.findings import Finding, Group, judged, unknown, warning, well, wrong
from app.domain.errors import ServiceUnavailable
from app.domain.operating.check_fixes import FIXES
from app.services.feedback.queues.intake import NOT_POLLED
from app.services.feedback.queues.store_batch import MESSAGE_REFUSED, MESSAGE_WAITS
from app.services.feedback.rejections import DOUBTED, REFUSED
from app.services.operating.health import Check, Health
from app.store.apps import keys
from app.store.engine.database import Database, clock
from app.store.feedback import queue_positions
from app.store.feedback.queue_positions import QueuePosition
from app.store.operating import incidents
from app.store.sending import circuits

_MOST_INCIDENTS: Final = 1_000
_CLOCKS_DIFFER: Final = timedelta(seconds=30)
_OLD: Final = timedelta(minutes=5)
_ABOUT_FEEDBACK: Final = frozenset(
    {REFUSED, DOUBTED, "feedback_unsubscribed", MESSAGE_REFUSED, MESSAGE_WAITS, NOT_POLLED}
)
_SAYS_MORE: Final = frozenset({"transport"})
"""Checks whose detail is of interest although they passed."""
_IN_A_MOMENT: Final = ("broker", "sweeps")
_TURNS: Final = 20
_TURN_S: Final = 1.0
_NEEDING_THE_DATABASE: Final = ("keys", "worker", "broker", "sweeps", "circuits", "notifications")


class LookHere:
    """Makes these checks. Safe to run on a gateway that works."""

    def __init__(
        self,
        *,
        database: Database,
        health: Health,
        host_clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
        turns: int = _TURNS,
    ) -> None:
        """`turns`: how many seconds workers that have just started get."""
        self._database = database
        self._health = health
        self._host_clock = host_clock
        self._sleep = sleep
        self._turns = turns

    def __call__(self, *, misspelt: Mapping[str, str]) -> Iterator[Finding]:
        """The findings. `misspelt` are names that look like settings, each with the setting that it resembles."""
        yield _settings(misspelt)
        checks = self._settled()
        database = checks["database"]
        if not database.ok:
            yield unknown(Group.HERE, "database", database.detail, FIXES["database"])
        for check in checks.values():
            if check.name not in {"database", "circuits"} or (check.name == "database" and check.ok):
                yield _of(check)
        if not database.ok or not checks.get("migrations", database).ok:
            for name in _NEEDING_THE_DATABASE:
                yield unknown(Group.HERE, name, "needs the database", "as above")
            return
        try:
            yield from self._of_rows()
        except ServiceUnavailable as error:
            yield unknown(Group.HERE, "database", self._database.trouble(error), FIXES["database"])

    def _settled(self) -> dict[str, Check]:
        """What `/readyz` checks. Workers that have just started get a moment for what they have not done yet."""
        for _ in range(self._turns):
            checks = {check.name: check for check in self._health.ready()}
            works = "worker" in checks and checks["worker"].ok
            if not works or all(checks[name].ok for name in _IN_A_MOMENT):
                break
            self._sleep(_TURN_S)
        return checks

    def senders(self) -> tuple[str, ...] | None:
        """The senders of the applications that have a valid key; None while the database cannot be used."""
        try:
            with self._database.reading() as connection:
                now = clock(connection)
                valid = [
                    key
                    for key in keys.all_keys(connection)
                    if key.revoked_at is None
                    and (key.expires_at is None or key.expires_at > now)
                    and key.app.archived_at is None
                ]
        except ServiceUnavailable:
            return None
        return tuple(sorted({sender for key in valid for sender in key.app.senders}))

    def _of_rows(self) -> Iterator[Finding]:
        with self._database.reading() as connection:
            now, ours = clock(connection), self._host_clock()
            waiting = circuits.all_open(connection)
            open_incidents = incidents.all_open(connection, limit=_MOST_INCIDENTS)
            queues = queue_positions.figures(connection)
        yield _clock(ours - now)
        yield from _circuits(waiting)
        yield from (_age(one, now) for one in queues)
        about = [one for one in open_incidents if one.kind in _ABOUT_FEEDBACK]
        if not about:
            yield well(Group.HERE, "notifications")
        for one in about:
            found = f"{one.subject}, {one.last_at:%Y-%m-%d %H:%M} UTC: {one.detail}"
            yield wrong(Group.HERE, "notifications", found, f"mend it, then `./postern incidents close {one.id}`")


def _settings(misspelt: Mapping[str, str]) -> Finding:
    named = ", ".join(f"{name} (meant {meant}?)" for name, meant in misspelt.items())
    fix = "correct the name: as it is, it has no effect"
    return judged(Group.HERE, "settings", ok=not misspelt, found=named, fix=fix)


def _of(check: Check) -> Finding:
    if check.ok:
        return well(Group.HERE, check.name, check.detail.rstrip(".") if check.name in _SAYS_MORE else "")
    return wrong(Group.HERE, check.name, check.detail, FIXES[check.name])


def _clock(ahead: timedelta) -> Finding:
    """Notifications are judged by the database's clock, signatures of calls to AWS by this host's."""
    found = f"{abs(ahead.total_seconds()):.1f} s {'behind' if ahead > timedelta() else 'ahead of'} ours"
    if abs(ahead) > _CLOCKS_DIFFER:
        return wrong(Group.HERE, "clock", f"the database's is {found}", "set both clocks: run an NTP client")
    return well(Group.HERE, "clock")


def _age(queue: QueuePosition, now: datetime) -> Finding:
    """How old the oldest message of the last poll was."""
    age = now - queue.oldest_sent_at if queue.oldest_sent_at is not None else timedelta()
    name, found = f"oldest in {queue.queue}", f"{age.total_seconds():.0f} s"
    if age > _OLD:
        return warning(Group.QUEUES, name, found, "bounces take effect late: see that workers poll it, and their log")
    return well(Group.QUEUES, name, found)


def _circuits(waiting: tuple[circuits.Circuit, ...]) -> Iterator[Finding]:
    if not waiting:
        yield well(Group.HERE, "circuits")
    for one in waiting:
        name = f"circuit {one.scope}"
        if one.probe_at is not None:
            yield wrong(Group.HERE, name, one.reason, "it closes by itself once its cause is gone")
        elif one.scope == "recovery":
            yield warning(Group.HERE, name, one.reason, "`./postern recovery status` says when it may end")
        else:
            resume = f"`./postern resume {one.scope.partition(':')[2]}` ends the pause"
            yield warning(Group.HERE, name, one.reason, resume)
