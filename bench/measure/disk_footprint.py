"""The size of queued emails in PostgreSQL, by table: the growth of its files while emails are accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from app.services.apps.authenticate import caller_of
from app.wiring.gateway import Gateway
from bench.baselines.contestants import email
from tests.support.gateway.gateways import issue

_BATCH: Final = 100
_SIZES: Final = text(
    "select relname, pg_table_size(oid), pg_indexes_size(oid) from pg_class "
    "where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """Bytes per email in one table: of its rows, including TOAST, and of its indexes."""

    table: str
    rows: float
    indexes: float


def queued(gateway: Gateway, emails: int, *, recipients: int = 1) -> list[Bytes]:
    """Accept emails and return the size of one of them. None of them may be sent meanwhile."""
    who = caller_of(issue(gateway, app="bench").key)
    before = sizes(gateway)
    for start in range(0, emails, _BATCH):
        batch = [email(*_people(number, recipients)) for number in range(start, start + _BATCH)]
        gateway.accept(who, batch, idempotency=None, answer=lambda _: {})
    return grown(before, sizes(gateway), emails)


def grown(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]], emails: int) -> list[Bytes]:
    """Return the growth of each table per email; tables that hardly grew are left out."""
    found = [
        Bytes(table=name, rows=(rows - before[name][0]) / emails, indexes=(indexes - before[name][1]) / emails)
        for name, (rows, indexes) in after.items()
    ]
    return [one for one in found if one.rows + one.indexes >= 1]


def together(of: Sequence[Bytes]) -> float:
    """Return the bytes in all tables."""
    return sum(one.rows + one.indexes for one in of)


def sizes(gateway: Gateway) -> dict[str, tuple[int, int]]:
    """Return the bytes of each table and of its indexes."""
    with gateway.database.reading() as connection:
        return {name: (rows, indexes) for name, rows, indexes in connection.execute(_SIZES)}


def _people(number: int, recipients: int) -> list[str]:
    """Return addresses of a usual length."""
    return [f"person{number}.{position}@example.net" for position in range(recipients)]
