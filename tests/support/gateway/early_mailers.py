"""Early mailers for tests: one that waits, so that it can stand in for any mailer, and one that follows a script."""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from app.aws.ses import EarlyMailer, Pending
from app.domain.outcome import Envelope, Outcome
from app.services.answers import Answers
from tests.gateways import ScriptedMailer

PATIENCE_S = 30.0


class Waiting:
    """Makes each call by an early mailer, and waits for its answer as the worker does."""

    def __init__(self, mailer: EarlyMailer, *, patience_s: float) -> None:
        self._mailer = mailer
        self._answers = Answers(patience_s=patience_s, aside=lambda work: threading.Thread(target=work).start())

    def send(self, envelope: Envelope) -> Outcome:
        """See `app.aws.ses.Mailer`."""
        begun = self._mailer.begin(envelope, before_waiting=lambda: None)
        if isinstance(begun, Outcome):
            return begun
        told: SimpleQueue[Outcome] = SimpleQueue()
        self._answers.expect(begun, told.put)
        return told.get(timeout=PATIENCE_S)

    def close(self) -> None:
        """Listen no longer."""
        self._answers.close()


@dataclass
class ScriptedEarlyMailer(ScriptedMailer):
    """Answers as a `ScriptedMailer` does, through a socket: what `send` comes to is there to be heard at once."""

    def begin(self, envelope: Envelope, *, before_waiting: Callable[[], None]) -> Outcome | Pending:
        """See `app.aws.ses.EarlyMailer`."""
        return Heard(self.send(envelope))


class Heard:
    """A call that was answered, in `pieces`: with two, the first look finds a part only; with none, nothing comes."""

    def __init__(self, outcome: Outcome, *, pieces: int = 1, given_up: Outcome | None = None) -> None:
        self.looks = 0
        self._outcome = outcome
        self._given_up = given_up
        self._pieces = pieces
        self._ours, theirs = socket.socketpair()
        theirs.sendall(b"." * pieces)
        self._theirs = theirs

    @property
    def has_begun(self) -> bool:
        """See `app.aws.ses.Pending`."""
        return self.looks > 0

    def fileno(self) -> int:
        """See `app.aws.ses.Pending`."""
        return self._ours.fileno()

    def look(self) -> Outcome | None:
        """See `app.aws.ses.Pending`."""
        self.looks += 1
        return self._end(self._outcome) if self._pieces == 1 else None

    def wait(self) -> Outcome:
        """See `app.aws.ses.Pending`."""
        return self._end(self._outcome)

    def give_up(self) -> Outcome:
        """See `app.aws.ses.Pending`."""
        assert self._given_up is not None, "it was to be heard"
        return self._end(self._given_up)

    def _end(self, outcome: Outcome) -> Outcome:
        self._ours.close()
        self._theirs.close()
        return outcome
