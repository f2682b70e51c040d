"""Locks on names, for what no row stands for yet: a transaction that holds a name waits for others that hold it.

Two transactions that each add a row do not see each other's row, and both rows together may be what decides: two soft
bounces of one address, two emails with one key. SQLite has one writer at a time and needs no lock.
"""

import hashlib
from collections.abc import Collection

from sqlalchemy import ARRAY, BigInteger, Connection, bindparam, column, func, select

_NUMBERS = (
    func.unnest(bindparam("numbers", type_=ARRAY(BigInteger)))
    .table_valued(column("number", BigInteger))
    .render_derived("given")
)
_HOLD = select(func.count(func.pg_advisory_xact_lock(_NUMBERS.c.number)))


def hold(connection: Connection, names: Collection[str]) -> None:
    """Lock these names until the transaction ends, always in one order. An address is named by its suppression key."""
    if names and connection.dialect.name == "postgresql":
        connection.execute(_HOLD, {"numbers": sorted(set(map(_number, names)))})


def _number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)
