"""Thread pools: how many threads work at a time, and that no work is lost."""

import threading
from contextlib import closing
from queue import Empty, SimpleQueue

import pytest

from app.services.sending.thread_pools import FewThreads, Threads

PATIENCE_S = 10.0
A_MOMENT_S = 0.1


@pytest.mark.parametrize("threads", [Threads(4, name="t"), FewThreads(4, at_work=2, name="t")], ids=["many", "few"])
def test_all_work_is_done_before_the_end(threads: Threads) -> None:
    """A piece of work that fails does not end its thread, so later work is done too."""
    done: SimpleQueue[int] = SimpleQueue()

    def fails() -> None:
        raise RuntimeError("unexpected")

    for number in range(100):
        threads.do(fails if number % 10 == 0 else lambda number=number: done.put(number))  # type: ignore[misc]
    threads.close()
    assert sorted(done.get_nowait() for _ in range(90)) == [number for number in range(100) if number % 10]


def test_few_are_at_work_at_a_time() -> None:
    """A third piece of work begins when one of the first two has ended."""
    begun: SimpleQueue[int] = SimpleQueue()
    ends = [threading.Event() for _ in range(3)]

    def work(number: int) -> None:
        begun.put(number)
        assert ends[number].wait(PATIENCE_S)

    with closing(FewThreads(3, at_work=2, name="t")) as threads:
        for number in range(3):
            threads.do(lambda number=number: work(number))  # type: ignore[misc]
        assert {begun.get(timeout=PATIENCE_S) for _ in range(2)} == {0, 1}
        with pytest.raises(Empty):
            begun.get(timeout=A_MOMENT_S)
        ends[0].set()
        assert begun.get(timeout=PATIENCE_S) == 2
        for end in ends:
            end.set()


def test_a_thread_that_gives_way_lets_another_begin() -> None:
    """With one thread at work, the first piece can wait for the second if it gives way."""
    second = threading.Event()
    ended: SimpleQueue[str] = SimpleQueue()

    def first() -> None:
        threads.give_way()
        threads.give_way()
        assert second.wait(PATIENCE_S)
        ended.put("first")

    def after() -> None:
        ended.put("second")
        second.set()

    with closing(FewThreads(2, at_work=1, name="t")) as threads:
        threads.do(first)
        threads.do(after)
    assert [ended.get_nowait(), ended.get_nowait()] == ["second", "first"]


def test_a_thread_that_gave_way_waits_for_a_free_place() -> None:
    """Giving way twice frees only one place: afterwards one thread is at work again."""
    begun: SimpleQueue[int] = SimpleQueue()
    gave_way, ends = threading.Event(), threading.Event()

    def gives_way() -> None:
        threads.give_way()
        threads.give_way()
        gave_way.set()

    def work(number: int) -> None:
        begun.put(number)
        assert ends.wait(PATIENCE_S)

    with closing(FewThreads(3, at_work=1, name="t")) as threads:
        threads.do(gives_way)
        assert gave_way.wait(PATIENCE_S)
        for number in range(2):
            threads.do(lambda number=number: work(number))  # type: ignore[misc]
        assert begun.get(timeout=PATIENCE_S) == 0
        with pytest.raises(Empty):
            begun.get(timeout=A_MOMENT_S)
        ends.set()
