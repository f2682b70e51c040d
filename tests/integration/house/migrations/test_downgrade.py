"""Tables with rows go down revision by revision and up again, and keep what the older tables can hold."""

import inspect
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy import inspect as inspected

from app.wiring.migrations import alembic_config
from tests.support.database.full_rows import ROWS, fill

ALTERED: Final[Mapping[str, frozenset[str]]] = {
    "0024": frozenset({"api_keys.scopes"}),
    "0013": frozenset({"api_keys.revoked_at"}),
    "0008": frozenset({"recipients.ses_message_id", "attempts.ses_message_id", "events.ses_message_id"})
    | {"feedback.topic_arn", "incidents.subject"},
}
"""The columns in which going down from a revision alters values. Its `downgrade` says what becomes of them."""

UNLIMITED_ON_SQLITE: Final = "0008"

RENAMED: Final = {"0009": {"notifications": "feedback"}}
"""The tables that have another name below a revision."""

Contents = Mapping[str, list[Mapping[str, Any]]]
"""The rows of each table, as the driver reads them."""


@pytest.fixture
def full_url(migrated_url: str) -> str:
    """A database with rows in every column of every table. The first key is valid, and its application archived."""
    engine = create_engine(migrated_url)
    with engine.begin() as connection:
        fill(connection)
        connection.execute(text("UPDATE api_keys SET revoked_at = NULL"))
    engine.dispose()
    return migrated_url


def test_rows_survive_every_step_down_and_the_way_up(full_url: str) -> None:
    """No step fails with rows, or alters a column that the older tables have, unless it says so."""
    config = alembic_config(full_url)
    walked = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    newest = newer = contents(full_url)
    assert {name for name, rows in newest.items() if len(rows) < len(ROWS)} == set()
    for revision, below in pairwise(walked):
        command.downgrade(config, below)
        older = contents(full_url)
        expected = ALTERED.get(revision, frozenset())
        if revision == UNLIMITED_ON_SQLITE and full_url.startswith("sqlite"):
            expected = frozenset()
        assert altered(newer, older, RENAMED.get(revision, {})) == expected, revision
        newer = older
    command.upgrade(config, "head")
    again = contents(full_url)
    assert again.keys() == newest.keys()
    assert altered(again, newer, RENAMED["0009"]) == frozenset()


@pytest.mark.parametrize("revision", sorted(ALTERED))
def test_a_downgrade_that_alters_values_says_what_becomes_of_them(revision: str) -> None:
    """In its docstring, which an operator reads before going down."""
    module: Any = ScriptDirectory.from_config(alembic_config("sqlite://")).get_revision(revision).module
    assert inspect.getdoc(module.downgrade)


def contents(url: str) -> Contents:
    engine = create_engine(url)
    with engine.connect() as connection:
        names = set(inspected(connection).get_table_names()) - {"alembic_version"}
        found = {name: connection.execute(text(f"SELECT * FROM {name}")).mappings().all() for name in names}
    engine.dispose()
    return {name: [dict(row) for row in rows] for name, rows in found.items()}


def altered(newer: Contents, older: Contents, renamed: Mapping[str, str]) -> frozenset[str]:
    """The columns, by their older names, that both have and whose values differ."""
    names = {name: renamed.get(name, name) for name in newer}
    return frozenset(
        f"{old}.{column}"
        for name, old in names.items()
        if old in older
        for column in newer[name][0].keys() & older[old][0].keys()
        if values(newer[name], column) != values(older[old], column)
    )


def values(rows: list[Mapping[str, Any]], column: str) -> list[str]:
    return sorted(repr(row[column]) for row in rows)
