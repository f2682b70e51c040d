"""The database is migrated by a later release while email flows, and the processes are restarted one after another."""

import signal
from pathlib import Path
from typing import Final

from alembic import command

from app.wiring.migrations import alembic_config, head_revision
from tests.chaos.load import journal
from tests.chaos.load.doors import Api
from tests.chaos.stage.stage import Stage
from tests.infrastructure.conftest import Report
from tests.infrastructure.drilled import drilled, stage_on

_EXPANDS: Final = '''"""It adds columns to the tables that grow, and builds an index while email flows."""
import sqlalchemy as sa
from alembic import op

revision, down_revision = "later", "{before}"


def upgrade():
    op.add_column("emails", sa.Column("later", sa.Text))
    op.add_column("recipients", sa.Column("later", sa.Text))
    with op.get_context().autocommit_block():
        op.create_index("ix_later", "recipients", ["later"], postgresql_concurrently=True)
'''


def test_an_upgrade_and_a_rolling_restart_hold_up_no_email(root: Path, report: Report) -> None:
    """No answer is a 5xx, nothing is lost or comes twice, and the old processes stay ready with the new tables."""
    ready: list[int] = []

    def migrate_further(stage: Stage) -> None:
        folder = root / "later"
        folder.mkdir()
        (folder / "later.py").write_text(_EXPANDS.format(before=head_revision()), encoding="utf-8")
        config = alembic_config(stage.database_url)
        ours = Path(str(config.get_main_option("script_location"))) / "versions"
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", f"{ours}\n{folder}")
        command.upgrade(config, "later")
        ready.append(Api(stage.url, "").call("GET", "/readyz").status)

    def restart(stage: Stage) -> None:
        stage.machines["web"].kill(signal.SIGHUP)
        for name in ("worker", "beat"):
            stage.machines[name].kill(signal.SIGTERM)

    with stage_on(root) as stage:
        found = drilled(stage, {2.0: migrate_further, 4.0: restart})
    report("PostgreSQL", "migrated by a later release; web, worker and beat restarted", found)
    put_off = [entry for entry in journal.read(root / "journal.jsonl") if entry["what"] == "put_off"]
    assert found.broken == []
    assert ready == [200]
    assert [entry for entry in put_off if entry["status"] >= 500] == []
