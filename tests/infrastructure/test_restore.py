"""The server of PostgreSQL is lost while email flows: a backup is restored as documented, and email goes on."""

import shlex
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from config import load
from tests.chaos.load import journal
from tests.chaos.stage.queue import DrillQueue, make_queue
from tests.chaos.stage.stage import Stage
from tests.chaos.verdict.oracle import Finding, Promise
from tests.infrastructure.conftest import Report
from tests.infrastructure.drilled import Found, drilled, stage_on
from tests.infrastructure.pieces.backup import (
    BACK_UP,
    RESTORE,
    back_up,
    lose_the_server,
    postern,
    restore,
    stop_the_workers,
)
from tests.support.aws.setup.bare_account import bare_account
from tests.support.servers.cli import CHECKOUT, until

BEGIN: Final = "./postern recovery begin --reason 'Restored to 04:00 UTC.'"
STATUS: Final = "./postern recovery status"
END: Final = "./postern recovery end"
PARKED: Final = "feedback"
"""The subject of the finding that notifications wait."""


@dataclass
class Disaster:
    """A backup, the loss of the server a few seconds later, and what an operator does then."""

    archive: DrillQueue
    backed_up: list[datetime] = field(default_factory=list)
    lost: list[datetime] = field(default_factory=list)

    def back_up(self, stage: Stage) -> None:
        self.backed_up.append(back_up(stage))

    def strike(self, stage: Stage) -> None:
        self.lost.append(lose_the_server(stage))
        stop_the_workers(stage)
        restore(stage)
        done(stage, BEGIN)
        stage.machines["worker"].launch()
        since = self.backed_up[0].isoformat()
        done(stage, f"./postern feedback redrive {self.archive.url} --keep --since {since}")
        done(stage, STATUS)
        until(lambda: postern(stage, *words(END)).returncode == 0)

    def forgotten(self, root: Path) -> set[str]:
        """The keys of the emails that were accepted after the backup began and before the loss."""
        began, ended = self.backed_up[0].timestamp(), self.lost[0].timestamp()
        entries = journal.read(root / "journal.jsonl")
        return {one["key"] for one in entries if one["what"] == "accepted" and began <= one["at"] <= ended}


def test_after_a_restore_email_goes_on(root: Path, report: Report) -> None:
    """Nothing of the backup is lost or sent twice: the archive of notifications shows what was sent since.

    What was accepted after the backup is lost, and its notifications stay parked. The application gets events of the
    lost time again, under other ids.
    """
    with stage_on(root, seconds=14.0, forgets=True) as stage:
        disaster = Disaster(archive_of(stage))
        found = drilled(stage, {2.0: disaster.back_up, 5.0: disaster.strike})
    report("PostgreSQL, a dump", "server lost, dump restored to another, archive brought back, recovery ended", found)
    forgotten = disaster.forgotten(root)
    assert forgotten
    explained = {*forgotten, PARKED}
    assert [one for one in found.result.verdict.broken if one.subject not in explained and not is_repeated(one)] == []
    assert twice(found) == 0


def test_the_commands_of_the_drill_are_those_of_the_documentation() -> None:
    """So that the page is what was tried."""
    page = (CHECKOUT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [line for line in (BACK_UP, *RESTORE, BEGIN, STATUS, END) if line not in page] == []


def archive_of(stage: Stage) -> DrillQueue:
    """A queue that keeps every notification that SNS publishes from now on."""
    aws = bare_account("us-east-1")
    [topic_arn] = load().sns_topic_arns
    archive = make_queue(stage.simulator.url, topic_arn, name="archive")
    aws.sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=archive.arn)
    return archive


def is_repeated(finding: Finding) -> bool:
    """Whether an event came to the application again, since the database forgot that it had come."""
    return finding.promise is Promise.INVARIANT and " came under " in finding.what


def twice(found: Found) -> int:
    return sum(map(found.result.verdict.count, (Promise.DUPLICATE_UNFLAGGED, Promise.DUPLICATE_FLAGGED)))


def done(stage: Stage, line: str) -> None:
    ran = postern(stage, *words(line))
    assert ran.returncode == 0, ran.stdout + ran.stderr


def words(line: str) -> list[str]:
    """The words of a documented command, after its name."""
    return shlex.split(line)[1:]
