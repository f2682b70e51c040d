"""Whether an application may send from an address."""

from app.domain.apps.callers import Caller
from app.domain.errors import Fault, RestrictedApiKey

_NAMED = 10


def require_sender(caller: Caller, key: str, pointer: str) -> None:
    """Raise `RestrictedApiKey` unless the application may send from this address, which the field at `pointer` has."""
    if caller.may_send_as(key):
        return
    allowed = ", ".join(sorted(caller.senders)[:_NAMED]) or "no address yet"
    raise RestrictedApiKey(
        f"This application may not send from this address; it may send from {allowed}.",
        faults=(Fault(pointer, "sender_not_allowed", "The From address is not one of the application's senders."),),
    )
