"""Calls that do not wait for each other: what is promised of a call on a thread of its own is kept by them too."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from uuid import UUID, uuid4

import pytest

from app.aws.ses import Pending
from app.domain.delivery import State
from app.domain.outcome import Accepted, Ambiguous, Envelope, Outcome, Refused
from app.queue import Lane
from app.services import calls
from app.services.calls import EarlyCalls, Errand
from app.services.results import Result
from app.store.flight import FlightRecorder
from app.wiring import Gateway, build
from tests.early import Heard, ScriptedEarlyMailer
from tests.gateways import caller, settings_for
from tests.mails import claimed, state_of, submission, submit
from tests.rows import outcomes, rows

PATIENCE_S = 10.0


class Slow(ScriptedEarlyMailer):
    """Something happens in the first call, before it comes back."""

    happens: Callable[[], None] | None = None

    def send(self, envelope: Envelope) -> Outcome:
        if self.happens is not None:
            happens, self.happens = self.happens, None
            happens()
        return super().send(envelope)


@pytest.fixture
def mailer() -> Slow:
    return Slow()


@pytest.fixture
def gateway(migrated_url: str, redis_url: str, mailer: Slow, tmp_path: Path) -> Iterator[Gateway]:
    built = build(settings_for(migrated_url, redis_url, ses_threads=1, flight_dir=tmp_path / "flight"), mailer=mailer)
    yield built
    built.close()


def submit_two(gateway: Gateway) -> tuple[UUID, UUID]:
    """Two mails that are claimed together, the first of them called first."""
    who = caller(gateway)
    return submit(gateway, who, "first@example.net"), submit(gateway, who, "second@example.net")


def test_many_mails_are_sent_once_each(gateway: Gateway, mailer: Slow) -> None:
    """Whatever the order of their answers: every mail is sent, under its own message id, and no one is called twice."""
    who = caller(gateway)
    addresses = [f"r{number:03}@example.net" for number in range(150)]
    gateway.accept(who, [submission(one) for one in addresses], idempotency=None, answer=lambda _: {})
    assert isinstance(gateway.deliver._parts.calls, EarlyCalls)
    while gateway.deliver.drain(Lane.TRANSACTIONAL).more:
        pass
    assert sorted(one.recipient for one in mailer.sent) == addresses
    for row in rows(gateway, "recipients"):
        assert row["state"] == State.SENT
        assert row["ses_message_id"].endswith(row["address"])


def test_each_outcome_is_its_own(gateway: Gateway, mailer: Slow) -> None:
    """A refusal and a doubt among those that SES takes."""
    first, second = submit_two(gateway)
    third = submit(gateway, caller(gateway), "third@example.net")
    mailer.answers = {"first@example.net": Refused("No."), "second@example.net": Ambiguous("Silence.")}
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [state_of(gateway, one) for one in (first, second, third)] == [State.FAILED, State.UNCONFIRMED, State.SENT]


def test_a_suppression_from_while_another_call_was_held_up_is_seen(gateway: Gateway, mailer: Slow) -> None:
    """They shared a look; when the first call took its time to begin, the second is looked at once more."""
    first, second = submit_two(gateway)

    def suppress() -> None:
        gateway.suppress.add(caller(gateway), "second@example.net")
        time.sleep(2 * calls.LOOK_LASTS_S)

    mailer.happens = suppress
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == ["first@example.net"]
    assert (state_of(gateway, first), state_of(gateway, second)) == (State.SENT, State.SUPPRESSED)
    assert outcomes(gateway, second) == ["not_sent"]


def test_a_suppression_from_before_the_look_is_seen(gateway: Gateway, mailer: Slow) -> None:
    """It came after the claim and before the look that all share."""
    first, second = submit_two(gateway)
    call = gateway.deliver._parts.calls.call
    look = call.look

    def late(mails: object) -> object:
        gateway.suppress.add(caller(gateway), "second@example.net")
        call.look = look  # type: ignore[method-assign]
        return look(mails)  # type: ignore[arg-type]

    call.look = late  # type: ignore[method-assign, assignment]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == ["first@example.net"]
    assert (state_of(gateway, first), state_of(gateway, second)) == (State.SENT, State.SUPPRESSED)


def test_a_call_is_noted_before_it_begins(gateway: Gateway, mailer: Slow) -> None:
    """Who dies in it leaves a note that it had begun: nobody may take the mail for one that was not called."""
    submit_two(gateway)
    noted: list[int] = []
    recorder = gateway.deliver._parts.recorder

    def count() -> None:
        assert isinstance(recorder, FlightRecorder)
        noted.append(recorder._path.read_bytes().count(b'"start"'))

    mailer.happens = count
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert noted == [1]


def test_a_call_that_breaks_leaves_a_doubt_and_stops_no_other(gateway: Gateway, mailer: Slow) -> None:
    """Nobody knows whether it left: it is not repeated, and the mail after it goes its way."""

    def breaks() -> None:
        raise RuntimeError("what nobody foresaw")

    first, second = submit_two(gateway)
    mailer.happens = breaks
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert (state_of(gateway, first), state_of(gateway, second)) == (State.UNCONFIRMED, State.SENT)


class HeldUp(ScriptedEarlyMailer):
    """The network takes its time with the first call of each of three threads: until a fourth has made one."""

    def __init__(self) -> None:
        super().__init__()
        self._callers: set[int] = set()
        self._fourth = threading.Event()
        self.in_vain = 0

    def begin(self, envelope: Envelope, *, before_waiting: Callable[[], None]) -> Outcome | Pending:
        """See `app.aws.ses.EarlyMailer`."""
        me = threading.get_ident()
        first = me not in self._callers
        self._callers.add(me)
        if len(self._callers) > 3:
            self._fourth.set()
        elif first:
            before_waiting()
            self.in_vain += not self._fourth.wait(PATIENCE_S)
        return super().begin(envelope, before_waiting=before_waiting)


def test_calls_that_wait_for_the_network_hold_up_no_others(migrated_url: str, redis_url: str, tmp_path: Path) -> None:
    """Few threads are at work at a time. Where each of them has to open a connection, another one makes calls."""
    mailer = HeldUp()
    settings = settings_for(migrated_url, redis_url, ses_threads=200, flight_dir=tmp_path / "flight")
    with closing(build(settings, mailer=mailer)) as gateway:
        addresses = [f"r{number:03}@example.net" for number in range(200)]
        gateway.accept(caller(gateway), [submission(one) for one in addresses], idempotency=None, answer=lambda _: {})
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        assert sorted(one.recipient for one in mailer.sent) == addresses
        assert mailer.in_vain == 0


class Unheard(Heard):
    """An answer of which a part is there, and the rest comes once another mail was sent."""

    def __init__(self, outcome: Outcome, *, begun: threading.Semaphore, other: threading.Event) -> None:
        super().__init__(outcome, pieces=2)
        self._begun = begun
        self._other = other

    def wait(self) -> Outcome:
        """See `app.aws.ses.Pending`."""
        self._begun.release()
        return super().wait() if self._other.wait(PATIENCE_S) else Ambiguous("In vain.")


class SlowToAnswer(ScriptedEarlyMailer):
    """Answers to all but `fast@example.net` come in pieces."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Semaphore(0)
        self._fast = threading.Event()

    def begin(self, envelope: Envelope, *, before_waiting: Callable[[], None]) -> Outcome | Pending:
        """See `app.aws.ses.EarlyMailer`."""
        if envelope.recipient == "fast@example.net":
            self._fast.set()
            return super().begin(envelope, before_waiting=before_waiting)
        return Unheard(self.send(envelope), begun=self.waits, other=self._fast)


