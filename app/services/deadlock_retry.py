"""Repeat the work of a transaction that the database rolled back in favour of another one: the last resort.

All transactions lock in one order (docs/architecture.md), so this is rare. The work must be safe to repeat: what was
rolled back has left nothing in the database.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import structlog

from app.store.engine.database import RolledBack

log = structlog.get_logger()

TRIES: Final = 3

T = TypeVar("T")


def again(work: Callable[[], T]) -> T:
    """The result of the work. Raises `ServiceUnavailable` if it was rolled back for others each time."""
    for left in reversed(range(TRIES)):
        try:
            return work()
        except RolledBack:
            if not left:
                raise
            log.info("transaction_repeated")
    raise AssertionError("the last try ends by itself")
