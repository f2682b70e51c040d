"""A migration that older code does not bear leaves in the database which code may run with it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from app.store.operating import schema
from app.wiring.migrations import alembic_config, head_revision

_MIGRATION = '''"""A later one."""
revision, down_revision = "{revision}", "{down_revision}"
{mark}

def upgrade(): ...
def downgrade(): ...
'''


def test_the_database_names_the_oldest_code_and_forgets_it_on_the_way_down(
    migrated_sqlite_url: str, tmp_path: Path
) -> None:
    """Of several such migrations the last one counts; one without a mark changes nothing."""
    config = with_later_ones(migrated_sqlite_url, tmp_path)
    named = []
    for move, revision in [
        (command.upgrade, "later1"),
        (command.upgrade, "later3"),
        (command.downgrade, "later1"),
        (command.downgrade, str(head_revision())),
    ]:
        move(config, revision)
        named.append(oldest_code(migrated_sqlite_url))
    assert named == ["0024", "later1", "0024", None]


def with_later_ones(url: str, folder: Path) -> Config:
    config = alembic_config(url)
    ours = f"{config.get_main_option('script_location')}/versions"
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{ours}\n{folder}")
    before = head_revision()
    for revision, mark in (("later1", "'0024'"), ("later2", None), ("later3", "'later1'")):
        text = _MIGRATION.format(revision=revision, down_revision=before, mark=f"oldest_code = {mark}" if mark else "")
        (folder / f"{revision}.py").write_text(text, encoding="utf-8")
        before = revision
    return config


def oldest_code(url: str) -> str | None:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = schema.oldest_code(connection)
    engine.dispose()
    return found
