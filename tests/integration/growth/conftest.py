"""Years of history, made once for the tests of this folder; each of them has a copy of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from flask import Flask

from app.domain.apps.callers import Scope
from tests.support.database.history import fill
from tests.support.gateway.gateways import migrate
from tests.support.gateway.web import Headers, Web, web_on
from tests.support.servers.servers import Postgres, running_postgres, service_directory

EMAILS: Final = 250_000
"""There are as many recipients, attempts, notifications and events, and half as many entries of the list.

A scan of any of these tables reads some thousands of pages, and no page or batch may read so many. So a statement that
passes here does not scan, and costs as little with millions of rows.
"""

POSTGRES: Final = {"shared_buffers": "128MB", "max_wal_size": "2GB", "wal_level": "minimal", "max_wal_senders": "0"}


@dataclass(frozen=True)
class History:
    """A PostgreSQL server with a full database to which nothing is connected."""

    server: Postgres
    template: str


@pytest.fixture(scope="session")
def history() -> Iterator[History]:
    """Make the history once for this folder, which `tests/support/gateway/orderings.py` gives to one process."""
    with service_directory(durable=True) as directory, running_postgres(directory, more=POSTGRES) as server:
        template = server.create_database()
        migrate(server.url(template))
        fill(server.url(template), emails=EMAILS)
        yield History(server, template)


@pytest.fixture
def url(history: History) -> Iterator[str]:
    name = history.server.create_database(template=history.template)
    yield history.server.url(name)
    history.server.drop_database(name)


@pytest.fixture
def web(url: str, redis_url: str) -> Iterator[Web]:
    with web_on(url, redis_url, public_url="https://mail.example.com") as web:
        yield web


@pytest.fixture
def application(migrated_sqlite_url: str, redis_url: str) -> Iterator[Flask]:
    """The application without any history, for tests that look at its routes alone."""
    with web_on(migrated_sqlite_url, redis_url) as web:
        yield web.client.application


@pytest.fixture
def keys(web: Web) -> dict[str, Headers]:
    """The headers of a large application, of a small one, and of an administrator."""
    return {"app-1": web.key("app-1"), "app-5": web.key("app-5"), "admin": web.key("ops", *Scope)}
