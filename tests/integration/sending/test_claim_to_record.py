"""Between a claim and its record: a worker that was held up, and notes that cannot be written."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Connection

from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Accepted
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.sending.call_results import NotCalled
from app.store.engine.database import Database
from app.store.engine.ids import new_id
from app.store.sending.flight_recorder import FlightRecorder, RecordedAnswer, Remains, each_of_the_dead
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import claimed, state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, replace_call_parts, replace_parts
from tests.support.gateway.rows import outcomes


class FullDisk(FlightRecorder):
    """A recorder whose disk is full for one kind of note."""

    def __init__(self, directory: Path, *, full_at: str) -> None:
        super().__init__(directory)
        self._full_at = full_at

    def claim(self, token: UUID) -> None:
        self._fail("claim")
        super().claim(token)

    def start(self, attempt_id: UUID) -> None:
        self._fail("start")
        super().start(attempt_id)

    def answer(self, attempt_id: UUID, answer: RecordedAnswer) -> None:
        self._fail("answer")
        super().answer(attempt_id, answer)

    def _fail(self, what: str) -> None:
        if what == self._full_at:
            raise OSError(28, "No space left on device")


def read(directory: Path) -> list[Remains]:
    """What dead processes have left; reading it settles nothing."""
    left: list[Remains] = []

    def keep(one: Remains) -> bool:
        left.append(one)
        return False

    each_of_the_dead(directory, keep)
    return left


@pytest.mark.parametrize("held_up_s, called", [(0.0, True), (11.0, False), (3600.0, False)])
def test_a_worker_that_was_held_up_makes_no_call(
    gateway: Gateway, mailer: ScriptedMailer, held_up_s: float, called: bool
) -> None:
    """Its lease may be over, and another worker may hold the email: it gives the email back uncalled."""
    attempt, sealed_email = claimed(gateway, "ann@example.net")
    result = gateway.deliver.parts.calls.call(attempt, sealed_email, claimed_at=time.monotonic() - held_up_s)
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
    """No call is made under it: a lost claim is made anew and sent once, a kept one is in doubt after its lease."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    replace_parts(gateway, database=LosesAnAnswer(gateway.database, kept=kept))
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert mailer.sent == []
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert len(mailer.sent) == (not kept)
    assert state_of(gateway, email) is (State.SENDING if kept else State.SENT)


def test_an_email_whose_call_cannot_be_noted_is_not_called(
    gateway: Gateway, mailer: ScriptedMailer, tmp_path: Path
) -> None:
    """After a crash no note would show that call, and the email would be sent twice."""
    attempt, sealed_email = claimed(gateway, "ann@example.net")
    replace_call_parts(gateway, recorder=FullDisk(tmp_path, full_at="start"))
    call = gateway.deliver.parts.calls.call
    assert isinstance(call(attempt, sealed_email, claimed_at=time.monotonic()), NotCalled)
    assert mailer.sent == []


def test_an_answer_that_cannot_be_noted_is_recorded_all_the_same(
    gateway: Gateway, mailer: ScriptedMailer, tmp_path: Path
) -> None:
    """The notes are for crashes: while the worker lives, SES's answer goes to the database."""
    replace_call_parts(gateway, recorder=FullDisk(tmp_path, full_at="answer"))
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert (state_of(gateway, email), outcomes(gateway, email)) == (State.SENT, ["accepted"])


def test_a_claim_that_cannot_be_noted_is_not_made(gateway: Gateway, tmp_path: Path) -> None:
    """The drain ends in order and the email waits in the queue, uncalled, until there is room again."""
    recorder = gateway.deliver.parts.recorder
    replace_parts(gateway, recorder=FullDisk(tmp_path, full_at="claim"))
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert (state_of(gateway, email), outcomes(gateway, email)) == (State.QUEUED, [])
    replace_parts(gateway, recorder=recorder)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.SENT


def test_a_note_that_was_cut_short_leaves_the_others_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk cut a note in half: that call is not made, and the notes that follow are read whole."""
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


def test_a_call_that_breaks_holds_up_no_drain(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something fails on the call's thread, so it is unknown whether SES was called: the email may have been sent."""

    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(gateway.deliver.parts.calls, "call", breaks)
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.UNCONFIRMED
