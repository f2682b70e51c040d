"""The plan of faults: a list that follows from the seed alone.

It decides kinds, times and durations. Two faults never hit one target at once. `tests.chaos.faults.nemesis` applies
them.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tests.chaos.drill import DatabaseKind, Drill

FAULTS_PER_S = 0.34
FIRST_S, LAST_MARGIN_S = 2.0, 1.0
# Longer than all attempts of an email, of which there are `ATTEMPTS`: two waits of up to 2 s and 4 s, and three calls.
ATTEMPTS = 3
OUTAGE_S = (7.0, 12.0)
RECOVERY_S = 1.5


class Target(StrEnum):
    """The target of a fault."""

    WEB = "web"
    SMTP = "smtp"
    WORKER = "worker"
    BEAT = "beat"
    REDIS = "redis"
    DATABASE = "database"
    SES = "ses"
    EVENTS = "events"
    WEBHOOK = "webhook"
    RECEIVER = "receiver"
    KEYS = "keys"


class Kind(StrEnum):
    """The kind of a fault."""

    KILL = "kill"
    KILL_CHILD = "kill_child"
    KILL_BUSY = "kill_busy"
    FREEZE = "freeze"
    FLUSH = "flush"
    RESET = "reset"
    BLACK_HOLE = "black_hole"
    LATE = "late"
    CUT = "cut"
    RULE = "rule"
    STREAM = "stream"
    SLOW_SOCKETS = "slow_sockets"
    GONE = "gone"
    ROTATE = "rotate"
    ROTATE_AT_ONCE = "rotate_at_once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """One sort of fault: its length in seconds, its frequency compared to others, and its details.

    `rule` is a fault rule of the simulator, `stream` its stream faults. A `whole` fault begins only where there is
    time for all of it. `rests` is how long its target is left alone afterwards.
    """

    target: Target
    kind: Kind
    lasts: tuple[float, float] = (0.0, 0.0)
    weight: int = 2
    rule: str = ""
    rate: float = 1.0
    ms: int | None = None
    stream: str = ""
    past_the_lease: bool = False
    lossy: bool = False
    whole: bool = False
    rests: float = RECOVERY_S

    @property
    def name(self) -> str:
        """The name under which the report counts it."""
        return f"{self.target}:{self.rule or self.stream or self.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault at its time, in seconds from the start of the drill."""

    at: float
    lasts: float
    blow: Blow

    @property
    def ends(self) -> float:
        """The time of its end."""
        return self.at + self.lasts


