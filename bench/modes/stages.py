"""Stages: the cost of each step of an email by itself: on one thread, in batches of 100, with PostgreSQL.

Each step is the work of acceptance, worker or settler, without the web server, Celery, threads and the send rate in
Redis; `mixed` and `drain` measure the cost of all of these together. CPU is that of our thread and of PostgreSQL's
backends; the log is PostgreSQL's write-ahead log. The stand-in for SES answers at once.
"""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from json import dumps
from typing import Final

from app.aws.ses.fast_client import fast_client
from app.aws.ses.mailer import Mailer, SesMailer
from app.domain.sending.call_outcome import Accepted, Envelope, Outcome
from app.queue import Lane
from app.services.apps.authenticate import caller_of
from app.services.sending.call_results import Report, noted
from app.services.sending.claim_order import claim_in_turn
from app.services.sending.record import Record
from app.services.sending.render import SealedEmail
from app.services.submission.accept import Submission
from app.store.sending import claims, drafts
from app.store.sending.claims import Claim, OpenAttempt, Wanted
from app.store.sending.flight_recorder import FlightRecorder
from app.wiring.foundation import Ground, lay
from app.wiring.gateway import Gateway, build
from bench.baselines.contestants import email, person
from bench.load.notifications import pinned
from bench.measure.goals import Goal, Json, at_most, spread
from bench.measure.meter import Meter
from bench.options import Amount, add_amounts
from bench.stage.stage import TOPIC, Stage, stage
from config import load
from tests.support.aws.notifications import delivered
from tests.support.aws.sns_signing import body, headers, signer
from tests.support.gateway.gateways import issue

BATCHES = Amount(name="batches", usual=60, quick=6, what="measured batches of 100")
WARM: Final = 3
"""Batches before them that are not measured."""

