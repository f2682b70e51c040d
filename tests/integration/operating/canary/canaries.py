"""Canaries in tests: a gateway that sends them, time that passes, and events that come back."""

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.queue import Lane
from app.services.operating.canary import state as memory
from app.services.operating.canary.state import CanaryState
from app.services.operating.sweeps import Sweep
from app.services.sending.unconfirmed import CANARY
from app.store.operating import incidents
from app.store.sending import circuits
from app.store.tables.core import recipients
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import delivered, put
from tests.support.gateway.gateways import ScriptedMailer

OPTIONS: dict[str, Any] = {
    "canary_minutes": 15,
    "canary_from": "canary@example.com",
    "canary_within_seconds": 300,
    "canary_pauses_bulk": True,
}


def sweep(gateway: Gateway) -> CanaryState:
    """Run the sweep; the state after it."""
    gateway.upkeep.run(Sweep.CANARY)
    with gateway.database.reading() as connection:
        return memory.read(connection)


def pass_by(gateway: Gateway, **time: float) -> None:
    """Let so much time pass since the last canary was accepted."""
    with gateway.database.transaction() as connection:
        state = memory.lock(connection)
        assert state.accepted_at is not None
        earlier = {"accepted_at": state.accepted_at - timedelta(**time)}
        fields = {name: getattr(state, name) for name in CanaryState.__dataclass_fields__} | earlier
        memory.write(connection, CanaryState(**fields))


def come_back(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Send what is due, and let the event of the last canary arrive and be settled."""
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    last = max(number for number, sent in enumerate(mailer.sent, start=1) if sent.recipient == CANARY)
    put(gateway, json.dumps(delivered(CANARY, message=f"ses-{last:06d}-{CANARY}")))
    gateway.settle.drain()


def canaries(gateway: Gateway) -> int:
    """How many were ever accepted."""
    with gateway.database.reading() as connection:
        return len(connection.execute(select(recipients.c.id).where(recipients.c.key == CANARY)).all())


def open_incidents(gateway: Gateway) -> list[tuple[str, str]]:
    """Kind and detail of the open incidents."""
    with gateway.database.reading() as connection:
        return [(one.kind, one.detail) for one in incidents.all_open(connection, limit=10)]


def lanes(gateway: Gateway) -> list[str]:
    """The open circuits."""
    with gateway.database.reading() as connection:
        return [one.scope for one in circuits.all_open(connection)]


def miss(gateway: Gateway) -> None:
    """Let the canary be missing."""
    sweep(gateway)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    pass_by(gateway, seconds=301)
    sweep(gateway)


def come_back_after_all(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Let the missing canary come back, later than it may."""
    come_back(gateway, mailer)
    sweep(gateway)
