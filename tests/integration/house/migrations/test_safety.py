"""No migration holds up email on a database with millions of rows, and none takes away what running code reads.

squawk judges the statements that each migration executes on PostgreSQL: https://squawkhq.com/docs/rules
"""

import json
import subprocess
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from app.wiring.migrations import EFFECTS
from tests.support.database.migration_effects import Effects, as_json, effects
from tests.support.servers.servers import Postgres

# Matters of taste; a limit of statements, which would break off the build of an index; and what PostgreSQL refuses.
NOT_ASKED: Final = (
    "prefer-bigint-over-int",
    "prefer-robust-stmts",
    "prefer-text-field",
    "require-statement-timeout",
    "ban-concurrent-index-creation-in-transaction",
)
OLDEST_SERVER: Final = "14"
CREATES, REFERS, UNVALIDATED = (
    "require-concurrent-index-creation",
    "adding-foreign-key-constraint",
    "constraint-missing-not-valid",
)
# No release ran before 0.1.0, whose last revision is 0008: until then no table had rows.
HARMLESS: Final[Mapping[str, set[str]]] = {
    "0002": {CREATES, REFERS, UNVALIDATED},
    "0003": {CREATES},
    "0004": {CREATES},
    "0008": {"changing-column-type"},
    # Of a table with few rows, the keys of applications: the lock lasts a moment.
    "0023": {"require-concurrent-index-deletion"},
}


@pytest.fixture
def found(postgres: Postgres) -> dict[str, Effects]:
    """What each migration does."""
    name = postgres.create_database()
    watched = effects(postgres.url(name))
    postgres.drop_database(name)
    return watched


def test_every_migration_is_safe_with_millions_of_rows_and_old_code(found: dict[str, Effects], tmp_path: Path) -> None:
    """A migration that has to break a rule is listed above, with the reason why it does no harm."""
    for revision, one in found.items():
        (tmp_path / f"{revision}.sql").write_text(";\n".join((*one.statements, "")), encoding="utf-8")
    assert broken_rules(tmp_path) == HARMLESS


def test_the_check_before_an_upgrade_knows_what_each_migration_does(found: dict[str, Effects]) -> None:
    """If it does not: `python -m tests.support.database.migration_effects` writes the file anew."""
    assert EFFECTS.read_text(encoding="utf-8") == as_json(found)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX ix ON emails (id)",
        "DROP TABLE emails",
        "ALTER TABLE emails DROP COLUMN actor",
        "ALTER TABLE emails RENAME COLUMN actor TO person",
        "ALTER TABLE emails RENAME TO messages",
        "ALTER TABLE emails ADD COLUMN token uuid DEFAULT gen_random_uuid()",
        "ALTER TABLE emails ADD COLUMN token uuid NOT NULL",
        "ALTER TABLE emails ALTER COLUMN actor SET NOT NULL",
        "ALTER TABLE emails ALTER COLUMN actor TYPE int",
        "ALTER TABLE emails ADD CONSTRAINT fk FOREIGN KEY (actor) REFERENCES users (name)",
        "ALTER TABLE emails ADD CONSTRAINT ck CHECK (actor <> '')",
    ],
)
def test_a_statement_that_holds_up_email_or_breaks_old_code_is_found(statement: str, tmp_path: Path) -> None:
    """Each of them in one step, on a table that has rows."""
    (tmp_path / "last.sql").write_text(f"SET LOCAL lock_timeout = '2s';\n{statement};\n", encoding="utf-8")
    assert "last" in broken_rules(tmp_path)


def test_a_migration_without_a_bound_on_its_waits_is_found(tmp_path: Path) -> None:
    """Adding a column is safe only while nothing waits behind it for long."""
    (tmp_path / "last.sql").write_text("ALTER TABLE emails ADD COLUMN token uuid;\n", encoding="utf-8")
    assert "last" in broken_rules(tmp_path)


def broken_rules(folder: Path) -> dict[str, set[str]]:
    """The rules that each file breaks, by its name; a file that breaks none is not there."""
    squawk = Path(sysconfig.get_path("scripts")) / "squawk"
    options = ("--assume-in-transaction", "--pg-version", OLDEST_SERVER, "--reporter", "json")
    left_out = (f"--exclude={rule}" for rule in NOT_ASKED)
    files = sorted(map(str, folder.glob("*.sql")))
    done = subprocess.run(
        [squawk, *options, *left_out, *files], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode in {0, 1}, done.stderr
    broken: dict[str, set[str]] = {}
    for one in json.loads(done.stdout):
        broken.setdefault(Path(one["file"]).stem, set()).add(one["rule_name"])
    return broken
