"""The last look before a call: SQL decides whether the email is still ours and may go, not Redis and not our clock."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Connection, event

from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Envelope, Outcome
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.sending.call_results import FoundSuppressed, NotCalled
from app.services.sending.last_look import LastLook
from app.store.engine.database import Database
from app.store.sending.claims import Look, OpenAttempt, look_again
from app.store.sending.recipients import Recipient
from app.wiring.gateway import Gateway, build
from tests.support.gateway.emails import delivery, feed, state_of, submission, submit, take
from tests.support.gateway.gateways import ScriptedMailer, caller, replace_call_parts, settings_for
from tests.support.gateway.rows import age, change, outcomes, recipient_of

ANN, BOB = "ann@example.net", "bob@example.net"
HOUR = timedelta(hours=1)


def claimed(gateway: Gateway, address: str = ANN) -> tuple[UUID, OpenAttempt]:
    """An email that a worker has claimed."""
    email = submit(gateway, caller(gateway), address)
    (attempt,) = take(gateway).emails
    return email, attempt


def test_an_email_that_is_ours_and_may_go_is_called(gateway: Gateway) -> None:
    """No reason stands against the call."""
    _, attempt = claimed(gateway)
    assert LastLook(gateway.database)(attempt) is None


def test_a_suppression_from_before_the_look_is_seen_whatever_redis_holds(gateway: Gateway) -> None:
    """Redis is warm and has lost the address; SQL has the entry until the address is unsuppressed."""
    _, attempt = claimed(gateway)
    look, who = LastLook(gateway.database), caller(gateway)
    gateway.upkeep.warm_positives()
    gateway.suppress.add(who, ANN)
    gateway.positives.remove([ANN])
    assert gateway.positives.look_up([ANN]) == frozenset()
    assert look(attempt) == FoundSuppressed("manual")
    gateway.unsuppress(who, ANN, reason="A mistake.")
    assert look(attempt) is None


def test_emails_that_are_looked_at_together_are_not_called_while_the_database_is_away(gateway: Gateway) -> None:
    """Each of them gets the same answer: not yet."""
    _, attempt = claimed(gateway)
    look = LastLook(Database("postgresql+psycopg://postern@127.0.0.1:9/nowhere"))
    refusals = look.together([attempt, attempt, attempt])
    assert len(refusals) == 3
    assert all(isinstance(one, NotCalled) for one in refusals)
    assert isinstance(look(attempt), NotCalled)


def claim_again(gateway: Gateway, email: UUID) -> None:
    change(gateway, "recipients", {"state": State.QUEUED, "lease_token": None}, email_id=email)
    assert take(gateway).size == 1


def sweep(gateway: Gateway, email: UUID) -> None:
    age(gateway, "recipients", "lease_until", HOUR, email_id=email)
    assert gateway.upkeep.end_leases() == 1


def sleep_past_the_lease(gateway: Gateway, email: UUID) -> None:
    age(gateway, "recipients", "lease_until", HOUR, email_id=email)


def hear_of_it(gateway: Gateway, email: UUID) -> None:
    feed(gateway, delivery(gateway, email))


LOSSES = [claim_again, sweep, sleep_past_the_lease, hear_of_it]


@pytest.mark.parametrize("loses", LOSSES, ids=lambda loses: loses.__name__)
def test_an_email_that_is_no_longer_ours_is_not_called(
    gateway: Gateway, loses: Callable[[Gateway, UUID], None]
) -> None:
    """Another worker claimed it, its lease is over, swept or not, or SES has had it: by the database, not our clock."""
    email, attempt = claimed(gateway)
    loses(gateway, email)
    assert isinstance(LastLook(gateway.database)(attempt), NotCalled)


def test_of_two_claims_of_one_email_the_later_one_may_call(gateway: Gateway) -> None:
    """Both looks may be in one statement: each is answered by its own token."""
    email, old = claimed(gateway)
    change(gateway, "recipients", {"state": State.QUEUED, "lease_token": None}, email_id=email)
    (new,) = take(gateway).emails
    with gateway.database.reading() as connection:
        assert look_again(connection, [old, new, old]) == [Look(holds=False), Look(holds=True), Look(holds=False)]


def test_a_row_that_is_gone_is_not_ours(gateway: Gateway) -> None:
    """A database that was restored to a moment before the email does not have it: nothing is sent."""
    _, attempt = claimed(gateway)
    with gateway.database.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM attempts")
        connection.exec_driver_sql("DELETE FROM recipients")
    assert isinstance(LastLook(gateway.database)(attempt), NotCalled)


def test_a_hundred_looks_are_one_statement(gateway: Gateway) -> None:
    """Each email has its own answer, in the order of the emails, and the database is asked once."""
    who = caller(gateway)
    names = [f"r{number:03}@example.net" for number in range(100)]
    gateway.accept(who, [submission(name) for name in names], idempotency=None, answer=lambda _: {})
    emails = sorted(take(gateway).emails, key=lambda one: one.recipient.key, reverse=True)
    for name in names[::3]:
        gateway.suppress.add(who, name)
    statements: list[str] = []
    with gateway.database.reading() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2]))
        looks = look_again(connection, emails)
    assert [look.suppressed_by is not None for look in looks] == [one.recipient.key in names[::3] for one in emails]
    assert all(look.holds for look in looks)
    assert len(statements) == 1


class AwayOnce(Database):
    """A database whose first query fails."""

    def __init__(self, database: Database, error: Exception) -> None:
        self.engine = database.engine
        self._database = database
        self._errors = [error]

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        while self._errors:
            raise self._errors.pop()
        with self._database.asking() as connection:
            yield connection


@pytest.mark.parametrize("error", [ServiceUnavailable("Away."), RuntimeError("unforeseen")], ids=repr)
def test_a_look_that_fails_ends_in_not_called(gateway: Gateway, mailer: ScriptedMailer, error: Exception) -> None:
    """The answer is unknown, so SES is not called: the email goes back to the queue, and no attempt is burned."""
    email = submit(gateway, caller(gateway), ANN)
    replace_call_parts(gateway, last_look=LastLook(AwayOnce(gateway.database, error)))
    for _ in range(2):
        gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert outcomes(gateway, email) == ["not_sent", "accepted"]
    assert recipient_of(gateway, email).attempts == 0
    assert len(mailer.sent) == 1


class SlowLook(LastLook):
    """A look after which its thread is held up; `forward` is how far the worker's clock has moved since."""

    forward = 0.0

    def __call__(self, attempt: OpenAttempt) -> NotCalled | FoundSuppressed | None:
        found = super().__call__(attempt)
        self.forward += 11
        return found


