"""The timeline of an email as its page draws it: step by step, each with a name, its time and its facts."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.services.submission.timeline import TimelineEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. `look` is a colour of the style sheet, `after` the time since the step before, in words."""

    at: datetime
    after: str
    name: str
    look: str
    detail: str
    effect: str
    facts: tuple[tuple[str, str], ...]


_NAMES: Final = {
    "accepted": ("Accepted", "good"),
    "suppressed": ("Not sent: suppressed", "warn"),
    "expired": ("Not sent: expired", "warn"),
    "canceled": ("Canceled", "warn"),
    "send": ("SES has sent it", "good"),
    "reject": ("Rejected by SES", "bad"),
    "bounce": ("Bounced", "bad"),
    "complaint": ("Reported as unwanted", "bad"),
    "delivery": ("Delivered", "good"),
    "delivery_delay": ("Delayed", "warn"),
    "open": ("Opened", "good"),
    "click": ("Link clicked", "good"),
    "rendering_failure": ("Not rendered by SES", "bad"),
    "subscription": ("Subscription changed", "unsure"),
}
_ANSWERS: Final = {
    "accepted": ("Answered by SES", "good"),
    "not_sent": ("Not sent", "warn"),
    "rejected": ("Refused by SES", "bad"),
    "unknown": ("No answer from SES", "unsure"),
}
_CLAIMED: Final = ("Given to SES", "going")
_CALLED: Final = "A worker claimed the email and calls SES."


def steps_of(timeline: Iterable[TimelineEntry]) -> Mapping[UUID, tuple[Step, ...]]:
    """The steps of each recipient, oldest first."""
    entries: dict[UUID, list[TimelineEntry]] = {}
    for entry in timeline:
        entries.setdefault(entry.recipient_id, []).append(entry)
    return {recipient_id: tuple(_in_order(found)) for recipient_id, found in entries.items()}


def _in_order(entries: Iterable[TimelineEntry]) -> Iterator[Step]:
    steps = sorted((step for entry in entries for step in _steps(entry)), key=lambda step: step[0])
    before: datetime | None = None
    for at, named, entry in steps:
        is_call = named is _CLAIMED
        yield Step(
            at=at,
            after=_elapsed(at - before) if before else "",
            name=named[0],
            look=named[1],
            detail=_CALLED if is_call else entry.detail,
            effect="" if is_call else entry.effect,
            facts=() if is_call or entry.type == "accepted" else tuple(_facts(entry.data)),
        )
        before = at


def _steps(entry: TimelineEntry) -> Iterator[tuple[datetime, tuple[str, str], TimelineEntry]]:
    """A call has two steps: it began, and it was answered."""
    if entry.type != "attempt":
        yield entry.at, _NAMES.get(entry.type, ("Another event", "unsure")), entry
        return
    yield entry.at, _CLAIMED, entry
    if entry.ended_at is not None:
        yield entry.ended_at, _ANSWERS[entry.data["outcome"]], entry


def _facts(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in data.items():
        if value not in (None, "", [], {}):
            yield name.replace("_", " "), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _elapsed(time: timedelta) -> str:
    """`0.2 s`, `40 s`, `12 min`, `3 h`, `2 days`: one number is enough to see what took long."""
    seconds = time.total_seconds()
    for least, unit, name in ((172_800, 86_400, "days"), (7_200, 3_600, "h"), (120, 60, "min"), (10, 1, "s")):
        if seconds >= least:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.2g} s" if seconds >= 0.001 else ""
