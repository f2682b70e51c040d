"""What a session offers, and the steps that it takes: a reply, work for the services, and what is read next."""

from dataclasses import dataclass
from enum import Enum, auto

from app.domain.apps.callers import Caller
from app.smtp.protocol.replies import Reply
from app.smtp.protocol.sasl import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a session offers. `clear_auth`: keys may be sent without TLS, since the client is on this host."""

    host: str
    largest: int
    most_recipients: int
    has_tls: bool
    clear_auth: bool = False


class Turn(Enum):
    """What the octets after a step are.

    Before `TLS`, and where no message may come after DATA (`NO_MESSAGE`), the client has to wait for the reply: octets
    that are there already would be read as commands, and are none.
    """

    COMMANDS = auto()
    TLS = auto()
    MESSAGE = auto()
    NO_MESSAGE = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class CheckKey:
    """Work: check these credentials; `anew` when the session is signed in with them already."""

    credentials: Credentials
    anew: bool = False


@dataclass(frozen=True, slots=True)
class VetRecipient:
    """Work: may the caller send to this address, after so many others of the same message?"""

    caller: Caller
    address: str
    others: int


@dataclass(frozen=True, slots=True)
class Submit:
    """Work: submit the message that has come to these recipients, for the caller of these credentials."""

    credentials: Credentials
    recipients: tuple[str, ...]


Work = CheckKey | VetRecipient | Submit


@dataclass(frozen=True, slots=True)
class Step:
    """What happens next. The reply is written `slow_s` seconds later, to make guesses and errors slow."""

    reply: Reply | None = None
    work: Work | None = None
    turn: Turn = Turn.COMMANDS
    slow_s: float = 0.0
