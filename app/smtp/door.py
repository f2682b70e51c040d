"""What all connections of a door share, and how long they wait for their clients."""

from dataclasses import dataclass
from typing import Protocol

from app.smtp.admission import Admission
from app.smtp.counts import Counts
from app.smtp.handler import Handler
from app.smtp.protocol.budget import Budget
from app.smtp.protocol.steps import Rules
from app.smtp.threads import Threads
from app.smtp.tls import Certificate


class Connected(Protocol):
    """A connection, as the server looks after it."""

    def look(self, now: float) -> None:
        """End the session if the client is too slow."""

    def stop(self) -> None:
        """End as soon as no message is under way."""

    def give_up(self) -> None:
        """End now."""

    def give_way(self) -> None:
        """End now, since the door is full and this client has not signed in for longer than any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a client may take, in seconds. RFC 5321 section 4.5.3.2 asks for five minutes for a command."""

    sign_in: float = 60.0
    command: float = 300.0
    piece: float = 180.0
    message: float = 900.0
    session: float = 3600.0
    looked_at_every: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What all connections share."""

    rules: Rules
    clear_auth_on_loopback: bool
    certificate: Certificate | None
    admission: Admission
    handler: Handler
    threads: Threads
    budget: Budget
    counts: Counts
    connections: set[Connected]
    strangers: dict[Connected, None]
    """Those that have not signed in, in the order in which they came."""
    patience: Patience
