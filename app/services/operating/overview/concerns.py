"""What is wrong now, the worst first: each with what to do, and with what a person looks at next."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.domain.operating.check_fixes import FIXES
from app.domain.sending.circuit_words import what_to_do, what_waits
from app.services.operating.health import Check
from app.services.operating.metrics import COUNTED_UP_TO, Due, Figures
from app.store.sending.circuits import Circuit

_LATE: Final = timedelta(minutes=5)
_CIRCUITS: Final = "circuits"


class About(StrEnum):
    """What a concern is about."""

    SERVERS = "servers"
    CIRCUITS = "circuits"
    QUEUE = "queue"
    INCIDENTS = "incidents"
    HELD = "held"
    NOTIFICATIONS = "notifications"


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One thing that is wrong, and what to do about it. `stops`: email does not go out because of it."""

    about: About
    says: str
    todo: str
    stops: bool = False


def concerns(checks: Iterable[Check], circuits: Iterable[Circuit], figures: Figures) -> tuple[Concern, ...]:
    """All that is wrong; what stops email comes first."""
    found = (*_of_checks(checks), *_of_circuits(circuits), *_of_queues(figures), *_for_people(figures))
    return tuple(sorted(found, key=lambda one: not one.stops))


def _of_checks(checks: Iterable[Check]) -> Iterator[Concern]:
    for check in checks:
        if not check.ok and check.name != _CIRCUITS:
            says = f"{check.name.replace('_', ' ').capitalize()}: {check.detail}"
            yield Concern(about=About.SERVERS, says=says, todo=_sentence(FIXES[check.name]), stops=check.required)


def _of_circuits(circuits: Iterable[Circuit]) -> Iterator[Concern]:
    for one in circuits:
        says = f"{_sentence(what_waits(one.scope))} {one.reason}"
        yield Concern(about=About.CIRCUITS, says=says, todo=what_to_do(one.scope), stops=True)


def _of_queues(figures: Figures) -> Iterator[Concern]:
    for lane, due in figures.email.items():
        if minutes := _late(due, figures.now):
            says = f"The lane {lane} is behind: {_number(due.count)} waiting, the oldest for {minutes:,} minutes."
            todo = "If nothing else is wrong, the send rate of the account is the limit."
            yield Concern(about=About.QUEUE, says=says, todo=todo)
    if minutes := _late(figures.due_notifications, figures.now):
        waiting = _number(figures.due_notifications.count)
        says = f"Notifications are behind: {waiting} waiting, the oldest for {minutes:,} minutes."
        yield Concern(about=About.SERVERS, says=says, todo="Start more workers: bounces take effect late.")


def _for_people(figures: Figures) -> Iterator[Concern]:
    if figures.incidents:
        says = f"Open incidents: {_number(sum(figures.incidents.values()))} ({', '.join(sorted(figures.incidents))})."
        yield Concern(about=About.INCIDENTS, says=says, todo="Each says what to do about it.")
    if figures.held:
        says = f"Held emails: {_number(figures.held)}."
        yield Concern(about=About.HELD, says=says, todo="Decide about each: send it again, or discard it.")
    if figures.quarantined:
        says = f"Notifications that were set aside: {_number(figures.quarantined)}."
        yield Concern(about=About.NOTIFICATIONS, says=says, todo="Look at them, and have them read again.")


def _late(due: Due, now: datetime) -> int:
    """For how many minutes the oldest has been due; 0 while that is no trouble."""
    waited = now - due.since if due.since is not None else timedelta()
    return int(waited.total_seconds() // 60) if waited > _LATE else 0


def _number(count: int) -> str:
    return f"more than {COUNTED_UP_TO - 1:,}" if count >= COUNTED_UP_TO else f"{count:,}"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