def test_while_the_database_is_away_no_email_is_called(gateway: Gateway) -> None:
    """A look at one email, and a look at several: each email waits for another claim."""
    _, attempt = claimed(gateway)
    look = LastLook(Database("postgresql+psycopg://postern@127.0.0.1:9/nowhere"))
    assert isinstance(look(attempt), NotCalled)
    assert list(map(type, look.together([attempt, attempt]))) == [NotCalled, NotCalled]


def test_a_worker_that_is_held_up_after_its_look_makes_no_call(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The answer was good when it came, and is too old now: the self-fence stops the call."""
    email = submit(gateway, caller(gateway), ANN)
    look = SlowLook(gateway.database)
    replace_call_parts(gateway, last_look=look, monotonic=lambda: time.monotonic() + look.forward)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert mailer.sent == []
    assert state_of(gateway, email) is State.QUEUED


class BusyMailer(ScriptedMailer):
    """A mailer during whose first call something happens to the emails that wait behind it."""

    happens: Callable[[], None] | None = None

    def send(self, envelope: Envelope) -> Outcome:
        happens, self.happens = self.happens, None
        if happens is not None:
            happens()
        return super().send(envelope)


@pytest.fixture
def one_by_one(migrated_url: str, redis_url: str, tmp_path: Path) -> Iterator[tuple[Gateway, BusyMailer]]:
    """A gateway that claims many emails and calls SES for one after the other."""
    mailer = BusyMailer()
    gateway = build(settings_for(migrated_url, redis_url, ses_threads=1, flight_dir=tmp_path), mailer=mailer)
    yield gateway, mailer
    gateway.close()


@pytest.mark.parametrize("loses", [claim_again, sweep, hear_of_it], ids=lambda loses: loses.__name__)
def test_an_email_that_was_lost_while_it_waited_is_left_to_its_new_holder(
    one_by_one: tuple[Gateway, BusyMailer], loses: Callable[[Gateway, UUID], None]
) -> None:
    """The email behind the first is lost meanwhile: it is not called, and its row stays as it is."""
    gateway, mailer = one_by_one
    who = caller(gateway)
    submit(gateway, who, ANN)
    email = submit(gateway, who, BOB)
    left: list[Recipient] = []

    def lose() -> None:
        loses(gateway, email)
        left.append(recipient_of(gateway, email))

    mailer.happens = lose
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == [ANN]
    assert [recipient_of(gateway, email)] == left
    assert outcomes(gateway, email)[0] == "not_sent"


def test_an_email_that_waited_longer_than_its_lease_is_claimed_again(one_by_one: tuple[Gateway, BusyMailer]) -> None:
    """The host slept, and its clock with it. No worker has taken the email: it goes back uncalled and is sent once."""
    gateway, mailer = one_by_one
    who = caller(gateway)
    submit(gateway, who, ANN)
    email = submit(gateway, who, BOB)
    mailer.happens = lambda: sleep_past_the_lease(gateway, email)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == [ANN, BOB]
    assert outcomes(gateway, email) == ["not_sent", "accepted"]
