"""How long a name is locked after passwords or codes that were wrong."""

from datetime import timedelta
from typing import Final

FREE_FAILURES: Final = 5
"""How many failures in a row lock a name. Each one after them locks it again, for twice as long."""

_FIRST: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(hours=1)
_DOUBLINGS: Final = 6  # of the first lock, until it is longer than the longest


def locked_for(failures: int) -> timedelta:
    """How long a name is locked after this many failures in a row: a minute, doubling up to an hour."""
    if failures < FREE_FAILURES:
        return timedelta()
    doublings = min(failures - FREE_FAILURES, _DOUBLINGS)
    return min(_FIRST * (1 << doublings), _LONGEST)
