"""What spoilt a commit for each other, tried by itself."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from app.domain.errors import ServiceUnavailable
from app.services.isolation import one_by_one, spoilt


def test_a_database_that_is_away_is_not_asked_for_each_that_comes_after() -> None:
    """One that is refused fails alone; once the database is away, all others get that error without a try."""
    asked: list[str] = []

    def commit(entries: Sequence[str]) -> list[str]:
        asked.extend(entries)
        if entries == ["refused"]:
            raise ValueError("refused")
        if entries == ["away"]:
            raise ServiceUnavailable("no answer", retry_after=1)
        return [f"{entry} kept" for entry in entries]

    outcomes = one_by_one(["first", "refused", "third", "away", "fifth", "sixth"], commit, failed=str)
    assert outcomes == ["first kept", "refused", "third kept", "no answer", "no answer", "no answer"]
    assert asked == ["first", "refused", "third", "away"]


class Savepoint:
    """A connection that counts the savepoints that were rolled back."""

    def __init__(self) -> None:
        self.rolled_back = 0

    @contextmanager
    def begin_nested(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.rolled_back += 1
            raise


def test_what_spoils_a_savepoint_is_reported_and_undone() -> None:
    """Whatever it is: work that is done has no error, and work that breaks leaves nothing."""
    connection = Savepoint()
    assert spoilt(cast("Connection", connection), lambda: None) is None
    assert isinstance(spoilt(cast("Connection", connection), lambda: 1 // 0), ZeroDivisionError)
    assert connection.rolled_back == 1


def test_a_database_that_is_away_spoils_no_row_by_itself() -> None:
    """Its error is raised, so that the transaction ends and is tried again as a whole."""

    def away() -> None:
        raise OperationalError("SELECT 1", {}, Exception("the connection was lost"))

    with pytest.raises(OperationalError):
        spoilt(cast("Connection", Savepoint()), away)