def test_answers_that_come_in_pieces_hold_up_no_others(migrated_url: str, redis_url: str, tmp_path: Path) -> None:
    """As many as are at work at a time wait for the rest of an answer, and the next call is made all the same."""
    mailer = SlowToAnswer()
    settings = settings_for(migrated_url, redis_url, ses_threads=200, flight_dir=tmp_path / "flight")
    results: SimpleQueue[Result] = SimpleQueue()
    with closing(build(settings, mailer=mailer)) as gateway:

        def call(address: str) -> None:
            mine, letter = claimed(gateway, address)
            gateway.deliver._parts.recorder.claim(uuid4())
            gateway.deliver._parts.calls.make([Errand(mine, letter, time.monotonic(), results.put)])

        for number in range(3):
            call(f"slow{number}@example.net")
            assert mailer.waits.acquire(timeout=PATIENCE_S)
        call("fast@example.net")
        assert all(isinstance(results.get(timeout=2 * PATIENCE_S), Accepted) for _ in range(4))


def test_the_end_of_the_process_waits_for_what_is_on_the_wire(gateway: Gateway, mailer: Slow) -> None:
    """A drain that is told to stop comes back once every call is answered and recorded."""
    first, second = submit_two(gateway)
    mailer.happens = gateway.deliver.stop
    drained: list[int] = []
    thread = threading.Thread(target=lambda: drained.append(gateway.deliver.drain(Lane.TRANSACTIONAL).reported))
    thread.start()
    thread.join(30)
    assert drained == [2]
    assert (state_of(gateway, first), state_of(gateway, second)) == (State.SENT, State.SENT)
