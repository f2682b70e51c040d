"""The Django baseline as a contestant: its queue filled, its workers run, and what reached SES counted."""

import os
import subprocess
from pathlib import Path
from typing import Final

from bench.bare import message
from bench.contestants import COUNTED, LEAN, SIZE
from bench.processes import running
from bench.stage import Stage
from bench.window import Drained, watch

CONCURRENCY: Final = 2 * (os.cpu_count() or 1)
"""Two processes a core use it up. Ten are hardly faster, and would begin a third of 60 mails before any counts."""


class Django:
    """Django, django-ses and django-celery-email; `python` is that of their environment."""

    def __init__(self, there: Stage, *, python: Path, concurrency: int = CONCURRENCY) -> None:
        self._there = there
        self._python = str(python)
        self._concurrency = concurrency

    def drain(self, mails: int) -> Drained:
        """See `bench.contestants.Contestant`. Its queue is full before its workers start."""
        journal, log = self._there.standin.journal, self._there.directory / "django.log"
        before = journal.stat().st_size
        self._fill(mails, log)
        words = ("bench.django.worker", "worker", "--pool", "prefork", "--concurrency", str(self._concurrency), *LEAN)
        worker = (self._python, "-m", "celery", "-A", *words, "--hostname", "django@bench")
        with running(worker, log=log, environment={}, ready=lambda: True):
            return watch(lambda: _reached(journal, before), total=mails, kinds=COUNTED)

    def _fill(self, mails: int, log: Path) -> None:
        words = (self._python, "-m", "bench.django.fill", str(mails))
        with log.open("ab") as output:
            subprocess.run(words, input=message(SIZE), check=True, stdout=output, stderr=output)  # noqa: S603 - ours


def _reached(journal: Path, before: int) -> int:
    """To how many people a call has reached SES since the journal was so long; it keeps no record of its own."""
    with journal.open("rb") as calls:
        calls.seek(before)
        return len({line.split()[2] for line in calls if line.endswith(b"\n")})
