"""Stages: what each step of a mail's way costs, by itself: on one thread, in batches of 100, against PostgreSQL.

Each step is what accept, worker and settler do there, without web server, Celery, threads and Redis' pace around it;
what all of these cost together, `mixed` and `drain` tell. CPU is that of our thread and of PostgreSQL's backends; the
log is PostgreSQL's write-ahead log. The stand-in for SES answers at once.
"""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from json import dumps
from typing import Final

from app.aws.ses import Mailer, SesMailer
from app.aws.ses_fast import fast_client
from app.domain.outcome import Accepted, Envelope, Outcome
from app.ground import Ground, lay
from app.queue import Lane
from app.services.accept import Submission
from app.services.authenticate import caller_of
from app.services.envelopes import Letter
from app.services.record import Record, Report
from app.services.results import noted
from app.services.turns import claim_in_turn
from app.store import claims, letters
from app.store.claims import Claim, Mine, Wanted
from app.store.flight import FlightRecorder
from app.wiring import Gateway, build
from bench.contestants import mail, person
from bench.goals import Goal, Json, at_most, spread
from bench.meter import Meter
from bench.notifications import pinned
from bench.options import Amount, add_amounts
from bench.stage import TOPIC, Stage, stage
from config import load
from tests.feedback import delivered
from tests.gateways import issue
from tests.signing import body, headers, signer

BATCHES = Amount(name="batches", usual=60, quick=6, what="batches of 100 that are measured")
WARM: Final = 3
"""Batches before them, of which nothing is kept."""

BATCH: Final = 100
SINGLES: Final = 20
ACCEPT, ACCEPT_ONE = "accept, 100 in a batch", "accept, one by one"
CLAIM, LETTERS, RENDER, LOOK, NOTE = "claim, with the gate", "letters", "render", "look", "note"
FAST, BOTO3 = "call, fast", "call, boto3"
RECORD, RECEIVE, SETTLE = "record", "feedback, received", "feedback, settled"
WHAT: Final = {
    ACCEPT: "gate, seal, insert, commit",
    ACCEPT_ONE: "the same, each with a commit of its own",
    CLAIM: "one transaction: circuits, rows leased, attempts opened",
    LETTERS: "the mails read",
    RENDER: "opened and written as MIME",
    LOOK: "lease and suppression, once more",
    NOTE: "two lines in the flight recorder",
    FAST: "signed, sent, answered",
    BOTO3: "the same by boto3",
    RECORD: "one transaction: recipients and attempts",
    RECEIVE: "a notification verified and stored, by itself",
    SETTLE: "a `Delivery` applied",
}
OWN: Final = (ACCEPT, CLAIM, LETTERS, RENDER, LOOK, NOTE, RECORD)
"""What Postern adds to a call of SES, with batch posts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the steps are made of."""

    gateway: Gateway
    ground: Ground
    mailers: dict[str, Mailer]
    record: Record
    recorder: FlightRecorder


def add_options(parser: ArgumentParser) -> None:
    """What may be chosen."""
    add_amounts(parser, BATCHES)


def measure(given: Namespace, tell: Callable[[str], None]) -> Json:
    """Take the batches through all steps, tell the table, and answer with the goals and the figures."""
    with stage(latency_ms=0) as there, _parts(there) as parts:
        way = Way(parts)
        for _ in range(WARM):
            way.go(Meter(parts.ground.database))
        meter = Meter(parts.ground.database)
        for _ in range(BATCHES.of(given)):
            way.go(meter)
    for line in table(meter):
        tell(line)
    return {
        "goals": [goal.told() for goal in goals(meter)],
        "stages": {name: asdict(meter.median(name)) for name in WHAT},
    }


