"""The sweep of unconfirmed email: it decides from the rows as they are, batch by batch, and sends few canaries."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection, delete, update

from app.domain.apps.callers import Caller
from app.domain.sending.state_machine import State
from app.domain.sending.unconfirmed_policy import ENOUGH_PEERS, OnUnconfirmed
from app.queue import Lane
from app.services.sending import unconfirmed
from app.services.sending.unconfirmed import CANARY
from app.store.engine.database import clock
from app.store.sending import recipients
from app.store.sending.recipients import Recipient
from app.store.tables.core import metadata
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import state_of
from tests.support.gateway.gateways import ScriptedMailer, caller
from tests.support.gateway.rows import age, count, recipient_of, rows
from tests.support.gateway.unconfirmed import ANN, QUIET, be_quiet, send_peers, submit_in_silence

BOB = "bob@example.net"


@pytest.fixture
def who(gateway: Gateway) -> Caller:
    return caller(gateway)


Change = Callable[[Connection, UUID], object]
ROWS, CALLS = metadata.tables["recipients"], metadata.tables["attempts"]


def settle(connection: Connection, id_: UUID) -> None:
    connection.execute(update(ROWS).where(ROWS.c.id == id_).values(state=State.DELIVERED))


def forget_since_when(connection: Connection, id_: UUID) -> None:
    connection.execute(update(ROWS).where(ROWS.c.id == id_).values(unconfirmed_since=None))


def call_again(connection: Connection, id_: UUID) -> None:
    connection.execute(update(ROWS).where(ROWS.c.id == id_).values(unconfirmed_since=clock(connection)))


def remove(connection: Connection, id_: UUID) -> None:
    connection.execute(delete(CALLS).where(CALLS.c.recipient_id == id_))
    connection.execute(delete(ROWS).where(ROWS.c.id == id_))


def change_before_the_lock(monkeypatch: pytest.MonkeyPatch, id_: UUID, change: Change) -> None:
    """Let a row change after the sweep has found it."""
    lock = recipients.lock

    def lock_later(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Recipient]:
        change(connection, id_)
        return lock(connection, ids)

    monkeypatch.setattr(recipients, "lock", lock_later)


@pytest.mark.parametrize(
    "change, states",
    [
        (settle, [State.DELIVERED]),
        (forget_since_when, [State.UNCONFIRMED]),
        (call_again, [State.UNCONFIRMED]),
        (remove, []),
    ],
)
def test_an_email_that_changed_since_it_was_found_is_left_as_it_is(
    gateway: Gateway,
    mailer: ScriptedMailer,
    who: Caller,
    monkeypatch: pytest.MonkeyPatch,
    change: Change,
    states: list[State],
) -> None:
    """Nothing is proven about it. The other emails of its batch are settled all the same."""
    first, second = submit_in_silence(gateway, mailer, who, ANN, BOB)
    send_peers(gateway, mailer, who, seen=ENOUGH_PEERS)
    be_quiet(gateway)
    changed = recipient_of(gateway, first).id
    change_before_the_lock(monkeypatch, changed, change)
    assert gateway.reconcile.sweep() == 1
    assert [row["state"] for row in rows(gateway, "recipients", id=changed)] == states
    assert state_of(gateway, second) is State.RETRY_WAIT
    assert rows(gateway, "incidents") == []


@pytest.mark.parametrize("change", [settle, call_again])
def test_an_email_that_changed_since_it_was_found_asks_for_no_canary(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    """Nothing about it is left to prove, or not before it was quiet."""
    [email] = submit_in_silence(gateway, mailer, who, ANN)
    be_quiet(gateway)
    change_before_the_lock(monkeypatch, recipient_of(gateway, email).id, change)
    assert gateway.reconcile.sweep() == 0
    assert count(gateway, "recipients", key=CANARY) == 0


def test_the_sweep_counts_what_it_has_settled_in_all_batches(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last batch may be smaller than the others."""
    monkeypatch.setattr(unconfirmed, "BATCH", 2)
    submit_in_silence(gateway, mailer, who, ANN, BOB, "eve@example.net", on_unconfirmed=OnUnconfirmed.HOLD)
    be_quiet(gateway)
    assert gateway.reconcile.sweep() == 3


def test_an_email_that_a_person_decides_about_asks_for_no_canary(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller
) -> None:
    """With `hold`, no proof would change what follows."""
    submit_in_silence(gateway, mailer, who, ANN, on_unconfirmed=OnUnconfirmed.HOLD)
    be_quiet(gateway)
    assert gateway.reconcile.sweep() == 1
    assert count(gateway, "recipients", key=CANARY) == 0


def test_a_canary_without_an_event_is_followed_by_another_after_the_quiet_time(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller
) -> None:
    """Until then it may still prove something. All belong to one application."""
    submit_in_silence(gateway, mailer, who, ANN)
    be_quiet(gateway)
    for canaries, later in ((1, timedelta(minutes=14)), (1, QUIET), (2, timedelta(0))):
        for _ in range(2):
            assert gateway.reconcile.sweep() == 0
            assert count(gateway, "recipients", key=CANARY) == canaries
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        age(gateway, "recipients", "created_at", later)
    assert count(gateway, "apps", name="postern") == 1
    assert rows(gateway, "incidents") == []
