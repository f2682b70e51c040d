"""Requests that wait for a commit at the same moment share it: single emails and notifications do.

This module decides what is committed together and what happens to each request if that fails. A request is answered
only after its commit has ended, and one that the database refuses fails alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from app.domain.errors import ServiceUnavailable
from app.services.coalesce import Combine
from app.services.isolation import one_by_one

Request = TypeVar("Request")
Outcome = TypeVar("Outcome")

_AT_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Committed(Generic[Outcome]):
    """The result of one request: its outcome, or its own failure.

    `to_ring` are the outcomes that this thread rings for, its own and those of others: one ring is enough for many, and
    the thread that led the commit always returns.
    """

    own: tuple[Outcome, ...] = ()
    failure: Exception | None = None
    to_ring: tuple[Outcome, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The outcome of the request. Raises its failure."""
        if self.failure is not None:
            raise self.failure
        (own,) = self.own
        return own


class GroupCommit(Generic[Request, Outcome]):
    """Commits requests. One per process, for all its threads.

    `commit` writes some requests in one transaction and returns their outcomes in order. If it raises for a request, it
    must have written nothing of it, except for `ServiceUnavailable`, after which that is not known.
    """

    def __init__(self, commit: Callable[[Sequence[Request]], Sequence[Outcome]]) -> None:
        self._commit = commit
        self._together: Combine[Request, Committed[Outcome]] = Combine(self._commit_all, at_most=_AT_MOST)

    @property
    def waiting(self) -> int:
        """How many requests wait for the commit that is under way."""
        return self._together.waiting

    def __call__(self, request: Request) -> Committed[Outcome]:
        """The committed result. Raises `ServiceUnavailable`, and the database's error for a row that it refuses."""
        return self._together(request)

    def alone(self, request: Request) -> Committed[Outcome]:
        """The result, committed in a transaction of its own."""
        own = tuple(self._commit([request]))
        return Committed(own, to_ring=own)

    def _commit_all(self, requests: Sequence[Request]) -> Sequence[Committed[Outcome]]:
        """Commit all together or, if one fails, one by one: a failure like that was certainly rolled back."""
        try:
            committed = self._kept(requests)
        except ServiceUnavailable:
            raise  # perhaps after the commit, so it is not known whether they are kept
        except Exception:
            if len(requests) == 1:
                raise
            committed = one_by_one(requests, self._kept, failed=_failed)
        everything = tuple(outcome for one in committed for outcome in one.own)
        first, *others = committed
        return [replace(first, to_ring=everything), *others]

    def _kept(self, requests: Sequence[Request]) -> list[Committed[Outcome]]:
        return [Committed((outcome,)) for outcome in self._commit(requests)]


def _failed(error: Exception) -> Committed[Outcome]:
    return Committed(failure=error)
