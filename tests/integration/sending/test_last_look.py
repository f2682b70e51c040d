"""The last look before a call: SQL tells whether the mail is still ours and may go, and neither Redis nor our clock."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Connection, event

from app.domain.delivery import State
from app.domain.errors import ServiceUnavailable
from app.domain.outcome import Envelope, Outcome
from app.queue import Lane
from app.services.last_look import LastLook
from app.services.results import FoundSuppressed, NotCalled
from app.store.claims import Look, Mine, look_again
from app.store.db import Database
from app.store.recipients import Recipient
from app.wiring import Gateway, build
from tests.gateways import ScriptedMailer, caller, settings_for
from tests.mails import delivery, feed, state_of, submission, submit, take
from tests.rows import age, change, outcomes, recipient_of

ANN, BOB = "ann@example.net", "bob@example.net"
HOUR = timedelta(hours=1)


def claimed(gateway: Gateway, address: str = ANN) -> tuple[UUID, Mine]:
    """A mail that a worker has claimed."""
    mail = submit(gateway, caller(gateway), address)
    (mine,) = take(gateway).mails
    return mail, mine


def test_a_mail_that_is_ours_and_may_go_is_called(gateway: Gateway) -> None:
    """Nothing speaks against it."""
    _, mine = claimed(gateway)
    assert LastLook(gateway.database)(mine) is None


def test_what_was_committed_before_the_look_is_seen_whatever_redis_holds(gateway: Gateway) -> None:
    """Redis is warm and has lost the address: SQL knows it, and forgets it only when somebody unsuppresses it."""
    _, mine = claimed(gateway)
    look, who = LastLook(gateway.database), caller(gateway)
    gateway.upkeep.warm_positives()
    gateway.suppress.add(who, ANN)
    gateway.positives.remove([ANN])
    assert gateway.positives.look_up([ANN]) == frozenset()
    assert look(mine) == FoundSuppressed("manual")
    gateway.suppress.remove(who, ANN, reason="A mistake.")
    assert look(mine) is None


def claim_again(gateway: Gateway, mail: UUID) -> None:
    change(gateway, "recipients", {"state": State.QUEUED, "lease_token": None}, email_id=mail)
    assert take(gateway).size == 1


def sweep(gateway: Gateway, mail: UUID) -> None:
    age(gateway, "recipients", "lease_until", HOUR, email_id=mail)
    assert gateway.upkeep.end_leases() == 1


def sleep_past_the_lease(gateway: Gateway, mail: UUID) -> None:
    age(gateway, "recipients", "lease_until", HOUR, email_id=mail)


def hear_of_it(gateway: Gateway, mail: UUID) -> None:
    feed(gateway, delivery(gateway, mail))


LOSSES = [claim_again, sweep, sleep_past_the_lease, hear_of_it]


@pytest.mark.parametrize("loses", LOSSES, ids=lambda loses: loses.__name__)
def test_a_mail_that_is_no_longer_ours_is_not_called(gateway: Gateway, loses: Callable[[Gateway, UUID], None]) -> None:
    """Somebody claimed it anew, its lease is over, swept or not, or SES has had it: by the database, not our clock."""
    mail, mine = claimed(gateway)
    loses(gateway, mail)
    assert isinstance(LastLook(gateway.database)(mine), NotCalled)


def test_of_two_claims_of_one_mail_the_later_one_may_call(gateway: Gateway) -> None:
    """They may meet in one statement: each is told by its own token."""
    mail, old = claimed(gateway)
    change(gateway, "recipients", {"state": State.QUEUED, "lease_token": None}, email_id=mail)
    (new,) = take(gateway).mails
    with gateway.database.reading() as connection:
        assert look_again(connection, [old, new, old]) == [Look(holds=False), Look(holds=True), Look(holds=False)]


def test_a_row_that_is_gone_is_not_ours(gateway: Gateway) -> None:
    """A database that was restored to a moment before the mail knows nothing of it: nothing is sent."""
    _, mine = claimed(gateway)
    with gateway.database.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM attempts")
        connection.exec_driver_sql("DELETE FROM recipients")
    assert isinstance(LastLook(gateway.database)(mine), NotCalled)


def test_a_hundred_looks_are_one_statement(gateway: Gateway) -> None:
    """Each mail has its own answer, in the order of the question, and the database is asked once."""
    who = caller(gateway)
    names = [f"r{number:03}@example.net" for number in range(100)]
    gateway.accept(who, [submission(name) for name in names], idempotency=None, answer=lambda _: {})
    mails = sorted(take(gateway).mails, key=lambda one: one.recipient.key, reverse=True)
    for name in names[::3]:
        gateway.suppress.add(who, name)
    statements: list[str] = []
    with gateway.database.reading() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2]))
        looks = look_again(connection, mails)
    assert [look.suppressed_by is not None for look in looks] == [one.recipient.key in names[::3] for one in mails]
    assert all(look.holds for look in looks)
    assert len(statements) == 1


class AwayOnce(Database):
    """A database whose first look-up finds nobody there."""

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


@pytest.mark.parametrize("error", [ServiceUnavailable("Away."), RuntimeError("what nobody foresaw")], ids=repr)
def test_a_look_that_fails_ends_in_not_called(gateway: Gateway, mailer: ScriptedMailer, error: Exception) -> None:
    """Nobody knows, so SES is not called: the mail goes back to the queue, and no attempt is burned."""
    mail = submit(gateway, caller(gateway), ANN)
    gateway.deliver._parts.calls.call._look = LastLook(AwayOnce(gateway.database, error))
    for _ in range(2):
        gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert outcomes(gateway, mail) == ["not_sent", "accepted"]
    assert recipient_of(gateway, mail).attempts == 0
    assert len(mailer.sent) == 1


class SlowLook(LastLook):
    """A look after which its thread is held up; `forward` is how far the clock of the worker has gone since."""

    forward = 0.0

    def __call__(self, mine: Mine) -> NotCalled | FoundSuppressed | None:
        found = super().__call__(mine)
        self.forward += 11
        return found


def test_a_worker_that_is_held_up_after_its_look_calls_nobody(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The answer was good when it came, and is old now: the self-fence stops the call."""
    mail = submit(gateway, caller(gateway), ANN)
    call = gateway.deliver._parts.calls.call
    call._look = look = SlowLook(gateway.database)
    call._monotonic = lambda: time.monotonic() + look.forward
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert mailer.sent == []
    assert state_of(gateway, mail) is State.QUEUED


