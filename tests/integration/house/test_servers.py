"""The servers that the tests use are real and empty, and of the version that is asked for."""

import os
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from sqlalchemy import create_engine, text

from app.cli.local.children.embedded_valkey import valkey_binary
from tests.support.servers.servers import OTHER_POSTGRES, OTHER_REDIS, PREFIX, Postgres, service_directory


@pytest.mark.parametrize("turn", ["first", "second"])
def test_a_database_is_empty_whatever_an_earlier_test_left(database_url: str, turn: str) -> None:
    """Two tests that make the same table do not affect each other."""
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE left_behind (turn TEXT)"))
        connection.execute(text("INSERT INTO left_behind VALUES (:turn)"), {"turn": turn})
        assert connection.execute(text("SELECT turn FROM left_behind")).scalars().all() == [turn]
    engine.dispose()


def test_a_database_can_be_made_from_a_template(postgres: Postgres) -> None:
    """The copy holds everything that the template holds."""
    template = postgres.create_database()
    with psycopg.connect(postgres.url(template).replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n INT)")
    copy = postgres.create_database(template=template)
    with psycopg.connect(postgres.url(copy).replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    postgres.drop_database(copy)
    postgres.drop_database(template)


@pytest.mark.parametrize("turn", ["first", "second"])
def test_redis_is_empty_whatever_an_earlier_test_left(redis_url: str, turn: str) -> None:
    """Two tests that use the same key do not affect each other."""
    with Redis.from_url(redis_url) as client:
        assert client.set("left-behind", turn, nx=True)


def test_the_servers_are_those_of_the_packages_or_those_that_are_named(postgres: Postgres, redis_url: str) -> None:
    """The variables of CONTRIBUTING.md name others, to run tests on another version."""
    programs = Path(str(postgres.ask("SELECT setting FROM pg_config WHERE name = 'BINDIR'")))
    with Redis.from_url(redis_url) as client:
        executable = client.info("server")["executable"]
    assert executable == os.environ.get(OTHER_REDIS, str(valkey_binary()))
    assert programs == Path(os.environ.get(OTHER_POSTGRES, programs))


def test_a_directory_may_be_gone_before_it_is_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two processes that begin at once both remove what a killed one left."""
    gone = tmp_path / f"{PREFIX}1-gone"
    monkeypatch.setattr(Path, "glob", lambda *_: iter([gone]))
    with service_directory() as directory:
        assert directory.is_dir()
