"""Applies the faults of a plan to a stage, each at its time, and ends each.

It decides how a fault is applied. `tests.chaos.faults.plan` decides which comes when. Afterwards every part works
again, whichever fault was under way.
"""

import heapq
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from simulator.network.proxy import FAIR, Damage, Weather
from tests.chaos.faults.key_rotation import Keys, Rotating
from tests.chaos.faults.plan import Blow, Fault, Kind, Target
from tests.chaos.faults.slow_sockets import slow_sockets
from tests.chaos.load.journal import Journal
from tests.chaos.stage.stage import Stage

# Faults that are always present: a few calls in a hundred.
EVERYDAY: list[dict[str, Any]] = [
    {"fault": "429", "match": {"rate": 0.003}},
    {"fault": "500_before", "match": {"rate": 0.005}},
    {"fault": "500_after", "match": {"rate": 0.01}},
    {"fault": "close_before", "match": {"rate": 0.005}},
    {"fault": "close_after", "match": {"rate": 0.01}},
    {"fault": "hang_after", "ms": 3000, "match": {"rate": 0.01}},
    {"fault": "no_message_id", "match": {"rate": 0.003}},
    {"fault": "400:MessageRejected:Transaction failed", "match": {"rate": 0.002}},
]
EVERYDAY_STREAM = {"duplicate_rate": 0.05, "redeliver_rate": 0.05}
WEATHER = {
    Kind.RESET: Weather(damage=Damage.RESET),
    Kind.BLACK_HOLE: Weather(damage=Damage.BLACK_HOLE),
    Kind.LATE: Weather(latency=0.05),
    Kind.GONE: Weather(damage=Damage.GONE),
}

AGAIN_S = 1.0
BUSY = Weather(latency=0.3)
"""So slow that several SMTP sessions are under way at any moment, at all stages of a message."""
ANSWERS_LOST = replace(BUSY, cut_after=0)
ANSWERS_LOST_S = 0.9
"""Long enough for a message that was on its way to arrive, be committed, and have its answer lost."""

Undo = Callable[[], None]


