"""One thread reads many answers: each is reported once, late calls are given up, and no call delays another."""

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from app.domain.sending.call_outcome import Accepted, Ambiguous, Outcome
from app.services.sending.response_loop import ResponseLoop
from tests.support.gateway.early_mailers import Heard

PATIENCE_S = 30.0
SILENCE = Ambiguous("Silence.")


@pytest.fixture
def reported() -> SimpleQueue[Outcome]:
    return SimpleQueue()


@pytest.fixture
def aside() -> SimpleQueue[str]:
    """Record the names of the threads that did the slow work."""
    return SimpleQueue()


@pytest.fixture
def answers(aside: SimpleQueue[str]) -> Iterator[ResponseLoop]:
    def do(work: Callable[[], None]) -> None:
        aside.put("")
        threading.Thread(target=work).start()

    it = ResponseLoop(patience_s=0.3, aside=do)
    yield it
    it.close()


def test_every_answer_is_reported_once(
    answers: ResponseLoop, reported: SimpleQueue[Outcome], aside: SimpleQueue[str]
) -> None:
    """Many calls from many threads: each gets its own outcome, once, and none on another thread."""
    outcomes: list[Outcome] = [Accepted(f"ses-{number}") for number in range(200)]

    def expect(some: list[Outcome]) -> None:
        for outcome in some:
            answers.expect(Heard(outcome), reported.put)

    threads = [threading.Thread(target=expect, args=[outcomes[start::4]]) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    heard = [reported.get(timeout=PATIENCE_S) for _ in outcomes]
    assert sorted(map(str, heard)) == sorted(map(str, outcomes))
    assert aside.empty()


def test_an_answer_in_pieces_is_waited_for_elsewhere(
    answers: ResponseLoop, reported: SimpleQueue[Outcome], aside: SimpleQueue[str]
) -> None:
    """A slow answer delays no other call: another thread reads the rest."""
    answers.expect(Heard(Accepted("ses-1"), pieces=2), reported.put)
    assert reported.get(timeout=PATIENCE_S) == Accepted("ses-1")
    assert aside.qsize() == 1


def test_silence_is_given_up(answers: ResponseLoop, reported: SimpleQueue[Outcome]) -> None:
    """After its time-out a call gets the outcome that silence proves, even while other answers arrive."""
    silent = Heard(Accepted("never"), pieces=0, given_up=SILENCE)
    answers.expect(silent, reported.put)
    answers.expect(Heard(Accepted("ses-1")), reported.put)
    assert [reported.get(timeout=PATIENCE_S) for _ in range(2)] == [Accepted("ses-1"), SILENCE]
    assert silent.looks == 0


def test_a_callback_that_fails_stops_no_other(answers: ResponseLoop, reported: SimpleQueue[Outcome]) -> None:
    """If one callback fails, the next calls still get their outcome."""

    def breaks(_: Outcome) -> None:
        raise RuntimeError("unexpected")

    answers.expect(Heard(Accepted("ses-1")), breaks)
    answers.expect(Heard(Accepted("ses-2")), reported.put)
    assert reported.get(timeout=PATIENCE_S) == Accepted("ses-2")


def test_a_connection_may_carry_the_next_call_from_within_the_callback(
    answers: ResponseLoop, reported: SimpleQueue[Outcome]
) -> None:
    """A callback may at once expect another answer on the same file descriptor."""

    def again(outcome: Outcome) -> None:
        reported.put(outcome)
        answers.expect(Heard(Accepted("ses-2")), reported.put)

    answers.expect(Heard(Accepted("ses-1")), again)
    assert [reported.get(timeout=PATIENCE_S) for _ in range(2)] == [Accepted("ses-1"), Accepted("ses-2")]
