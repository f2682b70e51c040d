"""Calls that do not wait for each other keep every promise that a call on a thread of its own keeps."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from queue import SimpleQueue
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection

from app.aws.ses.mailer import Pending
from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Accepted, Ambiguous, Envelope, Outcome, Refused
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.sending import call_pools
from app.services.sending.call_pools import CallOrder, EarlyCalls
from app.services.sending.call_results import Report
from app.services.sending.last_look import LastLook
from app.store.engine.database import Database
from app.wiring.gateway import Gateway, build
from tests.support.gateway.early_mailers import Heard, ScriptedEarlyMailer
from tests.support.gateway.emails import claimed, state_of, submission, submit
from tests.support.gateway.gateways import caller, replace_call_parts, settings_for
from tests.support.gateway.rows import outcomes, rows

PATIENCE_S = 10.0


class Slow(ScriptedEarlyMailer):
    """A mailer whose first call is interrupted by an event of the test before it returns."""

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
    """Two emails that are claimed together; the first of them is called first."""
    who = caller(gateway)
    return submit(gateway, who, "first@example.net"), submit(gateway, who, "second@example.net")


def test_many_emails_are_sent_once_each(gateway: Gateway, mailer: Slow) -> None:
    """In whatever order the answers come: every email is sent once, under its own message id."""
    who = caller(gateway)
    addresses = [f"r{number:03}@example.net" for number in range(150)]
    gateway.accept(who, [submission(one) for one in addresses], idempotency=None, answer=lambda _: {})
    assert isinstance(gateway.deliver.parts.calls, EarlyCalls)
    while gateway.deliver.drain(Lane.TRANSACTIONAL).more:
        pass
    assert sorted(one.recipient for one in mailer.sent) == addresses
    for row in rows(gateway, "recipients"):
        assert row["state"] == State.SENT
        assert row["ses_message_id"].endswith(row["address"])


def test_each_outcome_is_its_own(gateway: Gateway, mailer: Slow) -> None:
    """A refusal and an unknown outcome stand among accepted calls, each with its own email."""
    first, second = submit_two(gateway)
    third = submit(gateway, caller(gateway), "third@example.net")
    mailer.answers = {"first@example.net": Refused("No."), "second@example.net": Ambiguous("Silence.")}
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [state_of(gateway, one) for one in (first, second, third)] == [State.FAILED, State.UNCONFIRMED, State.SENT]


def test_a_suppression_from_while_another_call_was_held_up_is_seen(gateway: Gateway, mailer: Slow) -> None:
    """Two emails share a look. The first call is slow to begin, so the second email gets another look."""
    first, second = submit_two(gateway)

    def suppress() -> None:
        gateway.suppress.add(caller(gateway), "second@example.net")
        time.sleep(2 * call_pools.LOOK_LASTS_S)

    mailer.happens = suppress
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == ["first@example.net"]
    assert (state_of(gateway, first), state_of(gateway, second)) == (State.SENT, State.SUPPRESSED)
    assert outcomes(gateway, second) == ["not_sent"]


def test_a_suppression_from_before_the_look_is_seen(gateway: Gateway, mailer: Slow) -> None:
    """The suppression came after the claim and before the look that all emails share."""
    first, second = submit_two(gateway)
    call = gateway.deliver.parts.calls.call
    look = call.look

    def late(emails: object) -> object:
        gateway.suppress.add(caller(gateway), "second@example.net")
        call.look = look  # type: ignore[method-assign]
        return look(emails)  # type: ignore[arg-type]

    call.look = late  # type: ignore[method-assign, assignment]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == ["first@example.net"]
    assert (state_of(gateway, first), state_of(gateway, second)) == (State.SENT, State.SUPPRESSED)


class Away(Database):
    """A database that fails each query as long as a failure is set."""

    def __init__(self, database: Database, failure: Exception) -> None:
        self._database = database
        self.failure: Exception | None = failure

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        if self.failure is not None:
            raise self.failure
        with self._database.asking() as connection:
            yield connection


@pytest.mark.parametrize("failure", [ServiceUnavailable("Away."), RuntimeError("unforeseen")], ids=str)
def test_without_a_last_look_no_email_is_called(gateway: Gateway, mailer: Slow, failure: Exception) -> None:
    """The database leaves after the claim, so the suppressions are not known: the emails go back to the queue."""
    emails = submit_two(gateway)
    away = Away(gateway.database, failure)
    replace_call_parts(gateway, last_look=LastLook(away))
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert mailer.sent == []
    assert {state_of(gateway, one) for one in emails} == {State.QUEUED}
    gateway.suppress.add(caller(gateway), "second@example.net")
    away.failure = None
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == ["first@example.net"]


def test_a_call_is_noted_before_it_begins(gateway: Gateway, mailer: Slow) -> None:
    """A process that dies in a call leaves a note that the call began, so the email does not count as uncalled."""
    submit_two(gateway)
    noted: list[int] = []

    def count() -> None:
        [notes] = gateway.settings.flight_dir.glob("*.flight")
        noted.append(notes.read_bytes().count(b'"start"'))

    mailer.happens = count
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert noted == [1]


def test_a_call_that_breaks_leaves_its_outcome_unknown_and_stops_no_other(gateway: Gateway, mailer: Slow) -> None:
    """Its email may have been sent, so the call is not repeated, and the next email goes on."""

    def breaks() -> None:
        raise RuntimeError("unforeseen")

    first, second = submit_two(gateway)
    mailer.happens = breaks
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert (state_of(gateway, first), state_of(gateway, second)) == (State.UNCONFIRMED, State.SENT)


class HeldUp(ScriptedEarlyMailer):
    """The first call of each of three threads waits for the network until a fourth thread has made a call."""

    def __init__(self) -> None:
        super().__init__()
        self._callers: set[int] = set()
        self._fourth = threading.Event()
        self.in_vain = 0

    def begin(self, envelope: Envelope, *, before_waiting: Callable[[], None]) -> Outcome | Pending:
        """See `app.aws.ses.mailer.EarlyMailer`."""
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
    """Few threads work at a time. While each of them opens a connection, another one makes calls."""
    mailer = HeldUp()
    settings = settings_for(migrated_url, redis_url, ses_threads=200, flight_dir=tmp_path / "flight")
    with closing(build(settings, mailer=mailer)) as gateway:
        addresses = [f"r{number:03}@example.net" for number in range(200)]
        gateway.accept(caller(gateway), [submission(one) for one in addresses], idempotency=None, answer=lambda _: {})
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        assert sorted(one.recipient for one in mailer.sent) == addresses
        assert mailer.in_vain == 0


class Unheard(Heard):
    """An answer whose first part is there; the rest comes once another email was sent."""

    def __init__(self, outcome: Outcome, *, begun: threading.Semaphore, other: threading.Event) -> None:
        super().__init__(outcome, pieces=2)
        self._begun = begun
        self._other = other

    def wait(self) -> Outcome:
        """See `app.aws.ses.mailer.Pending`."""
        self._begun.release()
        return super().wait() if self._other.wait(PATIENCE_S) else Ambiguous("In vain.")


class SlowToAnswer(ScriptedEarlyMailer):
    """Answers come in pieces, except the one for `fast@example.net`."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Semaphore(0)
        self._fast = threading.Event()

    def begin(self, envelope: Envelope, *, before_waiting: Callable[[], None]) -> Outcome | Pending:
        """See `app.aws.ses.mailer.EarlyMailer`."""
        if envelope.recipient == "fast@example.net":
            self._fast.set()
            return super().begin(envelope, before_waiting=before_waiting)
        return Unheard(self.send(envelope), begun=self.waits, other=self._fast)