_PROCESSES = (
    Blow(target=Target.WEB, kind=Kind.KILL_CHILD, weight=6),
    Blow(target=Target.WEB, kind=Kind.KILL),
    Blow(target=Target.WEB, kind=Kind.SLOW_SOCKETS, lasts=(3.0, 8.0), weight=4),
    Blow(target=Target.SMTP, kind=Kind.KILL, weight=6),
    Blow(target=Target.SMTP, kind=Kind.KILL_BUSY, lasts=(5.0, 7.0), weight=9, whole=True),
    Blow(target=Target.SMTP, kind=Kind.FREEZE, lasts=(1.0, 4.0)),
    Blow(target=Target.SMTP, kind=Kind.RESET, lasts=(0.1, 1.0)),
    Blow(target=Target.SMTP, kind=Kind.CUT, lasts=(0.5, 1.5), weight=4),
    Blow(target=Target.WORKER, kind=Kind.KILL_CHILD, weight=9),
    Blow(target=Target.WORKER, kind=Kind.KILL, weight=9),
    Blow(target=Target.WORKER, kind=Kind.FREEZE, weight=6, past_the_lease=True),
    Blow(target=Target.BEAT, kind=Kind.KILL),
)
_REDIS = (
    Blow(target=Target.REDIS, kind=Kind.KILL, lasts=(0.2, 3.0), weight=9),
    Blow(target=Target.REDIS, kind=Kind.FLUSH, weight=6),
    Blow(target=Target.REDIS, kind=Kind.FREEZE, lasts=(1.0, 5.0)),
    Blow(target=Target.REDIS, kind=Kind.RESET, lasts=(0.1, 1.0)),
    Blow(target=Target.REDIS, kind=Kind.BLACK_HOLE, lasts=(1.0, 4.0), weight=1),
)
_DATABASE = (
    Blow(target=Target.DATABASE, kind=Kind.KILL, lasts=(0.2, 3.0), weight=9),
    Blow(target=Target.DATABASE, kind=Kind.FREEZE, lasts=(1.0, 4.0)),
    Blow(target=Target.DATABASE, kind=Kind.RESET, lasts=(0.1, 1.0), weight=3),
    Blow(target=Target.DATABASE, kind=Kind.CUT, lasts=(0.5, 1.5)),
    Blow(target=Target.DATABASE, kind=Kind.BLACK_HOLE, lasts=(1.0, 4.0), weight=1),
    Blow(target=Target.DATABASE, kind=Kind.LATE, lasts=(1.0, 3.0), weight=1),
)
_SES = (
    Blow(target=Target.SES, kind=Kind.RULE, rule="429", rate=0.3, lasts=(1.0, 2.0)),
    Blow(target=Target.SES, kind=Kind.RULE, rule="500_before", rate=0.3, lasts=(0.5, 1.5)),
    Blow(target=Target.SES, kind=Kind.RULE, rule="500_after", rate=0.3, lasts=(0.5, 1.5)),
    Blow(target=Target.SES, kind=Kind.RULE, rule="close_before", rate=0.3, lasts=(0.5, 1.5)),
    Blow(target=Target.SES, kind=Kind.RULE, rule="close_after", rate=0.3, lasts=(0.5, 1.5)),
    Blow(target=Target.SES, kind=Kind.RULE, rule="hang_before", rate=0.1, ms=25_000, lasts=(0.5, 1.0), weight=1),
    Blow(target=Target.SES, kind=Kind.RULE, rule="hang_after", rate=0.1, ms=25_000, lasts=(0.5, 1.0), weight=1),
    Blow(target=Target.SES, kind=Kind.RULE, rule="no_message_id", rate=0.3, lasts=(0.5, 1.0), weight=1),
    Blow(target=Target.SES, kind=Kind.RULE, rule="latency", rate=0.5, ms=1500, lasts=(1.0, 2.0)),
    Blow(target=Target.SES, kind=Kind.RULE, rule="400:BadRequestException", rate=0.05, lasts=(0.5, 1.0), weight=1),
    Blow(
        target=Target.SES,
        kind=Kind.RULE,
        rule="400:LimitExceededException:Daily message quota exceeded.",
        lasts=(0.5, 1.0),
        weight=1,
    ),
    Blow(target=Target.SES, kind=Kind.RESET, lasts=(0.1, 1.0)),
    Blow(target=Target.SES, kind=Kind.CUT, lasts=(0.5, 1.0)),
    Blow(target=Target.SES, kind=Kind.BLACK_HOLE, lasts=(1.0, 4.0), weight=1),
    Blow(target=Target.SES, kind=Kind.GONE, lasts=OUTAGE_S, weight=6, whole=True),
)
_EVENTS = (
    Blow(target=Target.EVENTS, kind=Kind.STREAM, stream="late", lasts=(4.0, 8.0)),
    Blow(target=Target.EVENTS, kind=Kind.STREAM, stream="doubled", lasts=(4.0, 8.0)),
    Blow(target=Target.EVENTS, kind=Kind.STREAM, stream="shuffled", lasts=(4.0, 8.0)),
    Blow(target=Target.EVENTS, kind=Kind.STREAM, stream="early", lasts=(2.0, 5.0)),
    Blow(target=Target.EVENTS, kind=Kind.STREAM, stream="lost", lasts=(3.0, 6.0), lossy=True),
    Blow(target=Target.WEBHOOK, kind=Kind.RESET, lasts=(1.0, 4.0)),
    Blow(target=Target.WEBHOOK, kind=Kind.BLACK_HOLE, lasts=(1.0, 3.0), weight=1),
    Blow(target=Target.WEBHOOK, kind=Kind.CUT, lasts=(1.0, 3.0), weight=1),
)
_RECEIVER = (
    Blow(target=Target.RECEIVER, kind=Kind.GONE, lasts=(1.0, 5.0), weight=4),
    Blow(target=Target.RECEIVER, kind=Kind.RESET, lasts=(0.5, 3.0)),
    Blow(target=Target.RECEIVER, kind=Kind.CUT, lasts=(0.5, 3.0)),
    Blow(target=Target.RECEIVER, kind=Kind.BLACK_HOLE, lasts=(1.0, 4.0)),
)
_KEYS = (
    Blow(target=Target.KEYS, kind=Kind.ROTATE, lasts=(30.0, 45.0), weight=9, whole=True, rests=60.0),
    Blow(target=Target.KEYS, kind=Kind.ROTATE_AT_ONCE, lasts=(20.0, 30.0), weight=1, whole=True, rests=60.0),
)