class Way:
    """The whole way of a batch."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._who = caller_of(issue(parts.gateway, app="bench").key)
        self._batches = 0

    def go(self, meter: Meter) -> None:
        """Take one batch from acceptance to its feedback."""
        meter.begin()
        self._accept(meter)
        claim = meter(CLAIM, BATCH, self._claim)
        assert len(claim.mails) == BATCH
        opened = meter(LETTERS, BATCH, lambda: self._letters(claim))
        envelopes = meter(RENDER, BATCH, lambda: [one.envelope(mine) for one, mine in opened])
        meter(LOOK, BATCH, lambda: self._look(claim.mails))
        outcomes = self._call(meter, envelopes)
        meter(NOTE, BATCH, lambda: self._note(claim.mails, outcomes))
        reports = [
            Report(mine=mine, token=claim.token, result=outcome)
            for mine, outcome in zip(claim.mails, outcomes, strict=True)
        ]
        meter(RECORD, BATCH, lambda: self._parts.record(reports))
        self._hear(meter, reports)

    def _accept(self, meter: Meter) -> None:
        """A batch, of which a part is posted one by one."""
        first = self._batches * BATCH
        mails = [mail(person(number)) for number in range(first, first + BATCH)]
        self._batches += 1
        singles, rest = mails[:SINGLES], mails[SINGLES:]
        meter(ACCEPT, len(rest), lambda: self._take_in(rest))
        meter(ACCEPT_ONE, len(singles), lambda: self._take_in_one_by_one(singles))

    def _take_in(self, mails: Sequence[Submission]) -> None:
        self._parts.gateway.accept(self._who, mails, idempotency=None, answer=lambda _: {})

    def _take_in_one_by_one(self, mails: Sequence[Submission]) -> None:
        for one in mails:
            self._take_in([one])

    def _claim(self) -> Claim:
        wanted = Wanted(lane=Lane.TRANSACTIONAL, limit=BATCH, lease=timedelta(minutes=1))
        with self._parts.ground.database.transaction() as connection:
            self._parts.recorder.claim(wanted.token)
            return claim_in_turn(connection, [wanted])

    def _letters(self, claim: Claim) -> list[tuple[Letter, Mine]]:
        ground = self._parts.ground
        with ground.database.asking() as connection:
            drafts = letters.drafts(connection, [mine.recipient.email_id for mine in claim.mails])
        opened = {one.id: Letter(one, ground.key_ring, links=ground.links) for one in drafts}
        return [(opened[mine.recipient.email_id], mine) for mine in claim.mails]

    def _look(self, mails: Sequence[Mine]) -> None:
        with self._parts.ground.database.asking() as connection:
            assert all(look.holds for look in claims.look_again(connection, mails))

    def _call(self, meter: Meter, envelopes: Sequence[Envelope]) -> list[Outcome]:
        """The first half by boto3, the rest by the other transport."""
        half = len(envelopes) // 2
        outcomes = []
        for name, some in ((BOTO3, envelopes[:half]), (FAST, envelopes[half:])):
            outcomes += meter(name, len(some), lambda: [self._parts.mailers[name].send(one) for one in some])  # noqa: B023
        return outcomes

    def _note(self, mails: Sequence[Mine], outcomes: Sequence[Outcome]) -> None:
        for mine, outcome in zip(mails, outcomes, strict=True):
            self._parts.recorder.start(mine.attempt_id)
            self._parts.recorder.answer(mine.attempt_id, noted(outcome))
        self._parts.recorder.forget()

    def _hear(self, meter: Meter, reports: Sequence[Report]) -> None:
        receive = self._parts.gateway.receive
        assert receive is not None
        notifications = [signer().notification(_news(report), topic_arn=TOPIC) for report in reports]
        posts = [(body(one), headers(one)) for one in notifications]
        meter(RECEIVE, BATCH, lambda: [receive(*post) for post in posts])
        meter(SETTLE, BATCH, self._parts.gateway.settle.drain)


def _news(report: Report) -> str:
    assert isinstance(report.result, Accepted)
    return dumps(delivered(report.mine.recipient.address, message=report.result.ses_message_id))


@contextmanager
def _parts(there: Stage) -> Iterator[Parts]:
    os.environ.update(pinned(there.directory))
    settings = load()
    ground = lay(settings)
    with ExitStack() as ends:
        gateway = ends.enter_context(closing(build(settings)))
        ends.callback(ground.database.close)
        ends.callback(ground.redis.close)
        recorder = ends.enter_context(closing(FlightRecorder(there.directory / "notes")))
        fast = fast_client(settings.aws_region, clock=ground.clock)
        yield Parts(
            gateway=gateway,
            ground=ground,
            mailers={
                BOTO3: SesMailer(ground.ses, configuration_set="postern"),
                FAST: SesMailer(fast, configuration_set="postern"),
            },
            record=Record(database=ground.database, max_attempts=settings.max_attempts),
            recorder=recorder,
        )


def goals(meter: Meter) -> list[Goal]:
    """What Postern may add to a call."""
    ours = zip(*(meter.costs(name) for name in OWN), strict=True)
    ratios = [sum(one.cpu for one in costs) / call.cpu for costs, call in zip(ours, meter.costs(BOTO3), strict=True)]
    return [at_most("stages: all steps but the call, batch posts: CPU over a call by boto3", 0.5, ratios)]


def table(meter: Meter) -> list[str]:
    """One line for each step: microseconds a mail (or a notification)."""
    lines = [f"{'us a mail':26}{'client':>22}{'database':>22}{'by the clock':>14}{'log, bytes':>12}   what"]
    for name, what in WHAT.items():
        costs = meter.costs(name)
        client, database = spread([one.client for one in costs]), spread([one.database for one in costs])
        middle = meter.median(name)
        lines.append(f"{name:26}{client:>22}{database:>22}{middle.wall:>14.0f}{middle.wal:>12.0f}   {what}")
    return lines
