"""What lies between a claim and its record: a worker that was held up, and notes that cannot be written."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Connection

from app.domain.delivery import State
from app.domain.errors import ServiceUnavailable
from app.domain.outcome import Accepted
from app.queue import Lane
from app.services.results import NotCalled
from app.store.db import Database
from app.store.flight import Answer, FlightRecorder, Remains, each_of_the_dead
from app.store.ids import new_id
from app.wiring import Gateway
from tests.gateways import ScriptedMailer, caller
from tests.mails import claimed, state_of, submit
from tests.rows import outcomes


class FullDisk(FlightRecorder):
    """A recorder whose disk is full when it comes to one kind of note."""

    def __init__(self, directory: Path, *, full_at: str) -> None:
        super().__init__(directory)
        self._full_at = full_at

    def claim(self, token: UUID) -> None:
        self._fail("claim")
        super().claim(token)

    def start(self, attempt_id: UUID) -> None:
        self._fail("start")
        super().start(attempt_id)

    def answer(self, attempt_id: UUID, answer: Answer) -> None:
        self._fail("answer")
        super().answer(attempt_id, answer)

    def _fail(self, what: str) -> None:
        if what == self._full_at:
            raise OSError(28, "No space left on device")


def read(directory: Path) -> list[Remains]:
    """What the dead have left, which is not settled by that."""
    left: list[Remains] = []

    def keep(one: Remains) -> bool:
        left.append(one)
        return False

    each_of_the_dead(directory, keep)
    return left


@pytest.mark.parametrize("held_up_s, called", [(0.0, True), (11.0, False), (3600.0, False)])
def test_a_worker_that_was_held_up_calls_nobody(
    gateway: Gateway, mailer: ScriptedMailer, held_up_s: float, called: bool
) -> None:
    """Its lease may be over by now, and the mail somebody else's: it gives the mail back uncalled."""
    mine, letter = claimed(gateway, "ann@example.net")
    result = gateway.deliver._parts.calls.call(mine, letter, claimed_at=time.monotonic() - held_up_s)
    assert isinstance(result, Accepted if called else NotCalled)
    assert len(mailer.sent) == called


class LosesAnAnswer(Database):
    """A database whose answer to one commit is lost, and with `kept` False the transaction too."""

    def __init__(self, database: Database, *, kept: bool) -> None:
        self.engine = database.engine
        self._database = database
        self._kept = [kept]

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        try:
            with self._database.transaction() as connection:
                yield connection
                if self._kept == [False]:
                    raise ServiceUnavailable("Gone before the commit.")
        finally:
            lost = [self._kept.pop()] if self._kept else []
        if lost:
            raise ServiceUnavailable("The answer to the commit is lost.")

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        with self._database.asking() as connection:
            yield connection


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "lost"])
def test_a_claim_whose_commit_is_unknown_is_abandoned(gateway: Gateway, mailer: ScriptedMailer, kept: bool) -> None:
    """Nobody calls under it: what was lost is claimed anew and sent once, what was kept is in doubt after its lease."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    object.__setattr__(gateway.deliver._parts, "database", LosesAnAnswer(gateway.database, kept=kept))
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert mailer.sent == []
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert len(mailer.sent) == (not kept)
    assert state_of(gateway, mail) is (State.SENDING if kept else State.SENT)


def test_what_cannot_be_noted_is_not_called(gateway: Gateway, mailer: ScriptedMailer, tmp_path: Path) -> None:
    """After a crash nobody would know of that call, and the mail would be sent twice."""
    mine, letter = claimed(gateway, "ann@example.net")
    call = gateway.deliver._parts.calls.call
    call._recorder = FullDisk(tmp_path, full_at="start")
    assert isinstance(call(mine, letter, claimed_at=time.monotonic()), NotCalled)
    assert mailer.sent == []


def test_an_answer_that_cannot_be_noted_is_recorded_all_the_same(
    gateway: Gateway, mailer: ScriptedMailer, tmp_path: Path
) -> None:
    """The notes are for crashes; while the worker lives, what SES said goes to the database."""
    gateway.deliver._parts.calls.call._recorder = FullDisk(tmp_path, full_at="answer")
    mail = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert (state_of(gateway, mail), outcomes(gateway, mail)) == (State.SENT, ["accepted"])


def test_a_claim_that_cannot_be_noted_is_not_made(gateway: Gateway, tmp_path: Path) -> None:
    """The drain ends in order and the mail waits in the queue, uncalled, until there is room again."""
    recorder = gateway.deliver._parts.recorder
    object.__setattr__(gateway.deliver._parts, "recorder", FullDisk(tmp_path, full_at="claim"))
    mail = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert (state_of(gateway, mail), outcomes(gateway, mail)) == (State.QUEUED, [])
    object.__setattr__(gateway.deliver._parts, "recorder", recorder)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, mail) is State.SENT


def test_a_note_that_was_cut_short_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk took half of a note: that call is not made, and the notes that follow are read whole."""
    recorder = FlightRecorder(tmp_path)
    claim, cut, made = new_id(), new_id(), new_id()
    recorder.claim(claim)
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, line: write(file, line[: len(line) // 2]))
        with pytest.raises(OSError, match="No space left"):
            recorder.start(cut)
    recorder.start(made)
    recorder.hand_over()
    (left,) = read(tmp_path)
    assert (left.claims, left.started, left.whole) == ({claim}, {made}, True)


def test_a_call_that_breaks_holds_up_no_drain(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Whatever went wrong on its thread, and whether SES was called or not is not known: so it may have been sent."""

    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("what nobody foresaw")

    object.__setattr__(gateway.deliver._parts.calls, "call", breaks)
    mail = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, mail) is State.UNCONFIRMED
