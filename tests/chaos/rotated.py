"""`python -m tests.chaos.rotated`: a drill in which SECRET_KEYS changes while emails are sent, without other faults.

Its last line is one JSON object: the figures, the number of rings that the processes got, and the rows under the old
key at the end.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from app.store.engine.database import Database
from app.store.operating import sealed_rows
from app.store.submission.sealing import key_id_of
from tests.chaos.drill import DatabaseKind, Drill
from tests.chaos.faults.nemesis import Nemesis
from tests.chaos.faults.plan import Blow, Fault, Kind, Target
from tests.chaos.load import journal
from tests.chaos.load.journal import Journal
from tests.chaos.run import play_on
from tests.chaos.stage.stage import Stage, staged

AT_S, LASTS_S = 2.0, 12.0
SENDS_ALWAYS = 15.0


class OnlyRotates(Nemesis):
    """Changes the keys once; SES, the network and the processes have no faults."""

    def __init__(self, stage: Stage, its_journal: Journal, kind: Kind) -> None:
        blow = Blow(target=Target.KEYS, kind=kind)
        super().__init__(stage, (Fault(at=AT_S, lasts=LASTS_S, blow=blow),), its_journal)

    def start(self) -> None:
        """Begin, without the constant background faults."""
        self._thread.start()


def run(database: DatabaseKind, kind: Kind, root: Path) -> dict[str, Any]:
    """One drill below `root`."""
    drill = Drill(seed=1, seconds=AT_S + LASTS_S + 6, database=database, rate=SENDS_ALWAYS, drain_s=200)
    with staged(drill, root) as stage:
        result = play_on(stage, show=lambda _: None, harm=lambda stage, to: OnlyRotates(stage, to, kind))
        under = used_keys(stage.database_url)
    entries = list(journal.read(root / "journal.jsonl"))
    rings = [entry["ring"] for entry in entries if entry["what"] == "keys"]
    broken = [f"{finding.promise}: {finding.what}" for finding in result.verdict.broken]
    return result.as_json() | {"broken": broken, "rings": rings, "keys": dict(under), "restarts": result.restarts}


def used_keys(database_url: str) -> Counter[str]:
    """How many rows are under each key, by its id."""
    database = Database(database_url, pool_size=1)
    with database.reading() as connection:
        pages = [sealed_rows.page(connection, kind, after=None, limit=1_000_000) for kind in sealed_rows.KINDS]
    database.close()
    return Counter(key_id_of(row.key).hex() for page in pages for row in page.sealed)


def main(words: list[str]) -> int:
    """Run it with these arguments, below a directory that exists."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.rotated")
    parser.add_argument("root", type=Path)
    parser.add_argument("--database", type=DatabaseKind, choices=list(DatabaseKind), required=True)
    parser.add_argument("--at-once", action="store_true", help="without the phase in which all learn to read")
    given = parser.parse_args(words)
    kind = Kind.ROTATE_AT_ONCE if given.at_once else Kind.ROTATE
    sys.stdout.write(json.dumps(run(given.database, kind, given.root)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
