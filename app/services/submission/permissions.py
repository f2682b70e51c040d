"""Which addresses a caller may send from, and which it may write to."""

from collections.abc import Iterable
from typing import Final

from app.domain.apps.callers import Caller
from app.domain.errors import Fault, NotInTeam, RestrictedApiKey
from app.domain.message.address import Mailbox

_NAMED: Final = 10
TEAM_ONLY: Final = "This is a key for trying: it writes only to the team of its application."
OUTSIDE: Final = "not_in_team"


def require_sender(caller: Caller, key: str, pointer: str) -> None:
    """Raise `RestrictedApiKey` unless the application may send from this address, which the field at `pointer` has."""
    if caller.may_send_as(key):
        return
    allowed = ", ".join(sorted(caller.senders)[:_NAMED]) or "no address yet"
    raise RestrictedApiKey(
        f"This application may not send from this address; it may send from {allowed}.",
        faults=(Fault(pointer, "sender_not_allowed", "The From address is not one of the application's senders."),),
    )


def require_team(caller: Caller, *fields: tuple[str, Iterable[Mailbox]]) -> None:
    """Raise `NotInTeam` unless the caller may write to all of these recipients, which the fields at the pointers have.

    It does not name the addresses that the team has.
    """
    faults = tuple(
        Fault(pointer, OUTSIDE, "An address here is not one of the application's team.")
        for pointer, mailboxes in fields
        if not all(caller.may_write_to(one.address.key) for one in mailboxes)
    )
    if faults:
        raise NotInTeam(TEAM_ONLY, faults=faults)