def test_answers_that_come_in_pieces_hold_up_no_others(migrated_url: str, redis_url: str, tmp_path: Path) -> None:
    """As many calls as may run at a time wait for the rest of an answer, and the next call is still made."""
    mailer = SlowToAnswer()
    settings = settings_for(migrated_url, redis_url, ses_threads=200, flight_dir=tmp_path / "flight")
    reports: SimpleQueue[Report] = SimpleQueue()
    with closing(build(settings, mailer=mailer)) as gateway:

        def call(address: str) -> None:
            attempt, sealed_email = claimed(gateway, address)
            gateway.deliver.parts.recorder.claim(uuid4())
            gateway.deliver.parts.calls.make([CallOrder(attempt, sealed_email, time.monotonic(), reports)])

        for number in range(3):
            call(f"slow{number}@example.net")
            assert mailer.waits.acquire(timeout=PATIENCE_S)
        call("fast@example.net")
        assert all(isinstance(reports.get(timeout=2 * PATIENCE_S).result, Accepted) for _ in range(4))


def test_the_end_of_the_process_waits_for_calls_on_the_wire(gateway: Gateway, mailer: Slow) -> None:
    """A drain that has to stop returns once every call is answered and recorded."""
    first, second = submit_two(gateway)
    mailer.happens = gateway.deliver.stop
    drained: list[int] = []
    thread = threading.Thread(target=lambda: drained.append(gateway.deliver.drain(Lane.TRANSACTIONAL).reported))
    thread.start()
    thread.join(30)
    assert drained == [2]
    assert (state_of(gateway, first), state_of(gateway, second)) == (State.SENT, State.SENT)
