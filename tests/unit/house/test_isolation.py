"""What spoilt a commit for each other, tried by itself."""

from collections.abc import Sequence

from app.domain.errors import ServiceUnavailable
from app.services.one_by_one import one_by_one


def test_a_database_that_is_away_is_not_asked_for_each_that_comes_after() -> None:
    """One that is refused fails alone; once nobody answers, all others are told so without being asked for."""
    asked: list[str] = []

    def commit(entries: Sequence[str]) -> list[str]:
        asked.extend(entries)
        if entries == ["refused"]:
            raise ValueError("refused")
        if entries == ["away"]:
            raise ServiceUnavailable("nobody answers", retry_after=1)
        return [f"{entry} kept" for entry in entries]

    told = one_by_one(["first", "refused", "third", "away", "fifth", "sixth"], commit, failed=str)
    assert told == ["first kept", "refused", "third kept", "nobody answers", "nobody answers", "nobody answers"]
    assert asked == ["first", "refused", "third", "away"]