class BusyMailer(ScriptedMailer):
    """SES, while something happens to the mails that wait behind the first."""

    happens: Callable[[], None] | None = None

    def send(self, envelope: Envelope) -> Outcome:
        happens, self.happens = self.happens, None
        if happens is not None:
            happens()
        return super().send(envelope)


@pytest.fixture
def one_by_one(migrated_url: str, redis_url: str, tmp_path: Path) -> Iterator[tuple[Gateway, BusyMailer]]:
    """A gateway that claims many mails and calls SES for one after the other."""
    mailer = BusyMailer()
    gateway = build(settings_for(migrated_url, redis_url, ses_threads=1, flight_dir=tmp_path), mailer=mailer)
    yield gateway, mailer
    gateway.close()


@pytest.mark.parametrize("loses", [claim_again, sweep, hear_of_it], ids=lambda loses: loses.__name__)
def test_what_was_lost_while_it_waited_is_left_to_whoever_has_it(
    one_by_one: tuple[Gateway, BusyMailer], loses: Callable[[Gateway, UUID], None]
) -> None:
    """The mail behind the first is lost meanwhile: it is not called, and its row stays as others have left it."""
    gateway, mailer = one_by_one
    who = caller(gateway)
    submit(gateway, who, ANN)
    mail = submit(gateway, who, BOB)
    left: list[Recipient] = []

    def lose() -> None:
        loses(gateway, mail)
        left.append(recipient_of(gateway, mail))

    mailer.happens = lose
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == [ANN]
    assert [recipient_of(gateway, mail)] == left
    assert outcomes(gateway, mail)[0] == "not_sent"


def test_what_waited_longer_than_its_lease_is_claimed_again(one_by_one: tuple[Gateway, BusyMailer]) -> None:
    """The host slept, and its own clock with it. Nobody has taken the mail: it goes back uncalled, and is sent once."""
    gateway, mailer = one_by_one
    who = caller(gateway)
    submit(gateway, who, ANN)
    mail = submit(gateway, who, BOB)
    mailer.happens = lambda: sleep_past_the_lease(gateway, mail)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == [ANN, BOB]
    assert outcomes(gateway, mail) == ["not_sent", "accepted"]
