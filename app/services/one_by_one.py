"""What was to share a commit and spoilt it for each other, committed each by itself.

It decides what each is told. Whoever asks has made sure that nothing of the shared one was committed.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from app.domain.errors import ServiceUnavailable

Entry = TypeVar("Entry")
Outcome = TypeVar("Outcome")


def one_by_one(
    entries: Sequence[Entry],
    commit: Callable[[Sequence[Entry]], Sequence[Outcome]],
    *,
    failed: Callable[[Exception], Outcome],
) -> list[Outcome]:
    """What became of each, in their order; `failed` says it of one that `commit` raised for.

    After one whom the database did not answer it is not asked any more: all others are told the same.
    """
    outcomes: list[Outcome] = []
    away: ServiceUnavailable | None = None
    for entry in entries:
        if away is not None:
            outcomes.append(failed(ServiceUnavailable(away.detail, retry_after=away.retry_after)))
            continue
        try:
            outcomes += commit([entry])
        except Exception as error:  # noqa: BLE001 - it is raised by the thread that it concerns
            away = error if isinstance(error, ServiceUnavailable) else None
            outcomes.append(failed(error))
    return outcomes
