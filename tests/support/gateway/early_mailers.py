"""Early mailers for tests: one that waits, to be used like any mailer, and one that follows a script."""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from app.aws.ses.mailer import EarlyMailer, Pending
from app.domain.sending.call_outcome import Envelope, Outcome
from app.services.sending.response_loop import ResponseLoop
from tests.support.gateway.gateways import ScriptedMailer

PATIENCE_S = 30.0


class Waiting:
    """Makes each call with an early mailer, and waits for its answer as the worker does."""

    def __init__(self, mailer: EarlyMailer, *, patience_s: float) -> None:
        self._mailer = mailer
        self._answers = ResponseLoop(patience_s=patience_s, aside=lambda work: threading.Thread(target=work).start())

    def send(self, envelope: Envelope) -> Outcome:
        """See `app.aws.ses.mailer.Mailer`."""
        begun = self._mailer.begin(envelope, before_waiting=lambda: None)
        if isinstance(begun, Outcome):
            return begun
        outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self._answers.expect(begun, outcomes.put)
        return outcomes.get(timeout=PATIENCE_S)

    def close(self) -> None:
        """Stop the loop that reads answers."""
        self._answers.close()


@dataclass
class ScriptedEarlyMailer(ScriptedMailer):
    """Answers like a `ScriptedMailer`, but through a socket: the outcome of `send` can be read at once."""

    def begin(self, envelope: Envelope, *, before_waiting: Callable[[], None]) -> Outcome | Pending:
        """See `app.aws.ses.mailer.EarlyMailer`."""
        return Heard(self.send(envelope))


class Heard:
    """An answer in `pieces`: with two, the first look finds only a part of it; with none, it never comes."""

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
        """See `app.aws.ses.mailer.Pending`."""
        return self.looks > 0

    def fileno(self) -> int:
        """See `app.aws.ses.mailer.Pending`."""
        return self._ours.fileno()

    def look(self) -> Outcome | None:
        """See `app.aws.ses.mailer.Pending`."""
        self.looks += 1
        return self._end(self._outcome) if self._pieces == 1 else None

    def wait(self) -> Outcome:
        """See `app.aws.ses.mailer.Pending`."""
        return self._end(self._outcome)

    def give_up(self) -> Outcome:
        """See `app.aws.ses.mailer.Pending`."""
        assert self._given_up is not None, "the answer should have been read"
        return self._end(self._given_up)

    def _end(self, outcome: Outcome) -> Outcome:
        self._ours.close()
        self._theirs.close()
        return outcome
