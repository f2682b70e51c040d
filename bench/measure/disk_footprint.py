"""What mails that wait take in PostgreSQL, by table: measured as the growth of its files while mails are accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from app.services.authenticate import caller_of
from app.wiring import Gateway
from bench.contestants import mail
from tests.gateways import issue

_BATCH: Final = 100
_SIZES: Final = text(
    "select relname, pg_table_size(oid), pg_indexes_size(oid) from pg_class "
    "where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """Bytes of one table for each mail: its rows, with what is stored beside them, and its indexes."""

    table: str
    rows: float
    indexes: float


def queued(gateway: Gateway, mails: int, *, recipients: int = 1) -> list[Bytes]:
    """Accept so many mails to so many people each; what one of them takes. None of them may be sent meanwhile."""
    who = caller_of(issue(gateway, app="bench").key)
    before = sizes(gateway)
    for start in range(0, mails, _BATCH):
        batch = [mail(*_people(number, recipients)) for number in range(start, start + _BATCH)]
        gateway.accept(who, batch, idempotency=None, answer=lambda _: {})
    return grown(before, sizes(gateway), mails)


def grown(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]], mails: int) -> list[Bytes]:
    """By how much each table has grown for each of so many mails; those that have hardly are left out."""
    found = [
        Bytes(table=name, rows=(rows - before[name][0]) / mails, indexes=(indexes - before[name][1]) / mails)
        for name, (rows, indexes) in after.items()
    ]
    return [one for one in found if one.rows + one.indexes >= 1]


def together(of: Sequence[Bytes]) -> float:
    """Bytes in all tables."""
    return sum(one.rows + one.indexes for one in of)


def sizes(gateway: Gateway) -> dict[str, tuple[int, int]]:
    """Bytes of each table and of its indexes."""
    with gateway.database.reading() as connection:
        return {name: (rows, indexes) for name, rows, indexes in connection.execute(_SIZES)}


def _people(number: int, recipients: int) -> list[str]:
    """Addresses of a usual length."""
    return [f"person{number}.{position}@example.net" for position in range(recipients)]
