"""A notification that makes its reader or the database fail is set aside, and delays no other."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, text

from app.domain.feedback.provenance import Known
from app.domain.sending.state_machine import State
from app.services.feedback.apply import Conclude, Conclusions
from app.services.feedback.interpret import ReceivedEvent
from app.services.feedback.set_aside import Doubts
from app.services.feedback.settle import Settle
from app.services.privacy.anonymise import Unname
from app.services.timings import Timings
from app.store.feedback.notifications import InboxState
from app.wiring.gateway import Gateway
from tests.integration.feedback.test_settle import live_keys, make_due, settle_events
from tests.support.aws.bounces import bounce_reader
from tests.support.aws.notifications import Event, bounced, delivered, put
from tests.support.gateway.emails import state_of, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, count, rows

PARTS: dict[str, Any] = {"bounces": bounce_reader(), "exempt_mailbox_simulator": True}


def settling(gateway: Gateway, conclude: Conclude, **more: Any) -> Gateway:
    """The gateway with a settler that applies events in this way."""
    settle = Settle(
        database=gateway.database,
        conclude=conclude,
        unname=Unname(gateway.pseudonyms),
        doubts=Doubts(Known(accounts=frozenset(), configuration_sets=frozenset())),
        bells=gateway.deliver.parts.bells,
        timings=Timings(),
        **more,
    )
    return replace(gateway, settle=settle)


class Choking(Conclude):
    """Fails on one message, as a reader would on a case that it does not foresee."""

    def __call__(
        self, connection: Connection, received: Sequence[ReceivedEvent], *more: Any, **named: Any
    ) -> Conclusions:
        after = super().__call__(connection, received, *more, **named)
        if any(one.ses_event.ses_message_id == "poison" for one in received):
            raise KeyError("unforeseen")
        return after


def test_a_poison_notification_delays_no_other_and_is_kept(gateway: Gateway) -> None:
    """It leaves nothing half done, is tried five times, then set aside. Those beside it are settled at once."""
    gateway = settling(gateway, Choking(writer=gateway.list_writer, **PARTS))
    settle_events(
        gateway,
        bounced("one@example.net", message="m1"),
        bounced("two@example.net", message="poison"),
        bounced("three@example.net", message="m3"),
    )
    assert live_keys(gateway) == ["one@example.net", "three@example.net"]
    assert count(gateway, "events") == 2
    for _ in range(4):
        make_due(gateway)
        gateway.settle.drain()
    [poison] = [row for row in rows(gateway, "notifications") if "poison" in row["raw"]]
    assert (poison["state"], poison["tries"]) == (InboxState.QUARANTINED, 5)
    assert poison["note"] == "made its reader fail: KeyError"
    make_due(gateway)
    gateway.settle.drain()
    assert [row["tries"] for row in rows(gateway, "notifications", id=poison["id"])] == [5]


class Spoiling(Conclude):
    """Makes the database refuse every write for one message, which undoes everything since the last savepoint."""

    def __call__(
        self, connection: Connection, received: Sequence[ReceivedEvent], *more: Any, **named: Any
    ) -> Conclusions:
        after = super().__call__(connection, received, *more, **named)
        if any(one.ses_event.ses_message_id == "poison" for one in received):
            connection.execute(text("INSERT INTO attempts (id) VALUES (NULL)"))
        return after


@pytest.mark.parametrize("kind", [delivered, bounced])
def test_ninety_nine_are_settled_beside_one_that_the_database_refuses(
    gateway: Gateway, kind: Callable[..., Event]
) -> None:
    """In one batch, whether that one is settled together with others or alone; none counts twice."""
    spoiling = Spoiling(writer=gateway.list_writer, **PARTS)
    gateway = settling(gateway, spoiling, monotonic=lambda: 0.0)  # no batch is cut short, however busy the machine
    email = submit(gateway, caller(gateway), "kim@example.net")
    change(gateway, "recipients", {"state": State.SENT, "ses_message_id": "m0"}, email_id=email)
    reported = [delivered("kim@example.net", message="m0"), bounced("gone@example.net", message="m1")]
    reported += [delivered(f"r{number}@example.net", message=f"m{number}") for number in range(2, 99)]
    put(gateway, *map(json.dumps, [*reported, kind("poison@example.net", message="poison")]))
    assert gateway.settle.batch() == 100
    assert count(gateway, "events") == 99
    assert state_of(gateway, email) is State.DELIVERED
    assert live_keys(gateway) == ["gone@example.net"]
    [poison] = [row for row in rows(gateway, "notifications") if "poison" in row["raw"]]
    assert poison["note"] == "made its reader fail: IntegrityError"
