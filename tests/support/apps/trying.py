"""Test email, for tests: submitted by a test key, drained, and its events settled."""

from uuid import UUID

from app.domain.apps.callers import Caller, Scope
from app.domain.apps.key_kinds import KeyKind
from app.domain.sending.trying import TEST_LANE
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import submit
from tests.support.gateway.gateways import caller

SCOPES = frozenset({Scope.EMAILS_SEND, Scope.EMAILS_READ, Scope.SUPPRESSIONS_READ})
BOUNCE, COMPLAINT = (f"{name}@simulator.amazonses.com" for name in ("bounce", "complaint"))


def trier(gateway: Gateway) -> Caller:
    """The caller of a new test key."""
    return caller(gateway, kind=KeyKind.TEST, scopes=SCOPES)


def try_out(gateway: Gateway, who: Caller, *to: str) -> UUID:
    """Submit a test email, and have it go the whole way."""
    email = submit(gateway, who, *to)
    finish(gateway)
    return email


def finish(gateway: Gateway) -> None:
    """Drain the lane of test email, and settle what came of it."""
    gateway.deliver.drain(TEST_LANE)
    gateway.settle.drain()
