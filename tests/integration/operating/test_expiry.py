"""Emails past their deadline end as expired, unless they may have been sent: all in one sweep, and each by itself."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.operating import upkeep
from app.store.sending import recipients
from app.store.sending.recipients import Recipient
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import state_of, submit, take
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, change, recipient_of, rows

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("state", [State.QUEUED, State.SCHEDULED, State.RETRY_WAIT, State.HELD])
def test_an_email_past_its_deadline_expires(gateway: Gateway, state: State) -> None:
    """An email that was not sent in time ends as expired, with its reason, and is never sent."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    change(gateway, "recipients", {"state": state})
    assert gateway.upkeep.expire() == 0
    age(gateway, "recipients", "expires_at", SECOND)
    assert gateway.upkeep.expire() == 1
    assert recipient_of(gateway, email).reason == "The email expired before it could be sent."
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.EXPIRED


def test_an_email_that_may_have_been_sent_does_not_expire(gateway: Gateway) -> None:
    """With a call whose outcome is unknown, it must not be reported as unsent."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    take(gateway)
    age(gateway, "recipients", "lease_until", SECOND)
    gateway.upkeep.end_leases()
    change(gateway, "recipients", {"state": State.RETRY_WAIT})
    age(gateway, "recipients", "expires_at", SECOND)
    assert gateway.upkeep.expire() == 0
    assert state_of(gateway, email) is State.RETRY_WAIT


def test_an_email_that_cannot_expire_delays_no_other(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many have an unknown outcome, the batch of a sweep holds only those that it can end."""
    monkeypatch.setattr(upkeep, "BATCH", 1)
    who = caller(gateway)
    submit(gateway, who, "ann@example.net")
    take(gateway)
    late = submit(gateway, who, "bob@example.net")
    change(gateway, "recipients", {"state": State.RETRY_WAIT})
    age(gateway, "recipients", "expires_at", SECOND)
    assert gateway.upkeep.expire() == 1
    assert state_of(gateway, late) is State.EXPIRED


def test_all_that_has_expired_ends_in_one_sweep(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a long outage: each claim has to look past those that are left."""
    monkeypatch.setattr(upkeep, "BATCH", 2)
    who = caller(gateway)
    emails = [submit(gateway, who, f"kim{number}@example.net") for number in range(7)]
    for email, seconds in zip(emails, (3, 1, 2, 2, 2, 5, 4), strict=True):
        age(gateway, "recipients", "expires_at", seconds * SECOND, email_id=email)
    assert gateway.upkeep.expire() == 7
    assert {state_of(gateway, email) for email in emails} == {State.EXPIRED}


def test_an_expired_email_that_cannot_be_saved_delays_no_other(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried once in a sweep, and stays as it is, with an incident."""
    monkeypatch.setattr(upkeep, "BATCH", 2)
    who = caller(gateway)
    poison, *others = [submit(gateway, who, f"kim{number}@example.net") for number in range(6)]
    age(gateway, "recipients", "expires_at", 2 * SECOND, email_id=poison)
    for email in others:
        age(gateway, "recipients", "expires_at", SECOND, email_id=email)
    save = recipients.save

    def refuse(connection: Connection, changed: Sequence[Recipient]) -> None:
        if any(row.email_id == poison for row in changed):
            raise ValueError("poison")
        save(connection, changed)

    monkeypatch.setattr(recipients, "save", refuse)
    assert gateway.upkeep.expire() == 5
    assert {state_of(gateway, email) for email in others} == {State.EXPIRED}
    assert state_of(gateway, poison) is State.QUEUED
    assert [(row["kind"], row["count"]) for row in rows(gateway, "incidents")] == [("poison_row", 1)]