def faults(drill: Drill) -> tuple[Fault, ...]:
    """All faults of a drill, in order; the last is over before the drill is."""
    dice = random.Random(f"plan {drill.seed}")
    blows = [blow for blow in _blows(drill.database) if drill.lossy or not blow.lossy]
    wanted = max(1, round(drill.seconds * FAULTS_PER_S))
    chosen = _choice(dice, blows, wanted)
    free: dict[Target, float] = {}
    planned: list[Fault] = []
    for number in range(wanted):
        at = FIRST_S + (drill.seconds - FIRST_S - LAST_MARGIN_S) * (number + dice.random()) / wanted
        left = drill.seconds - LAST_MARGIN_S - at
        blow = next((one for one in chosen if free.get(one.target, 0.0) <= at and _fits(one, left)), None)
        if blow is None:
            continue
        lasts = dice.uniform(*blow.lasts) + (drill.lease_s + 3 if blow.past_the_lease else 0)
        if not blow.whole and at + lasts > drill.seconds - LAST_MARGIN_S:
            lasts = max(0.1, drill.seconds - LAST_MARGIN_S - at) if blow.lasts[1] and not blow.past_the_lease else 0.0
        if blow.past_the_lease and not lasts:
            continue
        chosen.remove(blow)
        # A frozen worker is one of several processes: the others may still be hit.
        free[blow.target] = at + blow.rests + (0.0 if blow.past_the_lease else lasts)
        planned.append(Fault(at=at, lasts=lasts, blow=blow))
    return tuple(planned)


def _blows(database: DatabaseKind) -> tuple[Blow, ...]:
    of_database = _DATABASE if database is DatabaseKind.POSTGRESQL else ()
    return (*_PROCESSES, *_REDIS, *of_database, *_SES, *_EVENTS, *_RECEIVER, *_KEYS)


def _fits(blow: Blow, left: float) -> bool:
    return not blow.whole or blow.lasts[1] <= left


def _choice(dice: random.Random, blows: list[Blow], wanted: int) -> list[Blow]:
    """More faults than needed, in the order in which they are tried: each once, the frequent ones first, then any."""
    once = sorted(blows, key=lambda blow: -(dice.random() ** (1 / blow.weight)))
    return once + dice.choices(blows, weights=[blow.weight for blow in blows], k=2 * wanted)


def counted(planned: tuple[Fault, ...]) -> Iterator[tuple[str, int]]:
    """How often each sort of fault is in a plan."""
    names = [fault.blow.name for fault in planned]
    yield from ((name, names.count(name)) for name in sorted(set(names)))
