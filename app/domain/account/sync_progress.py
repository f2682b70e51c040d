"""How far the synchronisation with SES's suppression list has got.

The state is saved in SQL after every call, so that any process can continue it. This module decides when a pass over
the list is due and what it has to read, and keeps count. It makes no call.
"""

from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self

from app.domain.suppression.rules import Origin

Json = dict[str, Any]

FULL_EVERY: Final = timedelta(days=1)
RECENT_EVERY: Final = timedelta(minutes=15)
OVERLAP: Final = timedelta(hours=2)
"""The next pass reads from this long before the last one began: the clocks of SES and the database may differ, and
entries that could not be decided in the first hour have to be seen again."""


class Stage(StrEnum):
    """The step of the synchronisation that is under way."""

    IDLE = "idle"
    LISTING = "listing"
    SEEKING = "seeking"
    LEAVING = "leaving"
    PUSHING = "pushing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a pass has to do.

    `adds`: our list follows SES's. `origins`: our entries of these origins are put on SES's list. `full`: all of SES's
    list is read. `accept_departures`: a list that has shrunk a lot is believed.
    """

    adds: bool = True
    origins: tuple[Origin, ...] = ()
    full: bool = False
    accept_departures: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPosition:
    """The state of the cursor.

    Of the pass under way: its `order`; `since`, the time from which it reads (None: all of the list); `token`, SES's
    name for the next page; `contested`, the addresses whose removal here SES's list contradicts; `after`, the last of
    our entries that was looked at; `leaving`, those that seem to have left SES's list, out of `from_ses` entries that
    came from there; `putting`, the one that is being put on SES's list.

    Of finished passes: `mirrored_at`, when the last full one began, and `size`, how many entries it saw; `followed_at`,
    when the last full one that our list follows began; `listed_at`, when the last one that our list follows began;
    `switched_off`, the reasons for which SES's list stopped no email when SES was last asked.
    """

    stage: Stage = Stage.IDLE
    order: Order = field(default_factory=Order)
    started_at: datetime | None = None
    since: datetime | None = None
    token: str | None = None
    restarts: int = 0
    pages: int = 0
    entries: int = 0
    contested: tuple[str, ...] = ()
    after: str = ""
    leaving: tuple[str, ...] = ()
    from_ses: int = 0
    putting: str = ""
    mirrored_at: datetime | None = None
    size: int = 0
    followed_at: datetime | None = None
    listed_at: datetime | None = None
    switched_off: tuple[str, ...] = ()
    rests_until: datetime | None = None
    push_rests_until: datetime | None = None

    @property
    def full(self) -> bool:
        """Whether the pass under way reads all of SES's list."""
        return self.since is None

    @classmethod
    def from_json(cls, state: Json) -> Self:
        """The state that was saved."""
        kept = {one.name: state[one.name] for one in fields(cls) if state.get(one.name) is not None}
        for name in kept.keys() & _TIMES:
            kept[name] = datetime.fromisoformat(kept[name])
        if "order" in kept:
            order = kept["order"]
            kept["order"] = Order(**{**order, "origins": tuple(map(Origin, order["origins"]))})
        if "stage" in kept:
            kept["stage"] = Stage(kept["stage"])
        lists = {name: tuple(kept.get(name, ())) for name in ("contested", "leaving", "switched_off")}
        return cls(**kept | lists)

    def to_json(self) -> Json:
        """The state as it is saved."""
        state = {one.name: getattr(self, one.name) for one in fields(self)}
        times = {name: time.isoformat() for name in _TIMES if (time := state[name]) is not None}
        order = {one.name: getattr(self.order, one.name) for one in fields(self.order)}
        return {name: value for name, value in state.items() if name not in _TIMES} | times | {"order": order}

    def is_due(self, now: datetime) -> bool:
        """Whether the schedule has something to do: continue a pass, or begin one."""
        if self.rests_until is not None and now < self.rests_until:
            return False
        return self.stage is not Stage.IDLE or self.listed_at is None or now - self.listed_at >= RECENT_EVERY

    def begin(self, order: Order, now: datetime) -> "SyncPosition":
        """The state at the beginning of a pass that does what `order` asks."""
        last = self.followed_at if order.adds else self.mirrored_at
        known = self.listed_at or self.mirrored_at
        full = order.full or last is None or known is None or now - last >= FULL_EVERY
        return SyncPosition(
            stage=Stage.LISTING,
            order=order,
            started_at=now,
            since=None if full or known is None else known - OVERLAP,
            mirrored_at=self.mirrored_at,
            size=self.size,
            followed_at=self.followed_at,
            listed_at=self.listed_at,
            push_rests_until=self.push_rests_until,
        )

    def take_up(self, order: Order, now: datetime) -> "SyncPosition":
        """The pass under way, extended by `order`, if it can do what that asks; else the beginning of one that can."""
        if self.stage is Stage.IDLE or self.order.adds < order.adds or self.full < order.full:
            return self.begin(order, now)
        more = set(order.origins) - set(self.order.origins)
        merged = replace(
            self.order,
            origins=tuple(sorted({*self.order.origins, *order.origins})),
            accept_departures=self.order.accept_departures or order.accept_departures,
        )
        again = more and self.stage is Stage.PUSHING
        return replace(self, order=merged, rests_until=None, after="" if again else self.after)

    def anew(self, now: datetime) -> "SyncPosition":
        """The same pass from its beginning, since SES no longer knows the page that comes next."""
        return replace(self, token=None, pages=0, entries=0, restarts=self.restarts + 1, started_at=now)

    def listed(self) -> "SyncPosition":
        """The state after the last page."""
        done = replace(self, token=None, after="")
        if self.full:
            done = replace(done, mirrored_at=self.started_at, size=self.entries)
        if not self.order.adds:
            return replace(done, stage=Stage.PUSHING)
        done = replace(done, listed_at=self.started_at)
        return replace(done, stage=Stage.SEEKING, followed_at=self.started_at) if self.full else done.departed()

    def departed(self) -> "SyncPosition":
        """The state after the entries that left SES's list were dealt with."""
        return replace(self, stage=Stage.PUSHING, after="", leaving=(), from_ses=0)

    def done(self) -> "SyncPosition":
        """The state of rest until the next pass is due."""
        return replace(self, stage=Stage.IDLE, after="", putting="", contested=(), leaving=(), from_ses=0)


_TIMES: Final = {one.name for one in fields(SyncPosition) if "datetime" in str(one.type)}


@dataclass(slots=True)
class Tally:
    """What a pass changed, and what it found but could not change.

    `to_put` is how many of our entries had to be put on SES's list.
    """

    pages: int = 0
    entries: int = 0
    added: int = 0
    unsuppressed: int = 0
    removed_at_ses: int = 0
    to_put: int = 0
    put_at_ses: int = 0
    refused_by_ses: int = 0
    undecided: int = 0
    restarts: int = 0
    departed_unbelieved: int = 0
    push_refused: str | None = None
    forgotten: int = 0

    @property
    def moved(self) -> int:
        """How many entries changed, on either list."""
        return self.added + self.unsuppressed + self.removed_at_ses + self.put_at_ses
