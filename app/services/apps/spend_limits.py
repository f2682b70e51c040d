"""Hold what is accepted to the limits of its applications, in the transaction that accepts it.

The counts are in SQL alone, so all processes share them, and no other server can open a limit or close it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.limits import Limits, spend
from app.store.apps import usage


@dataclass(frozen=True, slots=True)
class Spending:
    """The recipients of one request of an application that has limits."""

    app_id: UUID
    limits: Limits
    recipients: int


def spend_limits(connection: Connection, spendings: Sequence[Spending]) -> None:
    """Count these requests. Raises `RateLimitExceeded` when one of them is over a limit: then roll all of them back.

    The counts stay locked until the transaction ends.
    """
    if not spendings:
        return
    usages, now = usage.hold(connection, sorted({one.app_id for one in spendings}))
    for one in spendings:
        usages[one.app_id] = spend(usages[one.app_id], one.limits, one.recipients, now=now)
    usage.save(connection, usages)
