"""Incomplete notes of the flight recorder: what cannot be read from them is unknown, never *not called*."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection

from app.domain.errors import ServiceUnavailable
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.sending.call_results import Report
from app.services.sending.crash_recovery import Recover
from app.store.engine.database import Database
from app.store.sending.claims import Claim
from app.store.sending.flight_recorder import FlightRecorder, Remains, each_of_the_dead
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import state_of, submit, take
from tests.support.gateway.gateways import ScriptedMailer, caller, replace_parts
from tests.support.gateway.rows import outcomes, recipient_of

ID = "5f0c8a3e2b1d4c6f8a9b0c1d2e3f4a5b"
NOT_UNDERSTOOD = {
    "a kind of note that is not known": f'["landed", "{ID}"]',
    "a start with more than an id": f'["start", "{ID}", 3]',
    "an id that is none": '["start", "no id"]',
    "no list": f'{{"start": "{ID}"}}',
    "numbers": "[1, 2]",
    "a single text": '"start"',
    "nesting without end": "[" * 200_000,
    "zeros, as a lost page of the disk leaves them": "\0" * 80,
    "another encoding": "\ufffd\ufffd",
}


@pytest.fixture
def flight_dir(gateway: Gateway) -> Path:
    """The directory for the gateway's notes, which does not exist yet."""
    directory = gateway.settings.flight_dir
    directory.mkdir(exist_ok=True)
    return directory


def claimed(gateway: Gateway, *to: str) -> Claim:
    """A claim of these emails, by a process that has ended."""
    who = caller(gateway)
    for address in to:
        submit(gateway, who, address)
    return take(gateway)


def left_by_the_dead(directory: Path, claim: Claim, *lines: str) -> Path:
    """A file with the notes of this claim, followed by these lines."""
    recorder = FlightRecorder(directory)
    recorder.claim(claim.token)
    recorder.hand_over()
    (path,) = (file for file in directory.iterdir() if file.is_file() and claim.token.hex in file.read_text())
    with path.open("a", encoding="utf-8") as notes:
        notes.writelines(f"\n{line}" for line in lines)
    return path


@pytest.mark.parametrize("line", NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD.keys())
def test_after_a_note_that_is_not_understood_nothing_counts_as_not_called(
    gateway: Gateway, flight_dir: Path, line: str
) -> None:
    """The note may be the start of any call: every email of this process is unknown, and the file is done with."""
    claim = claimed(gateway, "ann@example.net")
    left_by_the_dead(flight_dir, claim, line)
    assert gateway.recover() == 1
    assert state_of(gateway, claim.emails[0].recipient.email_id) is State.UNCONFIRMED
    assert list(flight_dir.iterdir()) == []


@pytest.mark.parametrize(
    "answer",
    [["vanished", "x"], ["accepted"], ["accepted", "m-1", "m-2"], ["accepted", ""], ["accepted", None], [7], []],
    ids=str,
)
def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown(
    gateway: Gateway, flight_dir: Path, answer: list[object]
) -> None:
    """An answer that cannot be read may have been an acceptance; the answers beside it are recorded."""
    claim = claimed(gateway, "ann@example.net", "bob@example.net")
    attempt, other = claim.emails
    left_by_the_dead(
        flight_dir,
        claim,
        json.dumps(["start", attempt.attempt_id.hex]),
        json.dumps(["answer", attempt.attempt_id.hex, *answer]),
        json.dumps(["answer", other.attempt_id.hex, "accepted", "m-other"]),
    )
    assert gateway.recover() == 2
    assert state_of(gateway, attempt.recipient.email_id) is State.UNCONFIRMED
    assert state_of(gateway, other.recipient.email_id) is State.SENT
    assert list(flight_dir.iterdir()) == []


@pytest.mark.parametrize("beginning", ["", "[", '["', '["start", "5f0c'])
def test_a_note_that_was_cut_short_is_no_call(gateway: Gateway, flight_dir: Path, beginning: str) -> None:
    """The process died while it wrote the note, before the call: the email goes on at once."""
    claim = claimed(gateway, "ann@example.net")
    left_by_the_dead(flight_dir, claim, beginning)
    assert gateway.recover() == 1
    assert state_of(gateway, claim.emails[0].recipient.email_id) is State.QUEUED


def test_after_a_reboot_a_call_without_a_note_may_have_been_made(gateway: Gateway, flight_dir: Path) -> None:
    """Notes are not forced to the disk, so the last ones of a host that crashed may be missing."""
    claim = claimed(gateway, "ann@example.net", "bob@example.net")
    attempt, other = claim.emails
    answer = json.dumps(["answer", other.attempt_id.hex, "accepted", "m-other"])
    path = left_by_the_dead(flight_dir, claim, answer)
    boot, *rest = path.read_text().lstrip("\n").split("\n")
    path.write_text("\n".join([json.dumps(["boot", uuid4().hex]), *rest]))
    assert json.loads(boot)[0] == "boot"
    gateway.recover()
    assert state_of(gateway, attempt.recipient.email_id) is State.UNCONFIRMED
    assert state_of(gateway, other.recipient.email_id) is State.SENT


