"""Many threads ask, one query at a time: those that come while it runs are taken together by the next.

The first caller leads, and asks at once and for itself. Those that come meanwhile wait for its end; then the first of
them leads, and asks for all that wait by then. So batches grow with the load, no timer holds anybody up, and nobody is
given the answer of a query that began before it asked. It knows neither SQL nor mail.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.domain.errors import ServiceUnavailable

Question = TypeVar("Question")
Answer = TypeVar("Answer")

_FAILED = "The query of another thread failed; repeat the request."


@dataclass(slots=True, eq=False)
class _Seat(Generic[Question, Answer]):
    """One caller that waits: for an answer, for the failure of whoever asked, or for the lead.

    It waits at a lock that is held until it is called: an event would cost several times as much.
    """

    question: Question
    _wait: threading.Lock = field(default_factory=threading.Lock)
    leads: bool = False
    answers: tuple[Answer, ...] = ()
    failure: BaseException | None = None

    def sit(self) -> None:
        self._wait.acquire()

    def wait(self) -> None:
        self._wait.acquire()

    def call(self) -> None:
        self._wait.release()

    def answer(self) -> Answer:
        if self.failure is not None:
            raise ServiceUnavailable(_FAILED, retry_after=1) from self.failure
        (answer,) = self.answers
        return answer


class Combine(Generic[Question, Answer]):
    """Puts the questions of many threads in as few queries as their number allows. Thread-safe.

    `ask` answers up to `at_most` questions, in their order; it runs on the thread of one caller, once at a time.
    """

    def __init__(self, ask: Callable[[Sequence[Question]], Sequence[Answer]], *, at_most: int) -> None:
        self._ask = ask
        self._at_most = at_most
        self._door = threading.Lock()
        self._asking = False
        self._waiting: deque[_Seat[Question, Answer]] = deque()

    def __call__(self, question: Question) -> Answer:
        """The answer, of a query that began after the call.

        Raises what `ask` raises when this thread has led, and `ServiceUnavailable` when the query of another failed.
        """
        seat: _Seat[Question, Answer] = _Seat(question)
        with self._door:
            if self._asking:
                seat.sit()
                self._waiting.append(seat)
            else:
                self._asking = seat.leads = True
        if not seat.leads:
            seat.wait()
        if seat.leads:
            self._lead(seat)
        return seat.answer()

    def _lead(self, own: _Seat[Question, Answer]) -> None:
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
