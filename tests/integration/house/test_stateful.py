"""A whole gateway on real SQL and a real Valkey: random events in any order, every promise checked after each step.

SES keeps a ledger that the gateway never sees. Workers stall and die, and answers are lost. Events come late, twice and
in any order, but each comes. People suppress, unsuppress, cancel and reschedule. Redis loses data and gives wrong
answers.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from redis import Redis

from app.domain.errors import Conflict, NotFound
from app.domain.sending.call_outcome import Ambiguous, Envelope, Outcome, Retry
from app.domain.sending.state_machine import ENDED_UNSENT, RANK, TAKEN_BY_SES, WAITING, State
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane
from app.services.sending.call_results import NotCalled, Report, Result, noted
from app.services.sending.record import Record
from app.services.sending.render import ATTEMPT_TAG
from app.services.sending.unconfirmed import CANARY
from app.store.sending import claims
from app.store.sending.claims import Claim, Wanted
from app.store.sending.flight_recorder import FlightRecorder
from app.store.suppression.positive_cache import WARM
from app.wiring.gateway import Gateway, build
from tests.support.aws.ledger import MOODS, Ses, Taken
from tests.support.aws.ses_events import about, bring
from tests.support.database.counts import as_counted, in_all, recounted
from tests.support.gateway.emails import ROOT, submit, take
from tests.support.gateway.gateways import caller, settings_for
from tests.support.gateway.rows import age, empty, recipient_of, rows

ADDRESSES = ("ann@example.net", "bob@example.net", "kim@example.net")
QUIET = timedelta(minutes=16)
KINDS = {"Send": State.SENT, "Delivery": State.DELIVERED, "Bounce": State.BOUNCED, "Complaint": State.COMPLAINED}
HARD = ("Bounce", "Complaint")
A_SECOND = timedelta(seconds=1)


@dataclass
class Stalled:
    """A worker that claimed and then stopped, before its calls or after them."""

    claim: Claim
    results: Sequence[Result]


class Machine(RuleBasedStateMachine):
    """The random events of the gateway, and the invariants that must hold."""

    def __init__(self, gateway: Gateway, ses: Ses) -> None:
        super().__init__()
        self.gateway, self.ses = gateway, ses
        # One database serves many runs.
        empty(gateway)
        ses.forget()
        self.who = caller(gateway)
        self.emails: dict[UUID, str] = {}
        self.removed_at: dict[str, datetime] = {}
        self.stalled: list[Stalled] = []
        self.heard: dict[UUID, State] = {}
        self.resent_by_person: set[UUID] = set()

    @rule(to=st.sampled_from(ADDRESSES), policy=st.sampled_from(OnUnconfirmed), later=st.booleans())
    def submit(self, to: str, policy: OnUnconfirmed, later: bool) -> None:
        at = datetime.now(UTC) + timedelta(hours=1) if later else None
        self.emails[submit(self.gateway, self.who, to, on_unconfirmed=policy, scheduled_at=at)] = to

    @rule(to=st.sampled_from(ADDRESSES), mood=st.sampled_from(MOODS))
    def change_mood(self, to: str, mood: str) -> None:
        self.ses.mood[to] = mood

    @rule()
    def drain(self) -> None:
        self.gateway.deliver.drain(Lane.TRANSACTIONAL)

    @rule()
    def let_waiting_mail_be_due(self) -> None:
        age(self.gateway, "recipients", "due_at", A_SECOND, state=State.RETRY_WAIT)

    @rule(called=st.booleans())
    def a_worker_stalls(self, called: bool) -> None:
        """It holds one claim, and may have made its call."""
        claim = take(self.gateway, limit=1)
        results = [self._call(one) if called else NotCalled("Stalled.") for one in claim.emails]
        self.stalled.append(Stalled(claim, results))

    @precondition(lambda self: self.stalled)
    @rule(data=st.data(), knows=st.booleans())
    def a_stalled_worker_reports(self, data: st.DataObject, knows: bool) -> None:
        """The worker reports under its old claim: the answer, or that there was none."""
        stalled = self.stalled.pop(data.draw(st.integers(0, len(self.stalled) - 1)))
        results = [one if knows or isinstance(one, NotCalled) else Ambiguous("Silence.") for one in stalled.results]
        reports = [
            Report(attempt=one, result=result) for one, result in zip(stalled.claim.emails, results, strict=True)
        ]
        Record(database=self.gateway.database, max_attempts=12)(reports)

    @rule(phase=st.sampled_from(["claimed", "on the wire", "answered"]))
    def a_worker_dies(self, phase: str) -> None:
        """The process ends as by kill -9: only its notes are left."""
        recorder = FlightRecorder(self.gateway.settings.flight_dir)
        wanted = Wanted(lane=Lane.TRANSACTIONAL, limit=1, lease=timedelta(seconds=60))
        recorder.claim(wanted.token)
        with self.gateway.database.transaction() as connection:
            claim = claims.claim(connection, wanted)
        for one in claim.emails if phase != "claimed" else ():
            recorder.start(one.attempt_id)
            outcome = self._call(one)
            if phase == "answered":
                recorder.answer(one.attempt_id, noted(outcome))
        recorder.hand_over()

    @rule()
    def recover(self) -> None:
        self.gateway.recover()

    @rule()
    def end_leases(self) -> None:
        age(self.gateway, "recipients", "lease_until", A_SECOND, state=State.SENDING)
        self.gateway.upkeep.end_leases()

    @precondition(lambda self: self.ses.ledger)
    @rule(data=st.data(), kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1), times=st.integers(1, 2))
    def hear_of_a_mail(self, data: st.DataObject, kinds: list[str], times: int) -> None:
        """Any events of any email in the ledger, in any order, once or twice."""
        taken = data.draw(st.sampled_from(self.ses.ledger))
        self._hear([(taken, kind) for kind in kinds * times])

    @rule(to=st.sampled_from(ADDRESSES))
    def suppress(self, to: str) -> None:
        self.gateway.suppress.add(self.who, to, reason="She asked us to stop.")
        self.ses.suppressed.add(to)

    @rule(to=st.sampled_from(ADDRESSES))
    def unsuppress(self, to: str) -> None:
        time.sleep(0.002)  # SQLite's clock counts milliseconds
        try:
            self.gateway.unsuppress(self.who, to, reason="A mistake.", force=True, wait_for_ses=False)
        except NotFound:
            assert to not in self.ses.suppressed
        else:
            assert to in self.ses.suppressed
            self.ses.suppressed.discard(to)
            self.removed_at[to] = datetime.now(UTC)
        time.sleep(0.002)

    @precondition(lambda self: self.emails)
    @rule(data=st.data(), change=st.sampled_from(["cancel", "send now", "expire"]))
    def change_ones_mind(self, data: st.DataObject, change: str) -> None:
        email = data.draw(st.sampled_from(list(self.emails)))
        try:
            match change:
                case "cancel":
                    self.gateway.revise.cancel(self.who, email)
                case "send now":
                    self.gateway.revise.reschedule(self.who, email, scheduled_at=datetime.now(UTC) - A_SECOND)
                case "expire":
                    age(self.gateway, "recipients", "expires_at", A_SECOND, email_id=email)
                    self.gateway.upkeep.expire()
        except Conflict:
            assert (
                recipient_of(self.gateway, email).state not in {State.QUEUED, State.SCHEDULED} or change == "send now"
            )

    @rule(harm=st.sampled_from(["flush", "lose marker", "positive of an unknown address", "nonsense", "warm up"]))
    def harm_redis(self, harm: str) -> None:
        with Redis.from_url(self.gateway.settings.redis_url) as redis:
            match harm:
                case "flush":
                    redis.flushall()
                case "lose marker":
                    redis.delete(WARM)
                case "positive of an unknown address":
                    self.gateway.positives.add(ADDRESSES)
                case "nonsense":
                    for bucket in redis.scan_iter("postern:positives:????"):
                        redis.set(bucket, "nonsense")
                case "warm up":
                    self.gateway.upkeep.warm_positives()

    @rule()
    def reconcile(self) -> None:
        """A quiet time has passed, and SES's events came: first those of the emails, then that of the canary."""
        self._hear([(taken, "Send") for taken in self.ses.ledger])
        age(self.gateway, "recipients", "unconfirmed_since", QUIET, state=State.UNCONFIRMED)
        age(self.gateway, "attempts", "started_at", QUIET)
        age(self.gateway, "recipients", "created_at", QUIET, key=CANARY)
        self.gateway.reconcile.sweep()
        self.gateway.deliver.drain(Lane.TRANSACTIONAL)
        self._hear([(taken, "Send") for taken in self.ses.ledger])
        self.gateway.reconcile.sweep()

    @precondition(lambda self: self._in_state(State.HELD))
    @rule(data=st.data(), again=st.booleans())
    def a_person_decides(self, data: st.DataObject, again: bool) -> None:
        held = data.draw(st.sampled_from(self._in_state(State.HELD)))
        self.resent_by_person.add(held)
        decide = self.gateway.reconcile.resend if again else self.gateway.reconcile.discard
        decide(ROOT, held, reason="Because.")

    @precondition(lambda self: self._in_state(State.FAILED))
    @rule(data=st.data())
    def a_person_resends_what_has_failed(self, data: st.DataObject) -> None:
        """The email was not sent, so it is no possible duplicate, and no suppressed address gets it now."""
        (row,) = rows(self.gateway, "recipients", id=data.draw(st.sampled_from(self._in_state(State.FAILED))))
        assert self.gateway.resend_failed(ROOT, row["email_id"], reason="Because.") == 1
        after = recipient_of(self.gateway, row["email_id"])
        assert (after.state, after.possible_duplicate) == (State.RETRY_WAIT, row["possible_duplicate"])

    @invariant()
    def no_suppressed_address_is_mailed(self) -> None:
        """I8, and I13: whatever Redis answers."""
        assert self.ses.wronged == []

    @invariant()
    def the_list_is_what_people_and_hard_feedback_made_it(self) -> None:
        """I11, I12 and promise 6."""
        live = {row["key"] for row in rows(self.gateway, "suppressions") if row["removed_at"] is None}
        assert live == self.ses.suppressed

    @invariant()
    def each_mail_stands_as_the_ledger_says(self) -> None:
        """I1 to I4, I9, I14 and I17, row by row."""
        calls = {row["id"]: row for row in rows(self.gateway, "attempts")}
        taken = Counter(calls[one.attempt_id]["recipient_id"] for one in self.ses.ledger)
        in_ledger = {one.attempt_id for one in self.ses.ledger}
        assert {id_ for id_, row in calls.items() if row["outcome"] == "accepted"} <= in_ledger
        in_doubt = {row["recipient_id"] for row in calls.values() if row["outcome"] in {"calling", "unknown"}}
        stored = rows(self.gateway, "recipients")
        assert len([row for row in stored if row["key"] != CANARY]) == len(self.emails)
        for row in stored:
            state, count = State(row["state"]), taken[row["id"]]
            by_person = row["id"] in self.resent_by_person
            assert count <= 1 or (by_person and row["possible_duplicate"])
            assert (state is State.SENDING) == (row["lease_token"] is not None)
            if state in TAKEN_BY_SES:
                assert count >= 1
            if state in ENDED_UNSENT:
                assert row["id"] not in in_doubt
                assert count == 0 or by_person
            if row["id"] in self.heard:
                assert state is self.heard[row["id"]] or RANK[state] >= RANK[self.heard[row["id"]]]

    @invariant()
    def no_outcome_is_taken_back(self) -> None:
        """I9 again: the rank of the known outcome never falls."""
        for row in rows(self.gateway, "recipients"):
            state = State(row["state"])
            known = self.heard.get(row["id"])
            if state in TAKEN_BY_SES and (known is None or RANK[state] > RANK[known]):
                self.heard[row["id"]] = state
            assert known is None or RANK.get(state, 0) >= RANK[known]

    def teardown(self) -> None:
        """I15 and I6: once faults stop, every email ends, and is sent unless it states why not."""
        self.ses.mood.clear()
        self.gateway.recover()
        self.end_leases()
        for _ in range(3):
            age(self.gateway, "recipients", "due_at", A_SECOND, state=State.SCHEDULED)
            self.let_waiting_mail_be_due()
            self.drain()
            self.reconcile()
            self.drain()
        self.gateway.upkeep.expire()
        assert self._in_state(*(WAITING - {State.HELD})) == []
        self.each_mail_stands_as_the_ledger_says()
        self.no_suppressed_address_is_mailed()
        assert in_all(as_counted(self.gateway)) == in_all(recounted(self.gateway))

    def _call(self, one: claims.OpenAttempt) -> Outcome:
        address = one.recipient.address
        if address in self.ses.suppressed:  # the last look
            return Retry("Not called.")
        tags = (("postern_recipient", str(one.recipient.id)), (ATTEMPT_TAG, str(one.attempt_id)))
        return self.ses.send(Envelope(sender="invites@example.com", recipient=address, raw=b"", tags=tags))

    def _hear(self, events: list[tuple[Taken, str]]) -> None:
        bring(self.gateway, *(about(one.envelope, kind, one.ses_message_id, sent_at=one.at) for one, kind in events))
        attempts = {row["id"]: row["recipient_id"] for row in rows(self.gateway, "attempts")}
        for one, kind in events:
            address, recipient_id = one.envelope.recipient, attempts[one.attempt_id]
            if kind in HARD and address != CANARY and one.at > self.removed_at.get(address, one.at - QUIET):
                self.ses.suppressed.add(address)
            known = self.heard.get(recipient_id)
            if known is None or RANK[KINDS[kind]] > RANK[known]:
                self.heard[recipient_id] = KINDS[kind]

    def _in_state(self, *states: State) -> list[UUID]:
        return [row["id"] for row in rows(self.gateway, "recipients") if row["state"] in states]


@pytest.fixture
def ses() -> Ses:
    return Ses()


@pytest.fixture
def gateway(migrated_url: str, redis_url: str, ses: Ses, tmp_path: Path) -> Iterator[Gateway]:
    built = build(settings_for(migrated_url, redis_url, flight_dir=tmp_path / "flight"), mailer=ses)
    yield built
    built.close()


def test_no_order_of_events_breaks_a_promise_on_real_rows(gateway: Gateway, ses: Ses) -> None:
    """Whatever happens in whatever order, every promise holds after each step, and in the end every email has ended."""
    bounds = settings(max_examples=16, stateful_step_count=40, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(lambda: Machine(gateway, ses), settings=bounds)  # type: ignore[arg-type]
