"""A suppression list of any size, written to PostgreSQL by SQL; the rate of the import is measured separately.

Each entry is `local@domain` with a local part of 12 hex digits, in 50,000 domains; the address of entry `n` can be
computed. There are also some whole domains and pseudonyms of forgotten people, which no lookup asks for.
"""

import random
from collections.abc import Iterator
from hashlib import md5

from app.domain.suppression.rules import scope_of
from app.services.suppression.gate import Addressee
from bench.baselines.direct_sql import direct

DOMAINS = 50_000
HITS = 0.05
"""The share of suppressed addresses among those that are looked up."""

_FILL = """
insert into suppressions (id, key, scope, address, origin, reason, source, version, created_at)
select (lpad(to_hex(n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid, address, '*', address, 'bounce',
    'smtp; 550 5.1.1 user unknown', '{}', 1, now()
from (select n, left(md5(n::text), 12) || '@mail' || n %% %(domains)s || '.example.net' as address
    from generate_series(%(first)s::bigint, %(last)s::bigint) as n) as made
"""
_FILL_OTHERS = """
insert into suppressions (id, key, scope, address, origin, reason, source, version, created_at)
select gen_random_uuid(), name, '*', name, 'manual', 'Asked.', '{}', 1, now()
from (
    select '#' || left(md5(n::text), 22) as name from generate_series(1, %(size)s / 1000) as n
    union all select '@closed' || n || '.example.org' from generate_series(1, %(size)s / 10000) as n
) as named
"""
_STEP = 1_000_000
_SAID = "smtp; 550 5.1.1 user unknown"


def fill(database_url: str, size: int) -> None:
    """Put `size` entries into an empty list, plus a pseudonym per thousand and a domain per ten thousand.

    The secondary indexes are built once the list is full, which is faster.
    """
    with direct(database_url) as connection:
        connection.execute("set maintenance_work_mem = '512MB'")
        connection.execute("set synchronous_commit = off")
        indexes = connection.execute(
            "select indexname, indexdef from pg_indexes where tablename = 'suppressions' and indexname !~ '^pk_'"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f'drop index "{name}"'.encode())
        for first in range(1, size + 1, _STEP):
            values = {"domains": DOMAINS, "first": first, "last": min(first + _STEP - 1, size)}
            connection.execute(_FILL.encode(), values)
        connection.execute(_FILL_OTHERS.encode(), {"size": size})
        for _, definition in indexes:
            connection.execute(definition.encode())
        connection.execute("vacuum analyze suppressions")


def key_of(number: int) -> str:
    """Return the key of entry `number`, from 1 on."""
    return f"{md5(str(number).encode(), usedforsecurity=False).hexdigest()[:12]}@mail{number % DOMAINS}.example.net"


def emails(count: int, *, size: int, seed: int) -> list[Addressee]:
    """Return emails to distinct addresses, one in twenty of which is on a list of this size."""
    chance = random.Random(seed)
    return [
        Addressee(
            key=key_of(chance.randint(1, size) if chance.random() < HITS else size + chance.randint(1, 10**12)),
            scope=scope_of("bench", "default"),
        )
        for _ in range(count)
    ]


def file_of(rows: int) -> Iterator[bytes]:
    """Yield a file in Postern's format with `rows` new addresses."""
    yield b"email,scope,origin,reason,created_at\r\n"
    for start in range(0, rows, 1000):
        lines = (
            f"import.{number}@mail{number % DOMAINS}.example.net,*,bounce,{_SAID},2026-03-04T05:06:07Z\r\n"
            for number in range(start, min(start + 1000, rows))
        )
        yield "".join(lines).encode()
