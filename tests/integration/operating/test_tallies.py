"""How many recipients were accepted, sent to, delivered to and so on: counted once each, whatever comes twice."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection

from app.domain.sending.call_outcome import Ambiguous, Refused
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.store.operating import tallies
from app.store.sending import recipients
from app.store.sending.recipients import Recipient
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, bounce, complaint, delivery, feed, submit
from tests.support.gateway.gateways import ScriptedMailer, caller
from tests.support.gateway.rows import age, change, recipient_of


def counted(gateway: Gateway) -> dict[str, int]:
    """The events that have happened to any recipient."""
    return {event: number for event, number in gateway.measure().events.items() if number}


def send(gateway: Gateway, *to: str) -> UUID:
    """Submit an email and send what is due."""
    email = submit(gateway, caller(gateway), *to)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    return email


def test_each_recipient_is_counted_as_accepted_and_sent(gateway: Gateway) -> None:
    """An email to three is three."""
    send(gateway, "ann@example.net", "bob@example.net", "kim@example.net")
    assert counted(gateway) == {"accepted": 3, "sent": 3}


def test_an_email_is_counted_once_under_its_idempotency_key(gateway: Gateway) -> None:
    """A repeated request accepts nothing."""
    for _ in range(2):
        submit(gateway, caller(gateway), "ann@example.net", idempotency="order-1")
    assert counted(gateway) == {"accepted": 1}


@pytest.mark.parametrize("event, state", [(delivery, "delivered"), (bounce, "bounced"), (complaint, "complained")])
def test_what_ses_reports_is_counted_once(gateway: Gateway, event: Callable[..., Any], state: str) -> None:
    """SNS delivers some notifications twice."""
    email = send(gateway, "kim@example.net")
    for _ in range(2):
        feed(gateway, event(gateway, email))
    assert counted(gateway) == {"accepted": 1, "sent": 1, state: 1}


def test_bounces_are_counted_by_type_and_cause(gateway: Gateway) -> None:
    """Permanent ones are those by which AWS judges an account; a soft one after a delivery counts as a bounce too."""
    first, second = send(gateway, "kim@example.net"), send(gateway, "ann@example.net")
    feed(gateway, bounce(gateway, first))
    feed(gateway, bounce(gateway, second, kind="Transient", subtype="MailboxFull"))
    assert gateway.measure().bounces == {("permanent", "mailbox_gone"): 1, ("transient", "mailbox_full"): 1}


def test_email_that_is_not_sent_is_counted_by_its_end(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Suppressed, refused, canceled and expired."""
    gateway.suppress.add(ROOT, "kim@example.net", scope="*", reason="By phone.")
    send(gateway, "kim@example.net")
    mailer.answers["ann@example.net"] = Refused("Too large.")
    send(gateway, "ann@example.net")
    who = caller(gateway)
    gateway.revise.cancel(who, submit(gateway, who, "bob@example.net"))
    submit(gateway, who, "eve@example.net", expires_in=timedelta(hours=1))
    age(gateway, "recipients", "expires_at", timedelta(hours=2))
    gateway.upkeep.expire()
    assert counted(gateway) == {"accepted": 4, "suppressed": 1, "failed": 1, "canceled": 1, "expired": 1}


def test_an_email_whose_answer_was_lost_is_counted_when_its_event_comes(
    gateway: Gateway, mailer: ScriptedMailer
) -> None:
    """The event proves that SES took it."""
    mailer.answers["kim@example.net"] = Ambiguous("Silence.")
    email = send(gateway, "kim@example.net")
    assert counted(gateway) == {"accepted": 1}
    feed(gateway, delivery(gateway, email))
    assert counted(gateway) == {"accepted": 1, "sent": 1, "delivered": 1}


def test_what_a_person_discards_is_counted_as_canceled(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """An email that was held has the end that a person gave it."""
    mailer.answers["kim@example.net"] = Ambiguous("Silence.")
    email = send(gateway, "kim@example.net")
    change(gateway, "recipients", {"state": State.HELD}, email_id=email)
    gateway.reconcile.discard(ROOT, recipient_of(gateway, email).id, reason="The event is over.")
    assert counted(gateway) == {"accepted": 1, "canceled": 1}


def test_a_row_that_cannot_be_written_is_not_counted(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others of its batch are."""
    who = caller(gateway)
    stuck, late = (submit(gateway, who, f"{name}@example.net", expires_in=timedelta(hours=1)) for name in "ab")
    age(gateway, "recipients", "expires_at", timedelta(hours=2))
    save = recipients.save

    def save_others(connection: Connection, changed: Sequence[Recipient]) -> None:
        if any(row.email_id == stuck for row in changed):
            raise ValueError
        save(connection, changed)

    monkeypatch.setattr(recipients, "save", save_others)
    gateway.upkeep.expire()
    assert recipient_of(gateway, late).state is State.EXPIRED
    assert counted(gateway) == {"accepted": 2, "expired": 1}


def test_counts_of_many_transactions_add_up(gateway: Gateway) -> None:
    """Whichever rows they take, and with the counts of nothing left out."""
    for number in range(40):
        with gateway.database.transaction() as connection:
            tallies.add(connection, {("sent", ""): number, ("failed", ""): 0})
    with gateway.database.reading() as connection:
        assert tallies.totals(connection) == {("sent", ""): sum(range(40))}
