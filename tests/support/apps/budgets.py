"""Applications that spend their budget, for tests."""

from typing import Any, Final

from app.queue import Lane
from app.services.operating.sweeps import Sweep
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, bounce, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import count

APP: Final = "invites"
FEW: Final = {"minimum": 10, "warn_bounces": 0.2, "pause_bounces": 0.4}
"""A budget that a few emails spend."""


def send(
    gateway: Gateway, number: int, *, app: str = APP, lane: Lane = Lane.TRANSACTIONAL, domain: str = "example.net"
) -> Any:
    """Send so many emails, in the transactional lane, which a pause leaves alone, and return their ids."""
    who = caller(gateway, app=app)
    sent = [submit(gateway, who, f"p{count(gateway, 'recipients')}@{domain}", lane=lane) for _ in range(number)]
    gateway.deliver.drain(lane)
    return sent


def watch(gateway: Gateway) -> dict[str, str]:
    """Run the sweep, and return the details of the open incidents by kind and subject."""
    gateway.upkeep.run(Sweep.BUDGETS)
    found = gateway.triage.incidents(ROOT, limit=10)
    return {f"{one.kind} {one.subject}": one.detail for one in found if one.kind.startswith(("app_", "account_"))}


def paused(gateway: Gateway) -> tuple[str, ...]:
    """Return the lanes that are paused."""
    return gateway.budgets.show(ROOT, APP).paused


def bounce_all(gateway: Gateway, emails: Any) -> None:
    """Let each of these emails bounce for good."""
    for email in emails:
        feed(gateway, bounce(gateway, email))


def pause(gateway: Gateway) -> None:
    """Let so many emails bounce that the budget pauses the application."""
    bounce_all(gateway, send(gateway, 10)[:5])
    watch(gateway)
    assert paused(gateway) == ("bulk",)
