"""The migrations, and the revision of the database that this code expects."""

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def alembic_config(database_url: str) -> Config:
    """The alembic configuration for this database, shared by the command line, the tests and `alembic` itself."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["database_url"] = database_url
    return config


def head_revision() -> str | None:
    """The revision that this code expects the database to be at."""
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head()
