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
from tests.infrastructure.pieces.backup import postern
from tests.infrastructure.pieces.earlier import PARTS, code_of, go_back, take_code
from tests.infrastructure.pieces.hosts import DRAIN, READY, two_hosts
from tests.support.servers.cli import CHECKOUT

SECONDS: Final = 16.0
BEFORE: Final = "a3868dae7cc2d0149378b8c7db1689142e7f8db7"
"""The last commit of the release before, whose migrations end earlier than ours; each release sets it."""

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
    """No client is refused, cut off, put off or answered by a 5xx, nothing is lost or comes twice.

    The old processes stay ready with the new tables. The commands are those of docs/operations.md.
    """
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

    with stage_on(root, seconds=SECONDS) as one_host, two_hosts(one_host) as hosts:

        def restart_all(stage: Stage) -> None:
            hosts.restart_in_turn()
            for name in ("worker", "beat"):
                stage.machines[name].kill(signal.SIGTERM)

        found = drilled(hosts.stage, {2.0: migrate_further, 4.0: restart_all})
    failed = errors_of_clients(root)
    done = f"migrated by a later release; two hosts, worker and beat restarted; {len(failed)} errors of clients"
    report("PostgreSQL, two hosts behind HAProxy", done, found)
    assert found.broken == []
    assert ready == [200]
    assert failed == []


def test_the_code_of_the_release_before_is_replaced_while_email_flows(root: Path, report: Report) -> None:
    """Its processes go on with our tables until each is restarted with our code, and no email pays for it."""
    folder = code_of(BEFORE, root / "before")
    seen: list[int] = []

    def upgrade(stage: Stage) -> None:
        seen.append(postern(stage, "upgrade").returncode)
        seen.append(Api(stage.url, "").call("GET", "/readyz").status)

    def restart_all(stage: Stage) -> None:
        for part in PARTS:
            take_code(stage.machines[part], folder, CHECKOUT)
            stage.machines[part].kill(signal.SIGTERM)

    with stage_on(root, seconds=SECONDS) as stage:
        go_back(stage, folder)
        found = drilled(stage, {2.0: upgrade, 7.0: restart_all})
    report("PostgreSQL, the release before", "migrated by this code; all processes restarted with it", found)
    assert found.broken == []
    assert seen == [0, 200]
    assert [one for one in errors_of_clients(root) if one.get("status", 200) >= 500] == []


def test_the_proxy_is_told_what_the_documentation_says() -> None:
    """So that the page is what was tried."""
    page = (CHECKOUT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [line for line in (DRAIN, READY) if f"echo '{line.format(part='web', host='host1')}'" not in page] == []


def errors_of_clients(root: Path) -> list[journal.Entry]:
    """Every request without an answer, unless the client itself hung up, and every 5xx; a 4yz of SMTP counts as 503."""
    entries = journal.read(root / "journal.jsonl")
    return [entry for entry in entries if (status := entry.get("status", 200)) == 0 or status >= 500]
