"""Where reading SES's list, and putting ours there, has got to: kept in SQL after every call, so that any process goes
on from there.

It decides when a pass over the list is due and what it has to read, and keeps count. It makes no call.
"""

from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self

from app.domain.suppression import Origin

Json = dict[str, Any]

FULL_EVERY: Final = timedelta(days=1)
RECENT_EVERY: Final = timedelta(minutes=15)
OVERLAP: Final = timedelta(hours=2)
"""So much further back than the last pass began does the next one look: the clocks of SES and the database may differ,
and what could not be decided in the first hour has to be seen again."""


class Stage(StrEnum):
    """What is under way."""

    IDLE = "idle"
    LISTING = "listing"
    SEEKING = "seeking"
    LEAVING = "leaving"
    PUSHING = "pushing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for: whether our list follows SES's, which of our entries SES is told of, whether all of SES's list
    is read, and whether a list that has shrunk a lot is believed.
    """

    adds: bool = True
    origins: tuple[Origin, ...] = ()
    full: bool = False
    accept_departures: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The state of the cursor.

    Of the pass under way: what was ordered, from when on it reads (`since`), SES's name for the next page, addresses
    whose removal here SES's list contradicts, the last of our entries that was looked at, those that seem to have left
    SES's list of how many that came from there, and the one that is being put at SES. Of finished ones: when the last
    full one began and how many entries it saw, when the last full one that our list follows began, and when any.
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
    rests_until: datetime | None = None
    push_rests_until: datetime | None = None

    @property
    def full(self) -> bool:
        """Whether the pass under way reads all of SES's list."""
        return self.since is None

    @classmethod
    def from_json(cls, state: Json) -> Self:
        """The place that was kept."""
        kept = {one.name: state[one.name] for one in fields(cls) if state.get(one.name) is not None}
        for name in kept.keys() & _TIMES:
            kept[name] = datetime.fromisoformat(kept[name])
        if "order" in kept:
            order = kept["order"]
            kept["order"] = Order(**{**order, "origins": tuple(map(Origin, order["origins"]))})
        if "stage" in kept:
            kept["stage"] = Stage(kept["stage"])
        lists = {name: tuple(kept.get(name, ())) for name in ("contested", "leaving")}
        return cls(**kept | lists)

    def to_json(self) -> Json:
        """What is kept."""
        state = {one.name: getattr(self, one.name) for one in fields(self)}
        times = {name: time.isoformat() for name in _TIMES if (time := state[name]) is not None}
        order = {one.name: getattr(self.order, one.name) for one in fields(self.order)}
        return {name: value for name, value in state.items() if name not in _TIMES} | times | {"order": order}

    def is_due(self, now: datetime) -> bool:
        """Whether the schedule has something to do: go on, or begin a pass."""
        if self.rests_until is not None and now < self.rests_until:
            return False
        return self.stage is not Stage.IDLE or self.listed_at is None or now - self.listed_at >= RECENT_EVERY

    def begin(self, order: Order, now: datetime) -> "Place":
        """At the beginning of a pass that does what is ordered."""
        last = self.followed_at if order.adds else self.mirrored_at
        known = self.listed_at or self.mirrored_at
        full = order.full or last is None or known is None or now - last >= FULL_EVERY
        return Place(
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

    def take_up(self, order: Order, now: datetime) -> "Place":
        """Further with the pass under way if that leads to what is ordered, else at the beginning of one that does."""
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

    def anew(self, now: datetime) -> "Place":
        """At the beginning of the same pass, since SES has lost the page that comes next."""
        return replace(self, token=None, pages=0, entries=0, restarts=self.restarts + 1, started_at=now)

    def listed(self) -> "Place":
        """After the last page."""
        done = replace(self, token=None, after="")
        if self.full:
            done = replace(done, mirrored_at=self.started_at, size=self.entries)
        if not self.order.adds:
            return replace(done, stage=Stage.PUSHING)
        done = replace(done, listed_at=self.started_at)
        return replace(done, stage=Stage.SEEKING, followed_at=self.started_at) if self.full else done.departed()

    def departed(self) -> "Place":
        """After those who left SES's list."""
        return replace(self, stage=Stage.PUSHING, after="", leaving=(), from_ses=0)

    def done(self) -> "Place":
        """At rest until the next pass is due."""
        return replace(self, stage=Stage.IDLE, after="", putting="", contested=(), leaving=(), from_ses=0)


_TIMES: Final = {one.name for one in fields(Place) if "datetime" in str(one.type)}


@dataclass(slots=True)
class Tally:
    """What was done, and what was met that nothing can be done about; `to_put` is how many there were to put at SES."""

    pages: int = 0
    entries: int = 0
    added: int = 0
    lifted: int = 0
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
        return self.added + self.lifted + self.removed_at_ses + self.put_at_ses
