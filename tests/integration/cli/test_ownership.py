"""Ownership of database and Redis: `up` and `demo` own for good what they made, and leave everything else alone."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest
from redis import Redis
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from app.cli.local.ownership import take_database, take_redis
from app.cli.shell.command import CommandFailed
from app.cli.shell.data_dir import DataDir, write_private_json
from app.cli.shell.operated_gateway import isolate
from config import SettingsError, load
from tests.support.gateway.gateways import SECRET_KEY, migrate
from tests.support.servers.servers import Postgres

REFUSED = "^the database was not made by `./postern up` or `demo`, which do not change it: name an empty one$"


def take(url: str) -> None:
    take_database(url, named="the database", instead="name an empty one")


def run(url: str, statement: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_an_empty_database_is_taken_and_stays_ours(database_url: str) -> None:
    """Before its tables are made, between, and after."""
    take(database_url)
    take(database_url)
    migrate(database_url)
    take(database_url)


def test_another_gateways_database_is_not_ours(migrated_url: str) -> None:
    """It was migrated by someone else, and repeated runs never mark it."""
    for _ in range(2):
        with pytest.raises(CommandFailed, match=REFUSED):
            take(migrated_url)


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE a (b integer)", "CREATE VIEW a AS SELECT 1 AS b", "CREATE TABLE alembic_version (v text)"],
)
def test_a_database_with_any_content_is_not_ours(database_url: str, statement: str) -> None:
    """A table of another program, a view, or a gateway whose migration has only begun."""
    run(database_url, statement)
    with pytest.raises(CommandFailed, match=REFUSED):
        take(database_url)


def test_tables_in_another_schema_count(postgres: Postgres) -> None:
    """A PostgreSQL database may have many schemas; ours would be made beside them."""
    url = postgres.url(name := postgres.create_database())
    run(url, "CREATE SCHEMA shop")
    take(url)
    run(url, "DROP TABLE made_by_postern_up")
    run(url, "CREATE TABLE shop.orders (id integer)")
    with pytest.raises(CommandFailed, match=REFUSED):
        take(url)
    postgres.drop_database(name)


@pytest.mark.parametrize("open_elsewhere", [False, True])
def test_a_foreign_sqlite_file_is_read_without_a_trace(sqlite_file: Path, open_elsewhere: bool) -> None:
    """Neither its bytes nor the files beside it change, whether or not its owner has it open."""
    with closing(sqlite3.connect(sqlite_file)) as owner:
        owner.execute("PRAGMA journal_mode=WAL")
        owner.execute("CREATE TABLE a (b)")
        if not open_elsewhere:
            owner.close()
        before = {one.name: one.read_bytes() for one in sqlite_file.parent.iterdir() if not one.name.endswith("-shm")}
        with pytest.raises(CommandFailed, match=REFUSED):
            take(f"sqlite:///{sqlite_file}")
        after = {one.name: one.read_bytes() for one in sqlite_file.parent.iterdir() if not one.name.endswith("-shm")}
    assert after == before


def test_a_file_that_is_no_database_is_left_alone(sqlite_file: Path) -> None:
    """One line names it, and nothing is written to it."""
    sqlite_file.write_text("a letter that is longer than the head of a database " * 4)
    with pytest.raises(CommandFailed, match=r"the database cannot be used \(DatabaseError\)"):
        take(f"sqlite:///{sqlite_file}")
    assert sqlite_file.read_text().startswith("a letter")


def test_a_database_that_is_away_is_reported_in_one_line() -> None:
    """It says what to check."""
    with pytest.raises(CommandFailed, match="the database cannot be used"):
        take("postgresql+psycopg://postern@127.0.0.1:9/postern")


def test_a_data_directory_without_marks_still_works(tmp_path: Path) -> None:
    """`up`'s own record shows that the SQLite file is its own; without such a record it is not."""
    data = DataDir(tmp_path)
    migrate(data.database_url)
    assert not data.remembers(data.database_url)
    write_private_json(data.environment, {"DATABASE_URL": data.database_url})
    assert data.remembers(data.database_url)
    take_database(data.database_url, named="the database", instead="", made_before_marks=True)
    take(data.database_url)
    assert make_url(data.database_url).database == str(tmp_path / "postern.sqlite3")


def test_only_an_empty_redis_is_taken(redis_url: str) -> None:
    """Another program's queue or list is neither read nor written to; our Redis stays ours when it fills."""
    with Redis.from_url(redis_url) as redis:
        redis.set("somebody", "else")
        with pytest.raises(CommandFailed, match="the Redis at REDIS_URL holds data that was not put there"):
            take_redis(redis_url)
        assert redis.keys() == [b"somebody"]
        redis.flushdb()
        take_redis(redis_url)
        redis.set("bell", "rings")
        take_redis(redis_url)


ENV_FILE_OF_PRODUCTION = "DATABASE_URL=postgresql://db/production\nSES_THREADS=7\nCELERY_BROKER_URL=amqp://broker\n"


@pytest.mark.parametrize("use_environment", [False, True])
def test_an_isolated_process_knows_no_other_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use_environment: bool
) -> None:
    """It ignores `.env`, Postern's variables and those of libraries, unless it is asked to use the environment."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(ENV_FILE_OF_PRODUCTION)
    theirs = {
        "redis_url": "redis://production", "AWS_PROFILE": "production", "PGHOST": "db", "CELERY_BROKER_URL": "amqp://b",
        "POSTERN_URL": "https://mail.example.com", "POSTERN_API_KEY": "ptn_x", "GUNICORN_CMD_ARGS": "--daemon",
        "SECRET_KEYS": SECRET_KEY,
    }  # fmt: skip
    with patch.dict(os.environ, theirs):
        del os.environ["POSTERN_ENV_FILE"]
        ignored = isolate(use_environment=use_environment)
        settings = load(secret_keys="o" * 43)
        assert os.environ.keys().isdisjoint(
            {"redis_url", "AWS_PROFILE", "CELERY_BROKER_URL", "POSTERN_URL", "POSTERN_API_KEY", "GUNICORN_CMD_ARGS"}
            | {"SECRET_KEYS"}
        )
        assert ("PGHOST" in os.environ) is use_environment
        with pytest.raises(SettingsError, match="SECRET_KEYS"):
            load()
    if use_environment:
        assert (settings.database_url, settings.ses_threads) == ("postgresql+psycopg://db/production", 7)
        assert settings.redis_url == "redis://production"
        assert ignored == ("CELERY_BROKER_URL", "SECRET_KEYS")
    else:
        assert settings.model_fields_set == {"secret_keys"}
        assert ignored == ("CELERY_BROKER_URL", "DATABASE_URL", "REDIS_URL", "SECRET_KEYS", "SES_THREADS")
    assert settings.celery_broker_url == ""


@pytest.mark.parametrize("scheme", ["sentinel", "sentinels"])
def test_what_is_behind_sentinels_is_not_taken(scheme: str) -> None:
    """It is never a Redis for trying out, and the mark could be on any of its servers."""
    with pytest.raises(CommandFailed, match="need the address of a Redis itself"):
        take_redis(f"{scheme}://host/main/0")
