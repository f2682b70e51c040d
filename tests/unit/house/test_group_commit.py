"""Requests that share a commit: each is answered after it, and none pays for another one."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from app.domain.errors import ServiceUnavailable
from app.services.group_commit import Committed, GroupCommit

PATIENCE_S = 30.0


class Refused(Exception):
    """The database does not take this request."""


class Commits:
    """A database that commits when it is let to, and keeps what it was given; `bad` requests it refuses."""

    def __init__(self) -> None:
        self.tried: list[tuple[str, ...]] = []
        self.away = False
        self._may = threading.Semaphore(0)
        self._threads = ThreadPoolExecutor(8)
        self.group: GroupCommit[str, str] = GroupCommit(self._commit)

    def _commit(self, requests: Sequence[str]) -> list[str]:
        self.tried.append(tuple(requests))
        assert self._may.acquire(timeout=PATIENCE_S)
        if self.away:
            raise ServiceUnavailable("The database is away.", retry_after=1)
        if "bad" in requests:
            raise Refused
        return [f"{request} kept" for request in requests]

    def ask(self, request: str) -> Future[Committed[str]]:
        return self._threads.submit(self.group, request)

    def let(self, commits: int) -> None:
        for _ in range(commits):
            self._may.release()

    def shared(self, *requests: str) -> list[Future[Committed[str]]]:
        """Requests that all wait for the commit of a first one, the first of them to lead the next."""
        first = self.ask("first")
        until(lambda: bool(self.tried))
        asked = []
        for number, request in enumerate(requests, start=1):
            asked.append(self.ask(request))
            until(lambda number=number: self.group.waiting == number)  # type: ignore[misc]
        assert not first.done()
        self.let(1)
        first.result(PATIENCE_S)
        return asked

    def close(self) -> None:
        self.let(100)
        self._threads.shutdown()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.005)


@pytest.fixture
def commits() -> Iterator[Commits]:
    it = Commits()
    try:
        yield it
    finally:
        it.close()


def test_requests_that_wait_share_one_commit_and_its_leader_rings_for_all(commits: Commits) -> None:
    """Each has its own outcome; one thread has those of all to ring for, and the others have none."""
    asked = commits.shared("ann", "bob", "eve")
    commits.let(1)
    results = [one.result(PATIENCE_S) for one in asked]
    assert [one.outcome for one in results] == ["ann kept", "bob kept", "eve kept"]
    assert [one.to_ring for one in results] == [("ann kept", "bob kept", "eve kept"), (), ()]
    assert commits.tried == [("first",), ("ann", "bob", "eve")]


def test_a_request_that_is_refused_fails_alone(commits: Commits) -> None:
    """Those that shared its commit are committed one by one, and the leader rings for what was kept."""
    asked = commits.shared("bad", "ann", "bob")
    commits.let(4)
    results = [one.result(PATIENCE_S) for one in asked]
    with pytest.raises(Refused):
        results[0].outcome  # noqa: B018 - reading it raises
    assert [one.outcome for one in results[1:]] == ["ann kept", "bob kept"]
    assert [one.to_ring for one in results] == [("ann kept", "bob kept"), (), ()]
    assert commits.tried[1:] == [("bad", "ann", "bob"), ("bad",), ("ann",), ("bob",)]


def test_a_commit_that_may_have_happened_is_not_tried_again(commits: Commits) -> None:
    """The database went away: all that shared the commit hear so, and none is committed a second time."""
    asked = commits.shared("ann", "bob")
    commits.away = True
    commits.let(1)
    for one in asked:
        with pytest.raises(ServiceUnavailable):
            one.result(PATIENCE_S)
    assert commits.tried[1:] == [("ann", "bob")]


def test_a_request_by_itself_waits_for_no_other(commits: Commits) -> None:
    """It is committed while another commit is held, rings for itself, and raises its own failure."""
    held = commits.ask("first")
    until(lambda: bool(commits.tried))
    commits.let(2)
    assert commits.group.alone("batch") == Committed(("batch kept",), to_ring=("batch kept",))
    held.result(PATIENCE_S)
    commits.let(1)
    with pytest.raises(Refused):
        commits.group.alone("bad")
