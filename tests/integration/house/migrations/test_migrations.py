"""Migrations run up and down on both databases, agree with the models, and run in one process at a time."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import String, UniqueConstraint, create_engine, inspect

from app.store.tables.core import metadata
from app.wiring.migrations import alembic_config, head_revision
from tests.support.gateway.gateways import SECRET_KEY, migrate

CHECKOUT = Path(__file__).parents[4]

# SQLite does not say what an index on an expression is, so that those are compared on PostgreSQL alone.
pytestmark = pytest.mark.filterwarnings("ignore:.*expression-based index")


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    names = set(inspect(engine).get_table_names()) - {"alembic_version"}
    engine.dispose()
    return names


def differences(url: str) -> list[object]:
    engine = create_engine(url)
    with engine.connect() as connection:
        opts = {"compare_server_default": True, "compare_type": is_other_type}
        found = compare_metadata(MigrationContext.configure(connection, opts=opts), metadata)
    engine.dispose()
    return [one for one in found if engine.dialect.name != "sqlite" or not is_renamed_key(one)]


def is_renamed_key(difference: object) -> bool:
    """Whether the difference is only the name of a key: SQLite cannot rename one, and shows its name nowhere.

    What the key refuses proves that it exists (tests/integration/feedback/test_receive.py).
    """
    match difference:
        case ("add_constraint" | "remove_constraint", UniqueConstraint() as key):
            return (key.table.name, [column.name for column in key.columns]) == ("notifications", ["sns_message_id"])
    return False


def is_other_type(
    context: MigrationContext, _inspected: object, _column: object, is_there: Any, is_meant: Any
) -> bool | None:
    """SQLite does not limit the length of a text, so a longer bound is no reason to rewrite a table there."""
    both_bounded = isinstance(is_there, String) and isinstance(is_meant, String)
    if context.dialect.name == "sqlite" and both_bounded and is_there.length and is_meant.length:
        return not is_there.length <= is_meant.length
    return None


def revision(url: str) -> str | None:
    engine = create_engine(url)
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    engine.dispose()
    return current


def test_migrations_go_up_and_down_and_up_again(database_url: str) -> None:
    """Down leaves no table behind, and the second upgrade succeeds."""
    migrate(database_url)
    assert tables(database_url) == set(metadata.tables)
    command.downgrade(alembic_config(database_url), "base")
    assert tables(database_url) == set()
    migrate(database_url)
    assert tables(database_url) == set(metadata.tables)


def test_migrations_agree_with_the_models(database_url: str) -> None:
    """The migrated database matches the code's models, at the revision that the code expects."""
    migrate(database_url)
    assert differences(database_url) == []
    assert revision(database_url) == head_revision()


@pytest.mark.parametrize(
    "variables, reported",
    [
        (
            {"SECRET_KEYS": "short", "DATABASE_URL": "oracle://x"},
            ("SECRET_KEYS: each must be 43", "DATABASE_URL: must"),
        ),
        ({"SECRET_KEYS": SECRET_KEY, "DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:9/x"}, ("DATABASE_URL",)),
        ({"SECRET_KEYS": SECRET_KEY, "DATABASE_URL": "sqlite:////nowhere/at/all.db"}, ("DATABASE_URL",)),
    ],
    ids=["settings", "server", "file"],
)
def test_a_fault_around_a_migration_is_reported_without_a_traceback(
    variables: dict[str, str], reported: tuple[str, ...]
) -> None:
    """Faulty settings are each named; so is a database that is away."""
    failed = subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(CHECKOUT / "alembic.ini"), "upgrade", "head"],
        cwd=CHECKOUT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = failed.stdout + failed.stderr
    assert failed.returncode != 0
    assert all(words in said for words in reported), said
    assert "Traceback" not in said
    assert "hunter2" not in said


def test_processes_that_start_together_run_the_migrations_once(database_url: str) -> None:
    """Of two processes at once both succeed, and the tables are made once."""
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
    output = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], output
    assert revision(database_url) == head_revision()
    assert differences(database_url) == []
