"""The migrations, and the revision of the database that this code expects."""

from pathlib import Path
from typing import Final

from alembic.config import Config
from alembic.script import ScriptDirectory

from app.domain.operating.revisions import CodeRevisions

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