BATCH: Final = 100
SINGLES: Final = 20
ACCEPT, ACCEPT_ONE = "accept, 100 in a batch", "accept, one by one"
CLAIM, READ, RENDER, LOOK, NOTE = "claim, with the gate", "read emails", "render", "look", "note"
FAST, BOTO3 = "call, fast", "call, boto3"
RECORD, RECEIVE, SETTLE = "record", "feedback, received", "feedback, settled"
WHAT: Final = {
    ACCEPT: "gate, seal, insert, commit",
    ACCEPT_ONE: "the same, each with a commit of its own",
    CLAIM: "one transaction: circuits, rows leased, attempts opened",
    READ: "the emails read",
    RENDER: "opened and written as MIME",
    LOOK: "lease and suppression checked again",
    NOTE: "two lines in the flight recorder",
    FAST: "signed, sent, answered",
    BOTO3: "the same by boto3",
    RECORD: "one transaction: recipients and attempts",
    RECEIVE: "one notification verified and stored",
    SETTLE: "a `Delivery` applied",
}
OWN: Final = (ACCEPT, CLAIM, READ, RENDER, LOOK, NOTE, RECORD)
"""The steps that Postern adds to a call to SES, with batch posts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The objects that the steps use."""

    gateway: Gateway
    ground: Ground
    mailers: dict[str, Mailer]
    record: Record
    recorder: FlightRecorder


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, BATCHES)


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Take the batches through all steps, print the table, and return the goals and the figures."""
    with stage(latency_ms=0) as there, _parts(there) as parts:
        way = Way(parts)
        for _ in range(WARM):
            way.go(Meter(parts.ground.database))
        meter = Meter(parts.ground.database)
        for _ in range(BATCHES.of(given)):
            way.go(meter)
    for line in table(meter):
        say(line)
    return {
        "goals": [goal.as_json() for goal in goals(meter)],
        "stages": {name: asdict(meter.median(name)) for name in WHAT},
    }


class Way:
    """Takes a batch through all steps."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._who = caller_of(issue(parts.gateway, app="bench").key)
        self._batches = 0

    def go(self, meter: Meter) -> None:
        """Take one batch from acceptance to its events."""
        meter.begin()
        self._accept(meter)
        claim = meter(CLAIM, BATCH, self._claim)
        assert len(claim.emails) == BATCH
        opened = meter(READ, BATCH, lambda: self._sealed_emails(claim))
        envelopes = meter(RENDER, BATCH, lambda: [one.envelope(attempt) for one, attempt in opened])
        meter(LOOK, BATCH, lambda: self._look(claim.emails))
        outcomes = self._call(meter, envelopes)
        meter(NOTE, BATCH, lambda: self._note(claim.emails, outcomes))
        reports = [
            Report(attempt=attempt, result=outcome) for attempt, outcome in zip(claim.emails, outcomes, strict=True)
        ]
        meter(RECORD, BATCH, lambda: self._parts.record(reports))
        self._hear(meter, reports)

    def _accept(self, meter: Meter) -> None:
        """Accept a batch, a part of which is posted one by one."""
        first = self._batches * BATCH
        emails = [email(person(number)) for number in range(first, first + BATCH)]
        self._batches += 1
        singles, rest = emails[:SINGLES], emails[SINGLES:]
        meter(ACCEPT, len(rest), lambda: self._take_in(rest))
        meter(ACCEPT_ONE, len(singles), lambda: self._take_in_one_by_one(singles))

    def _take_in(self, emails: Sequence[Submission]) -> None:
        self._parts.gateway.accept(self._who, emails, idempotency=None, answer=lambda _: {})

    def _take_in_one_by_one(self, emails: Sequence[Submission]) -> None:
        for one in emails:
            self._take_in([one])

    def _claim(self) -> Claim:
        wanted = Wanted(lane=Lane.TRANSACTIONAL, limit=BATCH, lease=timedelta(minutes=1))
        with self._parts.ground.database.transaction() as connection:
            self._parts.recorder.claim(wanted.token)
            return claim_in_turn(connection, [wanted])

    def _sealed_emails(self, claim: Claim) -> list[tuple[SealedEmail, OpenAttempt]]:
        ground = self._parts.ground
        with ground.database.asking() as connection:
            found = drafts.drafts(connection, [attempt.recipient.email_id for attempt in claim.emails])
        opened = {one.id: SealedEmail(one, ground.key_ring, links=ground.links) for one in found}
        return [(opened[attempt.recipient.email_id], attempt) for attempt in claim.emails]

    def _look(self, emails: Sequence[OpenAttempt]) -> None:
        with self._parts.ground.database.asking() as connection:
            assert all(look.holds for look in claims.look_again(connection, emails))

    def _call(self, meter: Meter, envelopes: Sequence[Envelope]) -> list[Outcome]:
        """Send the first half with boto3, the rest with the other transport."""
        half = len(envelopes) // 2
        outcomes = []
        for name, some in ((BOTO3, envelopes[:half]), (FAST, envelopes[half:])):
            outcomes += meter(name, len(some), lambda: [self._parts.mailers[name].send(one) for one in some])  # noqa: B023
        return outcomes

    def _note(self, emails: Sequence[OpenAttempt], outcomes: Sequence[Outcome]) -> None:
        for attempt, outcome in zip(emails, outcomes, strict=True):
            self._parts.recorder.start(attempt.attempt_id)
            self._parts.recorder.answer(attempt.attempt_id, noted(outcome))
        self._parts.recorder.forget()

    def _hear(self, meter: Meter, reports: Sequence[Report]) -> None:
        receive = self._parts.gateway.receive
        assert receive is not None
        notifications = [signer().notification(_event(report), topic_arn=TOPIC) for report in reports]
        posts = [(body(one), headers(one)) for one in notifications]
        meter(RECEIVE, BATCH, lambda: [receive(*post) for post in posts])
        meter(SETTLE, BATCH, self._parts.gateway.settle.drain)


def _event(report: Report) -> str:
    assert isinstance(report.result, Accepted)
    return dumps(delivered(report.attempt.recipient.address, message=report.result.ses_message_id))


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
    """Return the goal for the cost that Postern adds to a call."""
    ours = zip(*(meter.costs(name) for name in OWN), strict=True)
    ratios = [sum(one.cpu for one in costs) / call.cpu for costs, call in zip(ours, meter.costs(BOTO3), strict=True)]
    return [at_most("stages: all steps but the call, batch posts: CPU over a call by boto3", 0.5, ratios)]


def table(meter: Meter) -> list[str]:
    """Return a line per step: microseconds per email (or per notification)."""
    lines = [f"{'us per email':26}{'client':>22}{'database':>22}{'elapsed':>14}{'log, bytes':>12}   work"]
    for name, what in WHAT.items():
        costs = meter.costs(name)
        client, database = spread([one.client for one in costs]), spread([one.database for one in costs])
        middle = meter.median(name)
        lines.append(f"{name:26}{client:>22}{database:>22}{middle.wall:>14.0f}{middle.wal:>12.0f}   {what}")
    return lines
