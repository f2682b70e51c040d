"""One drill, from nothing to its verdict: stage, load, faults, drain, and then the oracle.

It decides the order of the steps and the end of a drill. It starts no process and judges nothing itself.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import func, select

from app.domain.errors import ServiceUnavailable
from app.domain.sending.state_machine import WAITING, State
from app.services.sending.unconfirmed import CANARY
from app.store.engine.database import Database
from app.store.tables.core import notifications, recipients, webhook_deliveries
from tests.chaos.drill import Drill
from tests.chaos.faults.nemesis import Nemesis
from tests.chaos.faults.plan import faults
from tests.chaos.load.clients import Applications, Operator
from tests.chaos.load.doors import Api, doors_of
from tests.chaos.load.emails import DoorName, behaviours
from tests.chaos.load.journal import Journal
from tests.chaos.load.receiver import Receiver
from tests.chaos.stage.stage import Stage, staged
from tests.chaos.verdict.doors import AtDoor, by_door
from tests.chaos.verdict.evidence import gather
from tests.chaos.verdict.oracle import SUBSCRIBED, Promise, Verdict, in_flight_at_suppression, judge
from tests.chaos.verdict.witness import Witness

LOOK_EVERY_S, CALM_S = 0.5, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a drill.

    `withheld` counts the recipients that a door refused as suppressed. `resent` emails were marked as possible
    duplicates. `in_flight` is, for emails already on their way when their address was suppressed, how many seconds
    later SES took them. `drain_s` is the time from the end of the last fault until nothing waited any more.
    """

    drill: Drill
    verdict: Verdict
    doors: Mapping[DoorName, AtDoor]
    accepted: int
    withheld: int
    offered: int
    faults: int
    resent: int
    in_flight: tuple[float, ...]
    drain_s: float
    restarts: dict[str, int]

    def as_json(self) -> dict[str, object]:
        """The figures, as `--json` prints them."""
        figures: dict[str, object] = {
            "seed": self.drill.seed,
            "database": self.drill.database.value,
            "intake": self.drill.intake.value,
            "seconds": self.drill.seconds,
            "accepted": self.accepted,
            "offered_per_s": round(self.offered / self.drill.seconds, 1),
            "faults": self.faults,
        }
        figures |= {promise.value: self.verdict.count(promise) for promise in Promise}
        figures |= {"withheld": self.withheld, "resent": self.resent, "in_flight": len(self.in_flight)}
        figures["longest_in_flight_s"] = round(max(self.in_flight, default=0.0), 3)
        figures["drain_s"] = round(self.drain_s, 1)
        return figures | {"doors": {door.value: asdict(at_door) for door, at_door in self.doors.items()}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The progress of a drill, for display."""

    phase: str
    elapsed_s: float
    offered: int = 0
    accepted: int = 0
    faults: int = 0
    waiting: int = 0


def play(drill: Drill, root: Path, *, show: Callable[[Moment], None]) -> Result:
    """Run the drill below `root`, which holds logs, journal, ledger and database afterwards."""
    show(Moment(phase="starting", elapsed_s=0))
    with staged(drill, root) as stage:
        return play_on(stage, show=show)


def play_on(
    stage: Stage, *, show: Callable[[Moment], None], harm: Callable[[Stage, Journal], Nemesis] | None = None
) -> Result:
    """The same on a stage that is up; `harm` makes the source of other faults than the plan's."""
    return _Play(stage, show, harm or _as_planned).run()


def _as_planned(stage: Stage, journal: Journal) -> Nemesis:
    return Nemesis(stage, faults(stage.drill), journal)


class _Play:
    """One drill on its stage."""

    def __init__(self, stage: Stage, show: Callable[[Moment], None], harm: Callable[[Stage, Journal], Nemesis]) -> None:
        self._stage = stage
        self._show_moment = show
        self._drill = stage.drill
        self._journal_path = stage.root / "journal.jsonl"
        self._journal = Journal(self._journal_path)
        own, admin = Api(stage.url, stage.keys.api.token), Api(stage.url, stage.keys.admin.token)
        self._applications = Applications(
            doors_of(stage), self._journal, seed=self._drill.seed, rate=self._drill.rate, padding=self._drill.padding
        )
        self._receiver = Receiver(self._journal, seed=self._drill.seed)
        self._operator = Operator(admin, own, self._journal, seed=self._drill.seed)
        self._witness = Witness(stage.database_url)
        self._nemesis = harm(stage, self._journal)
        self._database = Database(stage.database_url, pool_size=1)

    def run(self) -> Result:
        self._stage.simulator.call("POST", "behaviours", behaviours())
        with ExitStack() as ending:
            self._subscribe()
            for part in (self._receiver, self._witness, self._applications, self._operator, self._nemesis):
                part.start()
                ending.callback(part.stop)
            self._attack()
            self._operator.stop()
            drain_s = self._drain()
        self._database.close()
        self._journal.close()
        return self._result(drain_s)

    def _subscribe(self) -> None:
        """Have the ends of emails delivered to the receiver, through a network that fails."""
        port = self._stage.networks.open_tcp("receiver", self._receiver.port)
        wanted = {"endpoint": f"http://127.0.0.1:{port}/", "events": sorted(SUBSCRIBED.values())}
        answer = Api(self._stage.url, self._stage.keys.api.token).call("POST", "/v1/webhooks", wanted)
        assert answer.status == 200, answer

    def _attack(self) -> None:
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < self._drill.seconds:
            self._show("attack", elapsed)
            time.sleep(LOOK_EVERY_S)
        self._applications.offer_no_more()
        self._nemesis.join()

    def _drain(self) -> float:
        """Wait until nothing waits any more, or until the time is over.

        The simulator may still have events of an email to send, so "nothing waits" counts only once it lasts.
        """
        began = calm_since = time.monotonic()
        while (elapsed := time.monotonic() - began) < self._drill.drain_within_s:
            waiting = self._waiting()
            self._show("drain", elapsed, waiting)
            if waiting:
                calm_since = time.monotonic()
            elif time.monotonic() - calm_since > CALM_S:
                return calm_since - began
            time.sleep(LOOK_EVERY_S)
        return elapsed

    def _waiting(self) -> int:
        """Requests without an answer, emails without an end, events on their way or not settled, webhooks not taken."""
        pending = int(self._stage.simulator.call("GET", "deliveries?limit=0")["counts"]["pending"])
        unsettled = ["new"] if self._drill.forgets else ["new", "parked"]
        states = WAITING - {State.HELD} - ({State.UNCONFIRMED} if self._drill.lossy else set())
        try:
            with self._database.reading() as connection:
                emails = connection.scalar(
                    select(func.count()).select_from(recipients).where(recipients.c.state.in_(sorted(states)))
                )
                unread = connection.scalar(
                    select(func.count()).select_from(notifications).where(notifications.c.state.in_(unsettled))
                )
                undelivered = connection.scalar(
                    select(func.count()).select_from(webhook_deliveries).where(webhook_deliveries.c.state == "waiting")
                )
        except ServiceUnavailable:
            return 1
        in_database = (emails or 0) + (unread or 0) + (undelivered or 0)
        return self._applications.unanswered + pending + self._in_queue() + in_database

    def _in_queue(self) -> int:
        return self._stage.queue.count() if self._stage.queue else 0

    def _show(self, phase: str, elapsed: float, waiting: int = 0) -> None:
        applications = self._applications
        self._show_moment(
            Moment(
                phase=phase,
                elapsed_s=elapsed,
                offered=applications.offered,
                accepted=applications.accepted,
                faults=self._nemesis.struck,
                waiting=waiting,
            )
        )

    def _result(self, drain_s: float) -> Result:
        for name in ("beat", "worker", "smtp", "web"):
            self._stage.machines[name].stop()
        evidence = gather(
            self._journal_path,
            self._stage.database_url,
            self._stage.ledger,
            seen=self._witness.seen,
            canary_key=CANARY,
            in_queue=self._in_queue(),
        )
        verdict = judge(evidence, lossless=not self._drill.lossy)
        return Result(
            drill=self._drill,
            verdict=verdict,
            doors=by_door(evidence, verdict),
            accepted=len(evidence.promised),
            withheld=sum(map(len, evidence.withheld.values())),
            offered=self._applications.offered,
            faults=self._nemesis.struck,
            resent=sum(row.possible_duplicate for row in evidence.rows),
            in_flight=tuple(late.total_seconds() for late in in_flight_at_suppression(evidence)),
            drain_s=drain_s,
            restarts={name: machine.starts - 1 for name, machine in self._stage.machines.items()},
        )
