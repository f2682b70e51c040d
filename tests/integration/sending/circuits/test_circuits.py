"""Circuits: which email has to wait, until when, and the one email that probes whether the trouble is over."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest

from app.domain.sending.call_outcome import Tripped
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.sending.claim_order import claim_in_turn
from app.store.engine.database import Database
from app.store.sending import circuits
from app.store.sending.claims import Wanted
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller
from tests.support.gateway.rows import age, count, rows

WANTED = Wanted(lane=Lane.TRANSACTIONAL, limit=2, lease=timedelta(minutes=1))
NO = Tripped("account", "The account may not send.")


def trip(gateway: Gateway, scope: str = "account") -> None:
    with gateway.database.transaction() as connection:
        circuits.trip(connection, scope, reason="For this test.")


def probe(gateway: Gateway) -> str | None:
    with gateway.database.transaction() as connection:
        return circuits.take_probe(connection)


def make_probe_due(gateway: Gateway) -> None:
    age(gateway, "circuits", "probe_at", timedelta(seconds=1))


def make_mail_due(gateway: Gateway) -> None:
    age(gateway, "recipients", "due_at", timedelta(seconds=1))


def test_each_failure_doubles_the_wait_up_to_five_minutes(gateway: Gateway) -> None:
    """10 s after the first refusal, then 20, 40, … and never more than five minutes."""
    waits = []
    for _ in range(7):
        trip(gateway)
        with gateway.database.reading() as connection:
            [circuit] = circuits.all_open(connection)
        [row] = rows(gateway, "circuits")
        assert circuit.probe_at is not None
        waits.append(row["probe_at"] - circuit.opened_at)
    seconds = [round(wait.total_seconds(), -1) for wait in waits]
    assert seconds == [10, 20, 40, 80, 160, 300, 300]


def test_a_probe_is_taken_by_one_worker_at_a_time(gateway: Gateway) -> None:
    """Once it is taken, no other worker probes the circuit for the next ten seconds."""
    trip(gateway)
    assert probe(gateway) is None
    make_probe_due(gateway)
    assert probe(gateway) == "account"
    assert probe(gateway) is None


def test_two_workers_may_trip_one_circuit_at_once(migrated_postgres_url: str) -> None:
    """SES refused both; both record that, and neither loses the report that goes with it."""
    database = Database(migrated_postgres_url)
    first_has_tripped = Event()

    def second() -> None:
        first_has_tripped.wait(5)
        with database.transaction() as connection:
            circuits.trip(connection, "account", reason="Me too.")

    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(second)
        with database.transaction() as connection:
            circuits.trip(connection, "account", reason="Me first.")
            first_has_tripped.set()
            with pytest.raises(TimeoutError):
                waiting.result(0.3)
        waiting.result(5)
    with database.reading() as connection:
        assert [one.scope for one in circuits.all_open(connection)] == ["account"]
    database.close()


def test_only_a_person_ends_a_pause(gateway: Gateway) -> None:
    """Neither a refusal nor a success of an email ends an operator's pause; no worker probes it."""
    with gateway.database.transaction() as connection:
        circuits.pause(connection, "lane:bulk", reason="Maintenance.")
        circuits.trip(connection, "lane:bulk", reason="Refused.")
        circuits.close(connection, ["lane:bulk"])
    [row] = rows(gateway, "circuits")
    assert (row["reason"], row["probe_at"]) == ("Maintenance.", None)
    assert probe(gateway) is None
    with gateway.database.transaction() as connection:
        assert circuits.resume(connection, "lane:bulk")
        assert not circuits.resume(connection, "lane:bulk")


def test_a_refused_account_costs_one_call_a_probe(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """While SES refuses the account, one email at a time probes, and all others wait uncalled, their attempts whole."""
    who = caller(gateway)
    readers = [f"r{number}@example.net" for number in range(5)]
    mailer.answers |= dict.fromkeys(readers, NO)
    emails = [submit(gateway, who, reader) for reader in readers[:1]]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    emails += [submit(gateway, who, reader) for reader in readers[1:]]
    make_mail_due(gateway)
    assert len(mailer.sent) == 1
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert len(mailer.sent) == 1
    for probes in (1, 2, 3):
        make_probe_due(gateway)
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        make_mail_due(gateway)
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        assert len(mailer.sent) == 1 + probes
    assert {row["attempts"] for row in rows(gateway, "recipients")} == {0}
    assert all(state_of(gateway, email) in {State.QUEUED, State.RETRY_WAIT} for email in emails)


def test_a_probe_that_succeeds_lets_all_email_go(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The first email that SES takes closes the circuit, and the waiting email is sent."""
    who = caller(gateway)
    mailer.answers["r0@example.net"] = NO
    emails = [submit(gateway, who, "r0@example.net")]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    mailer.answers.clear()
    emails += [submit(gateway, who, f"r{number}@example.net") for number in range(1, 5)]
    make_mail_due(gateway)
    make_probe_due(gateway)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert count(gateway, "circuits") == 0
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert {state_of(gateway, email) for email in emails} == {State.SENT}


def test_a_probe_goes_before_all_email_that_may_go(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A queue that never ends does not keep one domain waiting: its probe is called first, and alone."""
    who = caller(gateway, senders=("*",))
    mailer.answers["kim@example.net"] = Tripped("sender:example.org", "The domain is not verified.")
    submit(gateway, who, "kim@example.net", sender="news@example.org")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    mailer.answers.clear()
    for number in range(3):
        submit(gateway, who, f"r{number}@example.net")
    make_mail_due(gateway)
    make_probe_due(gateway)
    with gateway.database.transaction() as connection:
        taken = [claim_in_turn(connection, [WANTED]) for _ in range(3)]
    assert [{one.recipient.address for one in claim.emails} for claim in taken] == [
        {"kim@example.net"},
        {"r0@example.net", "r1@example.net"},
        {"r2@example.net"},
    ]
    assert [claim.dry for claim in taken] == [False, False, True]


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_a_probe_that_another_worker_has_holds_up_no_worker(gateway: Gateway) -> None:
    """While one worker takes the probe, the others go on with email that may go."""
    submit(gateway, caller(gateway), "ann@example.net")
    trip(gateway, "sender:example.org")
    make_probe_due(gateway)
    with gateway.database.transaction() as theirs:
        assert circuits.take_probe(theirs) == "sender:example.org"
        with gateway.database.transaction() as ours:
            claim = claim_in_turn(ours, [WANTED])
    assert [one.recipient.address for one in claim.emails] == ["ann@example.net"]


def test_a_refused_sender_holds_up_no_other(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Email from another From domain is sent while one domain waits, and does not close that domain's circuit."""
    who = caller(gateway, senders=("*",))
    mailer.answers["kim@example.net"] = Tripped("sender:example.org", "The domain is not verified.")
    held = submit(gateway, who, "kim@example.net", sender="news@example.org")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    free = submit(gateway, who, "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert (state_of(gateway, free), state_of(gateway, held)) == (State.SENT, State.RETRY_WAIT)
    assert [row["scope"] for row in rows(gateway, "circuits")] == ["sender:example.org"]