def test_one_broken_file_holds_up_no_other(gateway: Gateway, flight_dir: Path) -> None:
    """An entry that is no file, and a report that the database refuses, come before the notes of others."""
    (flight_dir / "0.flight").mkdir()
    poison, good = claimed(gateway, "ann@example.net"), claimed(gateway, "bob@example.net")
    accepted = ["answer", poison.emails[0].attempt_id.hex, "accepted", "\ud800"]
    left_by_the_dead(flight_dir, poison, json.dumps(accepted)).rename(flight_dir / "1.flight")
    left_by_the_dead(flight_dir, good).rename(flight_dir / "2.flight")
    gateway.recover()
    assert state_of(gateway, good.emails[0].recipient.email_id) is State.QUEUED
    assert state_of(gateway, poison.emails[0].recipient.email_id) is State.SENDING
    assert [path.name for path in flight_dir.iterdir()] == ["0.flight"]


class Unanswered(Database):
    """A database that leaves once in the commit of a claim: it commits, and its answer is lost."""

    def __init__(self, database: Database, *, at: int = 1) -> None:
        self.engine = database.engine
        self._database = database
        self._commits_until = at

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with self._database.transaction() as connection:
            yield connection
        self._commits_until -= 1
        if self._commits_until == 0:
            raise ServiceUnavailable("Away.")

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        with self._database.asking() as connection:
            yield connection


def test_email_of_a_claim_whose_commit_was_unknown_goes_on_at_once(
    gateway: Gateway, mailer: ScriptedMailer, flight_dir: Path
) -> None:
    """The email was certainly not called: no wait for the end of the lease, no attempt burned, no mark, one call."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    replace_parts(gateway, database=Unanswered(gateway.database))
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.SENDING
    assert gateway.recover() == 1
    assert list(flight_dir.glob("*.flight")) == []
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert outcomes(gateway, email) == ["not_sent", "accepted"]
    assert recipient_of(gateway, email).possible_duplicate is False
    assert len(mailer.sent) == 1


def test_calls_on_the_wire_beside_such_a_claim_are_finished_first(
    gateway: Gateway, mailer: ScriptedMailer, flight_dir: Path
) -> None:
    """The notes are handed over when every call of the drain has been answered and recorded."""
    who = caller(gateway)
    emails = [submit(gateway, who, f"guest{number}@example.net") for number in range(3)]
    one_by_one = replace(gateway.deliver.parts.limits, batch=1)
    replace_parts(gateway, database=Unanswered(gateway.database, at=3), limits=one_by_one)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert sorted(state_of(gateway, email) for email in emails) == [State.SENDING, State.SENT, State.SENT]
    assert gateway.recover() >= 1
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert {state_of(gateway, email) for email in emails} == {State.SENT}
    assert len(mailer.sent) == 3


def test_notes_of_a_claim_that_may_still_commit_are_kept(gateway: Gateway, flight_dir: Path) -> None:
    """A commit may become visible after the connection has broken: the note is kept as long as that can happen."""
    recorder, token = FlightRecorder(flight_dir), uuid4()
    recorder.claim(token)
    recorder.hand_over()
    assert gateway.recover() == 0
    (path,) = flight_dir.iterdir()
    email = submit(gateway, caller(gateway), "ann@example.net")
    holds(gateway, take(gateway), token)
    assert gateway.recover() == 1
    assert state_of(gateway, email) is State.QUEUED
    assert not path.exists()


def test_notes_of_a_claim_that_was_never_committed_are_dropped(gateway: Gateway, flight_dir: Path) -> None:
    """Ten seconds later the server has ended any session of that connection."""
    recorder = FlightRecorder(flight_dir)
    recorder.claim(uuid4())
    recorder.hand_over()
    (path,) = flight_dir.iterdir()
    passed = [0.0]
    recover = Recover(
        database=gateway.database,
        record=gateway.deliver.parts.record,
        directory=flight_dir,
        monotonic=lambda: 100.0 + passed[-1],
    )
    recover()
    assert path.exists()
    passed.append(10.0)
    recover()
    assert not path.exists()


def holds(gateway: Gateway, claim: Claim, token: UUID) -> None:
    """Make the email look as if the claim had been made under this token."""
    with gateway.database.transaction() as connection:
        held = {"held": claim.token.hex, "token": token.hex}
        if connection.dialect.name == "postgresql":
            held = {name: str(UUID(value)) for name, value in held.items()}
        sql = "UPDATE recipients SET lease_token = '{token}' WHERE lease_token = '{held}'"
        assert connection.exec_driver_sql(sql.format(**held)).rowcount == 1


def test_a_drain_that_breaks_loses_no_answer(gateway: Gateway, mailer: ScriptedMailer, flight_dir: Path) -> None:
    """SES's answer was noted: it is recorded from the notes once every call is over, in this process or another."""
    email = submit(gateway, caller(gateway), "ann@example.net")

    def broken(reports: list[Report]) -> None:
        raise RuntimeError("unforeseen")

    record = gateway.deliver.parts.record
    replace_parts(gateway, record=broken)
    with pytest.raises(RuntimeError):
        gateway.deliver.drain(Lane.TRANSACTIONAL)
    replace_parts(gateway, record=record)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert gateway.recover() == 1
    assert (state_of(gateway, email), outcomes(gateway, email)) == (State.SENT, ["accepted"])
    assert len(mailer.sent) == 1


def test_a_recorder_that_closes_with_open_notes_leaves_them(tmp_path: Path) -> None:
    """Only notes that are in the database may be deleted; an orderly end without open notes leaves no file."""
    recorder, token = FlightRecorder(tmp_path), uuid4()
    recorder.claim(token)
    recorder.close()
    seen: list[set[UUID]] = []

    def settle(left: Remains) -> bool:
        seen.append(left.claims)
        return True

    each_of_the_dead(tmp_path, settle)
    assert seen == [{token}]
    recorder.claim(token)
    recorder.forget()
    recorder.close()
    assert list(tmp_path.iterdir()) == []