class Nemesis:
    """Applies faults in a thread of its own, from `start` until the last fault of the plan is over."""

    def __init__(self, stage: Stage, planned: tuple[Fault, ...], journal: Journal) -> None:
        self._stage = stage
        self._journal = journal
        self._dice = random.Random(f"nemesis {stage.drill.seed}")
        self._keys = Keys(stage, journal, random.Random(f"keys {stage.drill.seed}"))
        self._numbers = count()
        self._deeds: list[tuple[float, int, Callable[[], None]]] = []
        for fault in planned:
            self._at(fault.at, self._striking(fault))
        self._thread = threading.Thread(target=self._run, name="nemesis", daemon=True)
        self._over = threading.Event()
        self.struck = 0
        self.failure: Exception | None = None

    def start(self) -> None:
        """Begin, with the constant background faults from now on."""
        self._rules([])
        self._stream(EVERYDAY_STREAM)
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of the last fault, then remove all faults. Raises the error that prevented a fault."""
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        """Apply no more faults, and end those that were applied."""
        self._over.set()
        self._keys.stop()
        if self._thread.is_alive():
            self._thread.join()

    def _at(self, seconds: float, deed: Callable[[], None]) -> None:
        heapq.heappush(self._deeds, (seconds, next(self._numbers), deed))

    def _run(self) -> None:
        began = time.monotonic()
        try:
            while self._deeds:
                at, _, deed = heapq.heappop(self._deeds)
                self._over.wait(max(0.0, began + at - time.monotonic()))
                deed()
        except Exception as failure:  # noqa: BLE001 - raised again by `join`
            self.failure = failure
        finally:
            self._stage.simulator.call("DELETE", "faults")
            for name in self._stage.networks.names:
                self._stage.networks.change(name, FAIR)

    def _striking(self, fault: Fault) -> Callable[[], None]:
        def strike() -> None:
            if self._over.is_set():
                return
            self._journal.write("fault", name=fault.blow.name, lasts=fault.lasts)
            self.struck += 1
            if fault.blow.target is Target.KEYS:
                rotating = self._keys.begin(lasts=fault.lasts, at_once=fault.blow.kind is Kind.ROTATE_AT_ONCE)
                self._at(fault.ends, self._awaiting(rotating, fault.ends))
                return
            undo = self._strike(fault.blow)
            if undo is not None:
                self._at(fault.ends, undo)

        return strike

    def _awaiting(self, rotating: Rotating, now: float) -> Callable[[], None]:
        """Check again and again whether a rotation is over; other faults go on meanwhile."""

        def look() -> None:
            if not rotating.is_over:
                self._at(now + AGAIN_S, self._awaiting(rotating, now + AGAIN_S))

        return look

    def _strike(self, blow: Blow) -> Undo | None:
        match blow.target, blow.kind:
            case Target.SES, Kind.RULE:
                self._rules([{"fault": blow.rule, "match": {"rate": blow.rate}} | ({"ms": blow.ms} if blow.ms else {})])
                return lambda: self._rules([])
            case Target.EVENTS, Kind.STREAM:
                self._stream(self._unruly(blow.stream))
                return lambda: self._stream(EVERYDAY_STREAM)
            case (_, Kind.RESET | Kind.BLACK_HOLE | Kind.LATE | Kind.CUT | Kind.GONE):
                return self._spoil(blow)
            case Target.WEB, Kind.SLOW_SOCKETS:
                return slow_sockets(self._stage.url)
            case Target.REDIS, Kind.FLUSH:
                self._flush()
                return None
            case (_, Kind.KILL_BUSY):
                return self._kill_busy(blow.target)
            case (_, Kind.FREEZE):
                return self._freeze(blow.target)
        return self._kill(blow)

    def _kill(self, blow: Blow) -> Undo | None:
        machine = self._stage.machines[blow.target]
        if blow.kind is Kind.KILL_CHILD:
            children = machine.children
            machine.signal(signal.SIGKILL, [self._dice.choice(children)] if children else [])
            return None
        if blow.target is Target.DATABASE:
            machine.kill(signal.SIGQUIT, hold_down=True)  # PostgreSQL's "immediate": it writes nothing more
            return machine.launch
        machine.kill(hold_down=blow.lasts[1] > 0)
        return machine.launch if blow.lasts[1] > 0 else None

    def _kill_busy(self, target: Target) -> Undo:
        """Slow the network down; at the end kill the server after it has answered, and lose what it answered."""
        self._stage.networks.change(target, BUSY)

        def end() -> None:
            self._stage.networks.change(target, ANSWERS_LOST)
            self._over.wait(ANSWERS_LOST_S)
            self._stage.machines[target].kill()
            self._stage.networks.change(target, FAIR)

        return end

    def _freeze(self, target: Target) -> Undo:
        """Stop a worker process, or a server with all its forked processes."""
        machine = self._stage.machines[target]
        if target is Target.WORKER:
            children = machine.children
            frozen = [self._dice.choice(children)] if children else []
        else:
            frozen = machine.main + machine.children
        machine.signal(signal.SIGSTOP, frozen)
        return lambda: machine.signal(signal.SIGCONT, frozen)

    def _spoil(self, blow: Blow) -> Undo:
        name = blow.target.value
        cut = Weather(cut_after=self._dice.choice([1, 40, 400, 4000]))
        self._stage.networks.change(name, cut if blow.kind is Kind.CUT else WEATHER[blow.kind])
        return lambda: self._stage.networks.change(name, FAIR)

    def _flush(self) -> None:
        with self._stage.redis() as redis:
            redis.flushall()

    def _rules(self, rules: list[dict[str, Any]]) -> None:
        self._stage.simulator.call("POST", "faults", rules + EVERYDAY)

    def _stream(self, faults: dict[str, Any]) -> None:
        self._stage.simulator.call("POST", "events", {"stream": faults})

    def _unruly(self, name: str) -> dict[str, Any]:
        delay = list(self._stage.drill.event_delay_ms)
        unruly: dict[str, dict[str, Any]] = {
            "late": {"delay_ms": delay},
            "doubled": {"duplicate_rate": 0.5, "redeliver_rate": 0.5},
            "shuffled": {"reorder": True, "delay_ms": [0, delay[1] / 3]},
            "early": {"before_response": True},
            "lost": {"drop_rate": 0.3},
        }
        return EVERYDAY_STREAM | unruly[name]
