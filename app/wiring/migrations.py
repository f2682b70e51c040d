"""The migrations, the revision of the database that this code expects, and what an upgrade to it does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic.config import Config
from alembic.script import ScriptDirectory

from app.domain.operating.revisions import CodeRevisions
from app.domain.operating.upgrade_plan import Migration
from app.services.operating.doctor.check_upgrade import CheckUpgrade
from app.store.engine.database import Database

OLDEST_CODE: Final = "oldest_code"
"""The name in a migration of the revision that code has to contain to run with the database from then on."""

_MIGRATIONS: Final = Path(__file__).resolve().parents[2] / "migrations"
EFFECTS: Final = _MIGRATIONS / "effects.json"
"""What each migration locks and builds on PostgreSQL, as it was watched there."""


def alembic_config(database_url: str) -> Config:
    """The alembic configuration for this database, shared by the command line, the tests and `alembic` itself."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["database_url"] = database_url
    return config


def head_revision() -> str | None:
    """The revision that this code expects the database to be at."""
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head()


def code_revisions() -> CodeRevisions:
    """The revisions that this code contains."""
    scripts = ScriptDirectory(str(_MIGRATIONS))
    contained = frozenset(script.revision for script in scripts.walk_revisions())
    return CodeRevisions(head=scripts.get_current_head(), contained=contained)


def oldest_code(scripts: ScriptDirectory, revisions: tuple[str, ...]) -> str | None:
    """The revision that code has to contain to run with a database at these revisions; None is any code."""
    before = scripts.iterate_revisions(revisions, "base")
    return next((str(getattr(one.module, OLDEST_CODE)) for one in before if hasattr(one.module, OLDEST_CODE)), None)


@contextmanager
def upgrade_check(database_url: str) -> Iterator[CheckUpgrade]:
    """The service that says what an upgrade of this database would do."""
    database = Database(database_url, pool_size=1)
    try:
        yield CheckUpgrade(database=database, code=code_revisions(), migrations=_migrations())
    finally:
        database.close()


def _migrations() -> tuple[Migration, ...]:
    effects = json.loads(EFFECTS.read_text(encoding="utf-8"))
    scripts = ScriptDirectory(str(_MIGRATIONS)).walk_revisions()
    return tuple(
        Migration(
            revision=script.revision,
            title=script.doc,
            oldest_code=getattr(script.module, OLDEST_CODE, None),
            **effects[script.revision],
        )
        for script in reversed(list(scripts))
    )
