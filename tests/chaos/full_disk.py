"""`python -m tests.chaos.full_disk`: a drill in which the disk under the database and the notes of calls is full.

For some seconds, while emails and notifications keep coming; no process restarts. Its last line is one JSON object:
the figures, the answers to callers and SNS meanwhile, and whether a real file system was full.
"""

import argparse
import json
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.store.engine.database import Database
from app.store.tables.core import notifications
from tests.chaos.drill import DatabaseKind, Drill
from tests.chaos.faults.nemesis import Nemesis
from tests.chaos.load import journal
from tests.chaos.load.journal import Journal
from tests.chaos.run import Moment, play_on
from tests.chaos.stage.disks import Disk, SmallFileSystem, without_a_file_system
from tests.chaos.stage.site import own_postgres
from tests.chaos.stage.stage import Stage, staged

FULL_AT_S, FULL_FOR_S, FULL_AT_MOST_S = 3.0, 5.0, 40.0
PADDING = 60_000
NOTIFICATION = "Successfully validated SNS topic for Amazon SES event publishing. " + "x" * 100_000
"""What SES says to a new topic, and more of it: it is settled, and it is large."""
FULL, ROOM = "disk:full", "disk:room"


class FillsTheDisk(Nemesis):
    """Fills the disk once, sends large notifications meanwhile, and makes room again."""

    def __init__(self, stage: Stage, its_journal: Journal, disk: Disk) -> None:
        super().__init__(stage, (), its_journal)
        self._disk = disk
        self._at(FULL_AT_S, self._fill)
        self._at(FULL_AT_S + FULL_FOR_S, self._make_room)

    def start(self) -> None:
        """Begin, without the constant background faults."""
        self._thread.start()

    def _fill(self) -> None:
        # Some calls are on the wire when the disk fills.
        self._stage.simulator.call("POST", "faults", [{"fault": "latency", "ms": 500, "match": {"rate": 0.5}}])
        time.sleep(0.5)
        if self._stage.database_url.startswith("sqlite"):
            give_back_the_log(self._stage.database_url.removeprefix("sqlite:///"))
        self._disk.fill()
        self._journal.write(FULL)
        self.struck += 1
        self._stage.simulator.call("POST", "events", {"message": NOTIFICATION})

    def _make_room(self) -> None:
        """Once a caller and SNS were both put off, which may take a while on a busy machine."""
        deadline = time.monotonic() + FULL_AT_MOST_S
        while time.monotonic() < deadline and not all(503 in statuses for statuses in self._answered().values()):
            time.sleep(0.5)
            # SQLite may have found room for the one before in its log, which was given back meanwhile.
            self._stage.simulator.call("POST", "events", {"message": NOTIFICATION})
        self._journal.write(ROOM)
        self._disk.make_room()

    def _answered(self) -> dict[str, dict[int, int]]:
        deliveries = self._stage.simulator.call("GET", "deliveries?limit=1000")["deliveries"]
        return answers(self._stage.root / "journal.jsonl", deliveries)


def give_back_the_log(path: str) -> None:
    """Let SQLite's write-ahead log begin anew; otherwise it would reuse the space that it already has."""
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        for _ in range(100):
            if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0:
                return
            time.sleep(0.02)


class Looker:
    """Observes the answers to SNS, and whether a web or worker process was replaced."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._seen: set[int] = set()
        self.deliveries: list[dict[str, Any]] = []
        self.replaced = False

    def __call__(self, _: Moment) -> None:
        self.deliveries = self._stage.simulator.call("GET", "deliveries?limit=1000")["deliveries"]
        machines = [self._stage.machines[name] for name in ("web", "worker")]
        there = {process for machine in machines for process in machine.main + machine.children}
        self.replaced = self.replaced or not self._seen <= there
        self._seen |= there

    def answered_200(self) -> set[str]:
        """The notifications that SNS has a 200 for."""
        return {
            one["sns_message_id"]
            for one in self.deliveries
            if one["type"] == "Notification" and one["state"] == "delivered"
        }


def stored(database_url: str) -> set[str]:
    """The notifications in the database."""
    database = Database(database_url, pool_size=1)
    with database.reading() as connection:
        found = set(connection.scalars(select(notifications.c.sns_message_id)))
    database.close()
    return found


def run(database: DatabaseKind, root: Path, *, small: bool) -> dict[str, Any]:
    """One drill below `root`, on a small file system if one may be mounted."""
    seconds = FULL_AT_S + FULL_FOR_S + 2
    drill = Drill(seed=1, seconds=seconds, database=database, rate=15, drain_s=200, padding=PADDING)
    data = root / "gateway"
    data.mkdir()
    mounted = SmallFileSystem(data) if small else None
    # The simulator, whose ledger is the evidence, has its own disk.
    (root / "simulator").mkdir()
    (data / "simulator").symlink_to(root / "simulator")
    tablespace = data / "tablespace" if small and database is DatabaseKind.POSTGRESQL else None
    if tablespace is not None:
        tablespace.mkdir()
    elsewhere = partial(own_postgres, tablespace=tablespace) if tablespace else None
    with staged(drill, root, database=elsewhere) as stage:
        looker, disk = Looker(stage), mounted or without_a_file_system(stage)
        result = play_on(stage, show=looker, harm=lambda stage, journal: FillsTheDisk(stage, journal, disk))
        lost = looker.answered_200() - stored(stage.database_url)
    broken = [f"{finding.promise}: {finding.what}" for finding in result.verdict.broken]
    figures = {
        "broken": broken,
        "small_file_system": small,
        "replaced": looker.replaced,
        "notifications_lost": len(lost),
    }
    return result.as_json() | figures | answers(root / "journal.jsonl", looker.deliveries)


def answers(journal_path: Path, deliveries: list[dict[str, Any]]) -> dict[str, dict[int, int]]:
    """How often callers and SNS got each status while the disk was full."""
    noted = list(journal.read(journal_path))
    [since] = [entry["at"] for entry in noted if entry["what"] == FULL]
    until = next((entry["at"] for entry in noted if entry["what"] == ROOM), time.time())
    meanwhile = [entry for entry in noted if since < entry["at"] < until]
    emails = [entry.get("status", 200) for entry in meanwhile if entry["what"] in {"accepted", "put_off", "refused"}]
    # A request of the drill's operator may break a rule of the list, and is then refused for that.
    entries = [entry["status"] for entry in meanwhile if entry["what"] in {"suppressed", "unsuppressed"}]
    callers = Counter([*emails, *(status for status in entries if status >= 500)])
    tries = [one for delivery in deliveries for one in delivery["tries"]]
    sns = Counter(
        one.get("status", 0) for one in tries if since < datetime.fromisoformat(one["time"]).timestamp() < until
    )
    return {"callers": dict(callers), "sns": dict(sns)}


def main(words: list[str]) -> int:
    """Run it with these arguments, below a directory that exists."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.full_disk")
    parser.add_argument("root", type=Path)
    parser.add_argument("--database", type=DatabaseKind, choices=list(DatabaseKind), required=True)
    parser.add_argument("--small-file-system", action="store_true")
    given = parser.parse_args(words)
    sys.stdout.write(json.dumps(run(given.database, given.root, small=given.small_file_system)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
