"""Locks on addresses: a transaction that weighs the events of an address waits for others that do.

Two transactions that each add an event about the same address do not see each other's event, and both events together
may be what pauses it. SQLite has one writer at a time and needs no lock.
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


def hold(connection: Connection, keys: Collection[str]) -> None:
    """Lock these addresses, given by their suppression keys, until the transaction ends; always in one order."""
    if keys and connection.dialect.name == "postgresql":
        connection.execute(_HOLD, {"numbers": sorted(set(map(_number, keys)))})


def _number(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), signed=True)
