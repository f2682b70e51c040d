"""PgBouncer before PostgreSQL: email flows through it in transaction mode, and a set-up that would fail is refused."""

from contextlib import closing
from pathlib import Path

import pytest
from alembic.util import CommandError
from sqlalchemy import text

from app.store.engine.database import Database
from app.wiring.key_check import require_keys
from config import SettingsError
from tests.chaos.stage.site import Site
from tests.chaos.stage.stage import Stage
from tests.infrastructure.conftest import Report
from tests.infrastructure.drilled import drilled, stage_on
from tests.infrastructure.pieces.pgbouncer import Pooler
from tests.infrastructure.pieces.programs import program, version_of
from tests.support.gateway.gateways import migrate, settings_for
from tests.support.servers.servers import Postgres

NO_REDIS = "redis://127.0.0.1:1/0"
_SERVERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postern'"


def test_email_flows_through_a_pooler_in_transaction_mode(root: Path, report: Report) -> None:
    """Nothing is lost and nothing comes twice, while its sessions are ended and while it is killed and comes back."""
    version = version_of(program("pgbouncer", package="pgbouncer"))

    def end_sessions(_: Stage) -> None:
        Postgres(root / "postgres").execute(_SERVERS)

    def kill(stage: Stage) -> None:
        stage.machines["pgbouncer"].kill()

    with stage_on(root, database=Pooler()) as stage:
        found = drilled(stage, {2.0: end_sessions, 4.0: kill})
    report(f"PgBouncer {version}, transaction mode, TLS", "its sessions ended, then killed", found)
    assert found.broken == []
    assert found.result.accepted > 50


@pytest.mark.parametrize("ignores_options", [False, True])
def test_a_pooler_that_the_settings_do_not_name_stops_the_start(site: Site, ignores_options: bool) -> None:
    """Whether it refuses our options or drops them, which would leave every statement without a bound."""
    url = Pooler(ignores_options=ignores_options)(site).gateway
    with pytest.raises(SettingsError, match="DATABASE_POOLED=true"):
        require_keys(settings_for(url, NO_REDIS))
    with pytest.raises(CommandError, match="set DATABASE_URL to the server itself"):
        migrate(url)
    require_keys(settings_for(url, NO_REDIS, database_pooled=True))


def test_a_pooler_in_session_mode_works_as_well(site: Site) -> None:
    """The setting is the same."""
    url = Pooler(mode="session")(site).gateway
    with closing(Database(url, pooled=True)) as database, database.asking() as connection:
        assert connection.scalar(text("SHOW statement_timeout")) == "5s"
