"""Many threads, one query at a time: no call gets an old answer or that of another call, and none waits for ever."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from app.domain.errors import ServiceUnavailable
from app.services.coalesce import Combine

PATIENCE_S = 60.0


class Call(threading.Thread):
    """A thread that asks one question, and its answer or error."""

    def __init__(self, combine: Combine[int, int], question: int) -> None:
        super().__init__(daemon=True)
        self._combine, self._question = combine, question
        self.answer: int | None = None
        self.failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.answer = self._combine(self._question)
        except BaseException as error:  # noqa: BLE001 - what ends a thread is what the tests are about
            self.failure = error

    def ended(self) -> "Call":
        self.join(PATIENCE_S)
        assert not self.is_alive(), "it hangs"
        return self


@dataclass
class Squares:
    """Answers with squares; the test releases the first query, and chooses the queries that fail."""

    fails: dict[int, BaseException] = field(default_factory=dict)
    queries: list[list[int]] = field(default_factory=list)
    begun: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=threading.Event)

    def __call__(self, questions: Sequence[int]) -> list[int]:
        self.queries.append(list(questions))
        self.begun.set()
        assert self.may_answer.wait(PATIENCE_S)
        failure = self.fails.get(len(self.queries))
        if failure is not None:
            raise failure
        return [question * question for question in questions]


def crowd(combine: Combine[int, int], asked: Squares, numbers: range) -> list[Call]:
    """Start a call, and while its query runs one more call per number, one after the other; return all calls."""
    first = Call(combine, 0)
    assert asked.begun.wait(PATIENCE_S)
    others = []
    for number in numbers:
        others.append(Call(combine, number))
        until(lambda: combine.waiting == len(others))
    return [first, *others]


def until(done: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < ends
        time.sleep(0.001)


def test_a_single_call_queries_at_once() -> None:
    """No query waits for others to join: three calls in turn are three queries."""
    asked = Squares()
    asked.may_answer.set()
    combine = Combine(asked, at_most=200, patience_s=PATIENCE_S)
    assert [combine(number) for number in (1, 2, 3)] == [1, 4, 9]
    assert asked.queries == [[1], [2], [3]]


def test_calls_during_a_query_share_the_next_one() -> None:
    """Ten waiting calls become one query, in order of arrival, and each gets its own answer."""
    asked = Squares()
    calls = crowd(Combine(asked, at_most=200, patience_s=PATIENCE_S), asked, range(1, 11))
    asked.may_answer.set()
    assert [call.ended().answer for call in calls] == [number * number for number in range(11)]
    assert asked.queries == [[0], list(range(1, 11))]


def test_a_query_takes_no_more_than_it_may() -> None:
    """The next queries take the rest."""
    asked = Squares()
    calls = crowd(Combine(asked, at_most=4, patience_s=PATIENCE_S), asked, range(1, 11))
    asked.may_answer.set()
    assert [call.ended().answer for call in calls] == [number * number for number in range(11)]
    assert [len(query) for query in asked.queries] == [1, 4, 4, 2]


def test_a_failed_query_fails_exactly_the_calls_that_shared_it() -> None:
    """A failed query is not repeated for each of its callers; the next call gets a new query."""
    asked = Squares(fails={2: ServiceUnavailable("Away.")})
    combine = Combine(asked, at_most=5, patience_s=PATIENCE_S)
    calls = crowd(combine, asked, range(1, 8))
    asked.may_answer.set()
    first, *shared = [call.ended() for call in calls]
    assert first.answer == 0
    assert [type(call.failure) for call in shared[:5]] == [ServiceUnavailable] * 5
    assert [call.answer for call in shared[5:]] == [36, 49]
    assert len(asked.queries) == 3
    assert combine(9) == 81


@pytest.mark.parametrize("death", [RuntimeError("unexpected"), SystemExit(1), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("dies_at", [1, 2], ids=["alone", "with others"])
def test_no_call_hangs_when_the_leader_dies(death: BaseException, dies_at: int) -> None:
    """Whatever ends its thread, the calls in its query get an error, and another thread asks for those that wait."""
    asked = Squares(fails={dies_at: death})
    combine = Combine(asked, at_most=3, patience_s=PATIENCE_S)
    calls = crowd(combine, asked, range(1, 7))
    asked.may_answer.set()
    ended = [call.ended() for call in calls]
    dead = ended[:1] if dies_at == 1 else ended[1:4]
    assert [call.failure is death for call in dead] == [True, *[False] * (len(dead) - 1)]
    assert all(isinstance(call.failure, ServiceUnavailable) for call in dead[1:])
    assert all(call.answer is not None and call.failure is None for call in ended if call not in dead)
    assert combine(9) == 81


def test_an_answer_too_few_goes_to_no_caller() -> None:
    """A query with too few answers answers no call, so that no call gets the answer of another."""
    combine: Combine[int, int] = Combine(lambda _: [], at_most=200, patience_s=PATIENCE_S)
    with pytest.raises(ValueError, match="shorter"):
        combine(1)


def test_no_answer_is_older_than_its_question() -> None:
    """Under load, an answer includes everything that was true before the question was asked; and batches form."""
    threads, rounds = 16, 60
    version, sizes, door = [0], list[int](), threading.Lock()

    def read(questions: Sequence[int]) -> list[int]:
        sizes.append(len(questions))
        seen = version[0]
        time.sleep(0.0005)
        return [seen] * len(questions)

    combine: Combine[int, int] = Combine(read, at_most=200, patience_s=PATIENCE_S)
    stale: list[tuple[int, int]] = []

    def ask_and_ask() -> None:
        for _ in range(rounds):
            with door:
                version[0] += 1
                known = version[0]
            answer = combine(0)
            if answer < known:
                stale.append((known, answer))

    crew = [threading.Thread(target=ask_and_ask, daemon=True) for _ in range(threads)]
    for one in crew:
        one.start()
    for one in crew:
        one.join(PATIENCE_S)
    assert not any(one.is_alive() for one in crew)
    assert stale == []
    assert sum(sizes) == threads * rounds
    assert len(sizes) < threads * rounds / 2, "no batches"


def test_a_crowd_with_failures_comes_to_its_end() -> None:
    """Whatever fails and whenever: each of a thousand calls gets its own answer or an error, and none hangs."""
    chance = random.Random(7)

    def sometimes(questions: Sequence[int]) -> list[int]:
        time.sleep(chance.random() / 2000)
        if chance.random() < 0.3:
            raise chance.choice([ServiceUnavailable("Away."), RuntimeError("Broken."), SystemExit(1)])
        return [question * question for question in questions]

    combine: Combine[int, int] = Combine(sometimes, at_most=5, patience_s=PATIENCE_S)
    calls = [Call(combine, number) for number in range(1000)]
    ended = [call.ended() for call in calls]
    wrong = [(number, call) for number, call in enumerate(ended) if call.failure is None and call.answer != number**2]
    assert wrong == []
    assert 0 < sum(call.failure is not None for call in ended) < len(ended)


def test_a_question_that_waits_too_long_is_taken_back() -> None:
    """It is refused and never asked later, since refused work must not be done. One already in a query is answered."""
    asked = Squares()
    combine: Combine[int, int] = Combine(asked, at_most=10, patience_s=0.2)
    first = Call(combine, 1)
    assert asked.begun.wait(PATIENCE_S)
    late = Call(combine, 2).ended()
    assert isinstance(late.failure, ServiceUnavailable)
    asked.may_answer.set()
    assert first.ended().answer == 1
    assert Call(combine, 3).ended().answer == 9
    assert asked.queries == [[1], [3]]
