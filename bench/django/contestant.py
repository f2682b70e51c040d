"""The Django baseline as a contestant: fills its queue, runs its workers and counts the calls that reach SES."""

import os
import subprocess
from pathlib import Path
from typing import Final

from bench.baselines.bare_boto3 import message
from bench.baselines.contestants import COUNTED, LEAN, SIZE
from bench.measure.drain_window import Drained, watch
from bench.stage.processes import running
from bench.stage.stage import Stage

CONCURRENCY: Final = 2 * (os.cpu_count() or 1)
"""Two processes use up a core. Ten are hardly faster, and would begin a third of 60 emails before any is counted."""


class Django:
    """Django, django-ses and django-celery-email; `python` is the interpreter of their environment."""

    def __init__(self, there: Stage, *, python: Path, concurrency: int = CONCURRENCY) -> None:
        self._there = there
        self._python = str(python)
        self._concurrency = concurrency

    def drain(self, emails: int) -> Drained:
        """See `bench.baselines.contestants.Contestant`. Its queue is full before its workers start."""
        journal, log = self._there.standin.journal, self._there.directory / "django.log"
        before = journal.stat().st_size
        self._fill(emails, log)
        words = ("bench.django.worker", "worker", "--pool", "prefork", "--concurrency", str(self._concurrency), *LEAN)
        worker = (self._python, "-m", "celery", "-A", *words, "--hostname", "django@bench")
        with running(worker, log=log, environment={}, ready=lambda: True):
            return watch(lambda: _reached(journal, before), total=emails, kinds=COUNTED)

    def _fill(self, emails: int, log: Path) -> None:
        words = (self._python, "-m", "bench.django.fill", str(emails))
        with log.open("ab") as output:
            subprocess.run(words, input=message(SIZE), check=True, stdout=output, stderr=output)  # noqa: S603 - ours


def _reached(journal: Path, before: int) -> int:
    """Return how many recipients the calls to SES had since the journal had `before` lines; Django keeps no record."""
    with journal.open("rb") as calls:
        calls.seek(before)
        return len({line.split()[2] for line in calls if line.endswith(b"\n")})
