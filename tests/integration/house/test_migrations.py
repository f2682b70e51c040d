"""Migrations: up and down on both databases, in agreement with the models, and one migrator at a time."""

import os
import subprocess
import sys
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from app.store.models import metadata
from app.wiring import alembic_config, head_revision
from tests.gateways import SECRET_KEY, migrate

CHECKOUT = Path(__file__).parents[2]


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    names = set(inspect(engine).get_table_names()) - {"alembic_version"}
    engine.dispose()
    return names


def differences(url: str) -> list[object]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = compare_metadata(
            MigrationContext.configure(connection, opts={"compare_server_default": True}), metadata
        )
    engine.dispose()
    return list(found)


def revision(url: str) -> str | None:
    engine = create_engine(url)
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    engine.dispose()
    return current


def test_they_go_up_and_down_and_up_again(database_url: str) -> None:
    """Down leaves no table behind, and up again finds nothing in its way."""
    migrate(database_url)
    assert tables(database_url) == set(metadata.tables)
    command.downgrade(alembic_config(database_url), "base")
    assert tables(database_url) == set()
    migrate(database_url)
    assert tables(database_url) == set(metadata.tables)


def test_they_agree_with_the_models(database_url: str) -> None:
    """The database that the migrations make is the one that the code believes in, at the revision that it expects."""
    migrate(database_url)
    assert differences(database_url) == []
    assert revision(database_url) == head_revision()


def test_processes_that_start_together_migrate_once(database_url: str) -> None:
    """Two at once: both succeed, and the tables are made once."""
    environment = os.environ | {"DATABASE_URL": database_url, "SECRET_KEYS": SECRET_KEY}
    ini = str(CHECKOUT / "alembic.ini")
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "alembic", "-c", ini, "upgrade", "head"],
            cwd=CHECKOUT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], told
    assert revision(database_url) == head_revision()
    assert differences(database_url) == []
