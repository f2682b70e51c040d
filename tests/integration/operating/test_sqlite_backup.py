"""A SQLite file is backed up by the documented statement while email is accepted, and restored as documented."""

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from uuid import UUID

from redis import Redis

from app.domain.sending.state_machine import State
from app.queue import Lane
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, delivery, feed, state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, gateway_on
from tests.support.gateway.rows import rows
from tests.support.servers.cli import CHECKOUT, until

BACK_UP = "VACUUM INTO 'postern.backup'"
RESTORE = ("rm --force postern.db-wal postern.db-shm", "cp postern.backup postern.db")


class Applicant(threading.Thread):
    """Submits one email after another until it is stopped, and keeps which were accepted."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(daemon=True)
        self.accepted: list[UUID] = []
        self._gateway = gateway
        self._over = threading.Event()

    def run(self) -> None:
        who = caller(self._gateway, app="applicant")
        while not self._over.is_set():
            self.accepted.append(submit(self._gateway, who, f"person{len(self.accepted)}@example.net"))

    def submit_more(self) -> list[UUID]:
        """Wait for three more, and return all that were accepted before."""
        before = list(self.accepted)
        until(lambda: len(self.accepted) >= len(before) + 3)
        return before

    def stop(self) -> None:
        self._over.set()
        self.join()


def test_a_backup_made_while_email_is_accepted_is_whole(
    sqlite_file: Path, migrated_sqlite_url: str, redis_url: str, mailer: ScriptedMailer
) -> None:
    """It has all that was accepted before it began. What left after it is not sent again, and email goes on."""
    backup = sqlite_file.with_name("postern.backup")
    with gateway_on(migrated_sqlite_url, redis_url, mailer=mailer) as gateway:
        left = submit(gateway, caller(gateway), "ann@example.net")
        applicant = Applicant(gateway)
        applicant.start()
        applicant.submit_more()
        before = [left, *applicant.accepted]
        with closing(sqlite3.connect(sqlite_file)) as connection:
            connection.execute(BACK_UP.replace(backup.name, str(backup)))
        applicant.submit_more()
        applicant.stop()
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        [called] = [one for one in mailer.sent if one.recipient == "ann@example.net"]
    put_back(backup, sqlite_file)
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
    mailer.sent.clear()
    with gateway_on(migrated_sqlite_url, redis_url, mailer=mailer) as gateway:
        assert {row["id"] for row in rows(gateway, "emails")} >= set(before)
        gateway.restore.begin(ROOT, reason="Restored to 04:00.")
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        assert mailer.sent == []
        feed(gateway, delivery(gateway, left, ses_message_id="ses-after-the-backup", tags=dict(called.tags)))
        gateway.restore.end(ROOT, force=True)
        fresh = submit(gateway, caller(gateway), "cleo@example.net")
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        assert (state_of(gateway, left), state_of(gateway, fresh)) == (State.DELIVERED, State.SENT)
        assert "ann@example.net" not in {one.recipient for one in mailer.sent}


def test_the_page_has_what_was_tried() -> None:
    """The statement, and the commands that put the backup in the place of the file and of its logs."""
    page = (CHECKOUT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [line for line in (BACK_UP, *RESTORE) if line not in page] == []


def put_back(backup: Path, file: Path) -> None:
    """Do as `RESTORE` says: a log of the lost file must not be applied to another one."""
    for log in ("-wal", "-shm"):
        file.with_name(file.name + log).unlink(missing_ok=True)
    shutil.copy(backup, file)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
