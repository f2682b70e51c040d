"""`postern upgrade` says before what it will do, and does it."""

import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine, text

from app.cli.main import make_parser
from app.cli.shell.command import PlanEnded
from app.cli.shell.terminal import Terminal
from app.store.operating import schema
from app.wiring.migrations import alembic_config, head_revision
from tests.support.gateway.gateways import SECRET_KEY, TOPIC

Run = Callable[..., tuple[PlanEnded, dict[str, Any]]]


@pytest.fixture
def run(migrated_postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Run:
    """Run the command on a database at 0021; return its exit code and its answer."""
    command.downgrade(alembic_config(migrated_postgres_url), "0021")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", migrated_postgres_url)
    monkeypatch.setenv("SECRET_KEYS", SECRET_KEY)
    monkeypatch.setenv("SNS_TOPIC_ARNS", TOPIC)

    def run_one(*words: str) -> tuple[PlanEnded, dict[str, Any]]:
        given: Namespace = make_parser().parse_args(["upgrade", *words, "--json"])
        ended = given.command.run(given, Terminal(as_json=True))
        return ended, json.loads(capsys.readouterr().out.splitlines()[-1])

    return run_one


def test_the_check_says_what_each_migration_locks_and_builds_and_changes_nothing(run: Run) -> None:
    """Twice the same; old code may go on with these."""
    for _ in range(2):
        ended, said = run("--check")
        assert ended is PlanEnded.TO_DO
        assert (said["found"], said["needed"], said["done"]) == ("0021", head_revision(), False)
        [column, indexes, *_] = said["steps"]
        assert (column["revision"], column["locks"]) == ("0022", {"emails": "AccessExclusiveLock"})
        assert indexes["indexes"]["ix_emails_app_id_lane_id"] == "emails"
        assert {"emails", "recipients"} <= said["rows"].keys()
        assert said["old_code_may_run"]


def test_the_upgrade_is_done_once(run: Run) -> None:
    """Afterwards there is nothing to do."""
    ended, said = run()
    assert (ended, said["done"]) == (PlanEnded.NOTHING_TO_DO, True)
    ended, said = run("--check")
    assert (ended, said["found"], said["steps"]) == (PlanEnded.NOTHING_TO_DO, head_revision(), [])


def test_code_that_is_too_old_for_the_database_is_trouble(run: Run, migrated_postgres_url: str) -> None:
    """A later release has migrated it, and has said that code of before cannot run with it."""
    run()
    engine = create_engine(migrated_postgres_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'last'"))
        schema.set_oldest_code(connection, "last")
    engine.dispose()
    assert [run(*words)[0] for words in ((), ("--check",))] == [PlanEnded.TROUBLE] * 2
