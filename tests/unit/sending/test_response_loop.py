"""One thread hears many answers: each is told once, the late are given up, and nobody is kept waiting by another."""

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from app.domain.outcome import Accepted, Ambiguous, Outcome
from app.services.answers import Answers
from tests.early import Heard

PATIENCE_S = 30.0
SILENCE = Ambiguous("Silence.")


@pytest.fixture
def told() -> SimpleQueue[Outcome]:
    return SimpleQueue()


@pytest.fixture
def aside() -> SimpleQueue[str]:
    """The names of the threads that did what may take long."""
    return SimpleQueue()


@pytest.fixture
def answers(aside: SimpleQueue[str]) -> Iterator[Answers]:
    def do(work: Callable[[], None]) -> None:
        aside.put("")
        threading.Thread(target=work).start()

    it = Answers(patience_s=0.3, aside=do)
    yield it
    it.close()


def test_every_answer_is_told_once(answers: Answers, told: SimpleQueue[Outcome], aside: SimpleQueue[str]) -> None:
    """Many calls from many threads: as many outcomes, each its own, and none on another thread."""
    outcomes: list[Outcome] = [Accepted(f"ses-{number}") for number in range(200)]

    def expect(some: list[Outcome]) -> None:
        for outcome in some:
            answers.expect(Heard(outcome), told.put)

    threads = [threading.Thread(target=expect, args=[outcomes[start::4]]) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    heard = [told.get(timeout=PATIENCE_S) for _ in outcomes]
    assert sorted(map(str, heard)) == sorted(map(str, outcomes))
    assert aside.empty()


def test_an_answer_in_pieces_is_waited_for_elsewhere(
    answers: Answers, told: SimpleQueue[Outcome], aside: SimpleQueue[str]
) -> None:
    """What may take long holds up nobody: another thread reads the rest."""
    answers.expect(Heard(Accepted("ses-1"), pieces=2), told.put)
    assert told.get(timeout=PATIENCE_S) == Accepted("ses-1")
    assert aside.qsize() == 1


def test_silence_is_given_up(answers: Answers, told: SimpleQueue[Outcome]) -> None:
    """When its time is over the call is told as what silence proves, whoever else is heard meanwhile."""
    silent = Heard(Accepted("never"), pieces=0, given_up=SILENCE)
    answers.expect(silent, told.put)
    answers.expect(Heard(Accepted("ses-1")), told.put)
    assert [told.get(timeout=PATIENCE_S) for _ in range(2)] == [Accepted("ses-1"), SILENCE]
    assert silent.looks == 0


def test_one_who_fails_when_told_silences_no_other(answers: Answers, told: SimpleQueue[Outcome]) -> None:
    """Whatever breaks for one call, the next are told."""

    def breaks(_: Outcome) -> None:
        raise RuntimeError("what nobody foresaw")

    answers.expect(Heard(Accepted("ses-1")), breaks)
    answers.expect(Heard(Accepted("ses-2")), told.put)
    assert told.get(timeout=PATIENCE_S) == Accepted("ses-2")


def test_a_connection_may_carry_the_next_call_from_within_the_telling(
    answers: Answers, told: SimpleQueue[Outcome]
) -> None:
    """Who is told an answer may expect another one by the same file number at once."""

    def again(outcome: Outcome) -> None:
        told.put(outcome)
        answers.expect(Heard(Accepted("ses-2")), told.put)

    answers.expect(Heard(Accepted("ses-1")), again)
    assert [told.get(timeout=PATIENCE_S) for _ in range(2)] == [Accepted("ses-1"), Accepted("ses-2")]
