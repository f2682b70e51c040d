"""The SMTP door as a process: it says what is wrong with its settings, and ends when it is asked to."""

import json
import signal
import smtplib
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from app.cli.local.children.port_checks import free_port, greets
from app.domain.operating.histograms import DATABASE, read
from app.store.engine.database import Database
from app.store.operating import tallies
from tests.support.gateway.gateways import SECRET_KEY
from tests.support.servers.cli import command, surroundings
from tests.support.smtp.doors import until

DOOR = (sys.executable, "-P", "-m", "app.smtp")


def test_the_process_names_what_is_missing(tmp_path: Path) -> None:
    """Without a port there is nowhere to listen; the process ends with 1, and without a traceback."""
    environment = surroundings(SECRET_KEYS=SECRET_KEY)
    ended = subprocess.run(DOOR, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.endswith("set SMTP_PORT or SMTP_TLS_PORT, where the SMTP door is to listen.\n")


def test_it_ends_with_sigterm(tmp_path: Path, migrated_sqlite_url: str, redis_url: str) -> None:
    """The command becomes the door: it ends with status 0, after a 421 to its client, and with lines of JSON.

    How long its transactions took is written then.
    """
    port = free_port()
    environment = surroundings(
        SECRET_KEYS=SECRET_KEY,
        DATABASE_URL=migrated_sqlite_url,
        REDIS_URL=redis_url,
        SMTP_PORT=str(port),
        SMTP_CLEAR_AUTH_ON_LOOPBACK="true",
    )
    with subprocess.Popen(command("smtp"), cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: greets(port), within_s=60)
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            process.send_signal(signal.SIGTERM)
            assert client.getreply()[0] == 421
        _, log = process.communicate(timeout=30)
    assert process.returncode == 0
    assert [json.loads(line)["event"] for line in log.splitlines()][-1] == "smtp_closed"
    with closing(Database(migrated_sqlite_url)) as database, database.reading() as connection:
        assert read(tallies.totals(connection), DATABASE)["smtp"].up_to[-1][1] > 0
