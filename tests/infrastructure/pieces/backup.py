"""A backup of the PostgreSQL of a stage, the loss of that server, and the restore to another one, as documented."""

import os
import shutil
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.chaos.stage.site import initialise, made_folder, user_of_postgres
from tests.chaos.stage.stage import Stage
from tests.support.servers.cli import CHECKOUT, PATIENCE_S, command, until
from tests.support.servers.servers import Postgres, run_as

BACK_UP: Final = "pg_dump --format=custom --file=postern.dump postern"
RESTORE: Final = (
    "psql --dbname=postgres --command='CREATE DATABASE restored'",
    "pg_restore --exit-on-error --dbname=restored postern.dump",
    "psql --dbname=postgres --command='ALTER DATABASE restored RENAME TO postern'",
)


def back_up(stage: Stage) -> datetime:
    """Dump the database while it is used. Returns the time before, from which on the dump may lack commits."""
    began = datetime.now(UTC)
    made_folder(stage.root / "backup", user_of_postgres())
    _run(stage, BACK_UP)
    return began


def lose_the_server(stage: Stage) -> datetime:
    """End PostgreSQL and delete its files, and all that Redis knows. Returns the time afterwards."""
    stage.machines["database"].stop()
    shutil.rmtree(stage.root / "postgres")
    stage.redis().flushall()
    return datetime.now(UTC)


def restore(stage: Stage) -> None:
    """Make another server with the dump, in the place of the lost one."""
    machine = stage.machines["database"]
    binaries = Path(machine.argv[0]).parent
    initialise(binaries, made_folder(stage.root / "postgres", user_of_postgres()))
    machine.launch()
    until(machine.ready)
    for line in RESTORE:
        _run(stage, line)


def stop_the_workers(stage: Stage) -> None:
    """As a service manager does."""
    worker = stage.machines["worker"]
    worker.kill(signal.SIGTERM, hold_down=True)
    until(lambda: not worker.is_alive())


def postern(stage: Stage, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of Postern in the environment of the stage."""
    return subprocess.run(
        command(*words),
        cwd=stage.root,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def _run(stage: Stage, line: str) -> None:
    """Run a line of the documentation as the user of PostgreSQL, where the dump is."""
    binaries = Path(stage.machines["database"].argv[0]).parent
    sockets = Postgres(stage.root / "postgres").sockets
    variables = (f"PATH={binaries}:{os.defpath}", f"PGHOST={sockets}", "PGUSER=postgres")
    done = run_as(user_of_postgres(), ("env", *variables, "sh", "-c", f"cd {stage.root / 'backup'} && {line}"))
    assert done.returncode == 0, done.stdout
