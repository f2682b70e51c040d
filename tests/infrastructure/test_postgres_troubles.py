"""A PostgreSQL that an administrator works on while email flows: nothing is lost, nothing comes twice."""

from pathlib import Path

from tests.chaos.stage.stage import Stage
from tests.infrastructure.conftest import Report
from tests.infrastructure.drilled import drilled, stage_on
from tests.support.servers.servers import Postgres

_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postern'"


def test_sessions_that_are_ended_cost_nothing(root: Path, report: Report) -> None:
    """An administrator ends all connections, three times."""

    def end_sessions(stage: Stage) -> None:
        Postgres(stage.root / "postgres").execute(_OTHERS)

    with stage_on(root) as stage:
        found = drilled(stage, {2.0: end_sessions, 4.0: end_sessions, 6.0: end_sessions})
    report("PostgreSQL", "pg_terminate_backend of all, three times", found)
    assert found.broken == []
