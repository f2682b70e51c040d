"""Behind a pooler the role of the database has to bound the statements, and is refused in SQL that helps."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.domain.errors import ServiceUnavailable
from app.store.engine.database import Database
from tests.support.servers.servers import Postgres


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    """A database of a role of its own."""
    name = postgres.create_database()
    postgres.execute(f'CREATE ROLE "the pooled" LOGIN; ALTER DATABASE "{name}" SET timezone = \'Europe/Paris\'')
    yield make_url(postgres.url(name)).set(username="the pooled").render_as_string()
    postgres.drop_database(name)
    postgres.execute('DROP ROLE "the pooled"')


def test_the_refusal_says_what_to_run(postgres: Postgres, url: str) -> None:
    """To the operator, and not to a client. After those statements the same process goes on."""
    with closing(Database(url, pooled=True)) as database:
        with pytest.raises(ServiceUnavailable) as refused, database.asking():
            pass
        assert "ALTER" not in refused.value.detail
        statements = re.findall(r"ALTER ROLE .*?;", database.trouble(refused.value))
        assert len(statements) == 4
        for statement in statements:
            postgres.execute(statement)
        with database.asking() as connection:
            assert connection.scalar(text("SHOW timezone")) == "UTC"


def test_a_bound_that_is_longer_than_ours_is_refused_and_a_shorter_one_is_in_force(
    postgres: Postgres, url: str
) -> None:
    """A process waits seven seconds for an answer, so the server must have ended the statement before."""
    for setting in ("timezone = 'UTC'", "lock_timeout = 1000", "idle_in_transaction_session_timeout = 3000"):
        postgres.execute(f'ALTER ROLE "the pooled" SET {setting}')
    for bound, allowed in (("0", False), ("5001", False), ("200", True)):
        postgres.execute(f'ALTER ROLE "the pooled" SET statement_timeout = {bound}')
        with closing(Database(url, pooled=True)) as database:
            with pytest.raises(ServiceUnavailable) as ended, database.asking() as connection:
                connection.execute(text("SELECT pg_sleep(60)"))
            assert ("statement_timeout = 5000" in database.trouble(ended.value)) is not allowed


def test_no_statement_is_prepared_on_the_server(postgres: Postgres, url: str) -> None:
    """The next transaction may be on another connection of the server, which does not know it."""
    postgres.execute('ALTER ROLE "the pooled" SET statement_timeout = 5000')
    for setting in ("timezone = 'UTC'", "lock_timeout = 1000", "idle_in_transaction_session_timeout = 3000"):
        postgres.execute(f'ALTER ROLE "the pooled" SET {setting}')
    with closing(Database(url, pooled=True)) as database, database.asking() as connection:
        for _ in range(20):
            connection.execute(text("SELECT 1"))
        assert connection.scalar(text("SELECT count(*) FROM pg_prepared_statements")) == 0
