"""The servers that the tests use are real and empty."""

import psycopg
import pytest
from redis import Redis
from sqlalchemy import create_engine, text

from tests.support.servers.servers import Postgres


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
        assert client.info("server")["server_name"] == "valkey"
