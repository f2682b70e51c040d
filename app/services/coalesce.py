"""Many threads ask, one query runs at a time: questions that arrive meanwhile share the next query.

The first caller leads: it asks at once, for itself alone. Callers that arrive meanwhile wait for the end of its query;
then the first of them leads and asks for all that wait by then. So batches grow with the load, no timer delays a
caller, and no caller gets the answer of a query that began before it asked. This module knows neither SQL nor email.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.domain.errors import ServiceUnavailable

Question = TypeVar("Question")
Result = TypeVar("Result")

_FAILED = "The query of another thread failed; repeat the request."
_TOO_LATE = "The queries of other threads take too long; repeat the request."


@dataclass(slots=True, eq=False)
class _Seat(Generic[Question, Result]):
    """A waiting caller: for an answer, for the failure of the leading thread, or for the lead.

    It waits at a lock that is held until it is called: an event would cost several times as much.
    """

    question: Question
    _wait: threading.Lock = field(default_factory=threading.Lock)
    leads: bool = False
    answers: tuple[Result, ...] = ()
    failure: BaseException | None = None

    def sit(self) -> None:
        self._wait.acquire()

    def wait(self, *, at_most_s: float = -1) -> bool:
        return self._wait.acquire(timeout=at_most_s)

    def call(self) -> None:
        self._wait.release()

    def answer(self) -> Result:
        if self.failure is not None:
            raise ServiceUnavailable(_FAILED, retry_after=1) from self.failure
        (answer,) = self.answers
        return answer


class Combine(Generic[Question, Result]):
    """Answers the questions of many threads with as few queries as possible. Thread-safe.

    `ask` answers up to `at_most` questions, in order. It runs on the thread of one caller, never twice at once. A
    question that is not asked within `patience_s` seconds is never asked.
    """

    def __init__(
        self, ask: Callable[[Sequence[Question]], Sequence[Result]], *, at_most: int, patience_s: float = 2.0
    ) -> None:
        self._ask = ask
        self._patience_s = patience_s
        self._at_most = at_most
        self._door = threading.Lock()
        self._asking = False
        self._waiting: deque[_Seat[Question, Result]] = deque()

    @property
    def waiting(self) -> int:
        """How many questions wait for the query that runs."""
        return len(self._waiting)

    def __call__(self, question: Question) -> Result:
        """The answer, from a query that began after this call.

        Raises the error of `ask` if this thread led. Raises `ServiceUnavailable` if the query of another thread failed,
        or if no query for the question began in time; then none will.
        """
        seat: _Seat[Question, Result] = _Seat(question)
        with self._door:
            if self._asking:
                seat.sit()
                self._waiting.append(seat)
            else:
                self._asking = seat.leads = True
        if not seat.leads and not seat.wait(at_most_s=self._patience_s):
            self._withdraw(seat)
        if seat.leads:
            self._lead(seat)
        return seat.answer()

    def _withdraw(self, seat: _Seat[Question, Result]) -> None:
        """Withdraw the question. If it is being asked already, wait for its answer instead."""
        with self._door:
            waits = seat in self._waiting
            if waits:
                self._waiting.remove(seat)
        if waits:
            raise ServiceUnavailable(_TOO_LATE, retry_after=1)
        seat.wait()

    def _lead(self, own: _Seat[Question, Result]) -> None:
        group = [own]
        try:
            with self._door:
                while self._waiting and len(group) < self._at_most:
                    group.append(self._waiting.popleft())
            answers = self._ask([one.question for one in group])
            for one, answer in zip(group, answers, strict=True):
                one.answers = (answer,)
        except BaseException as error:
            for one in group[1:]:
                one.failure = error
            raise
        finally:
            self._hand_over()
            for one in group[1:]:
                one.call()

    def _hand_over(self) -> None:
        with self._door:
            successor = self._waiting.popleft() if self._waiting else None
            self._asking = successor is not None
        if successor is not None:
            successor.leads = True
            successor.call()
