"""A PostgreSQL that is filled by SQL with years of history, and a Valkey, for the benchmarks that need both."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.database.history import fill
from tests.support.gateway.gateways import migrate
from tests.support.servers.servers import running_postgres, running_valkey, service_directory

POSTGRES: Final = {
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """The URLs of both servers, and a directory that ends with them."""

    database_url: str
    redis_url: str
    directory: Path


@contextmanager
def filled(emails: int, say: Callable[[str], None]) -> Iterator[Filled]:
    """Yield the servers with `emails` emails and what belongs to them; say how long that took."""
    with (
        service_directory(durable=True) as directory,
        running_postgres(directory, more=POSTGRES) as postgres,
        running_valkey(directory) as redis,
    ):
        url = postgres.url(postgres.create_database())
        migrate(url)
        began = time.monotonic()
        fill(url, emails=emails)
        say(f"filled with {emails:,} emails in {time.monotonic() - began:.0f} s")
        yield Filled(database_url=url, redis_url=redis, directory=directory)
