"""The parts of a gateway as child processes: simulator, web, worker and beat, each by its production command.

It decides command lines and when a part counts as up. Valkey is in `embedded.py`; nothing is started here.
"""

import sys
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

from app.cli.environment import CHECKOUT
from app.cli.probes import answers
from app.cli.supervise import Child
from app.domain.errors import ServiceUnavailable
from app.store import heartbeats
from app.store.db import Database

PROCESSES = 3
START_WITHIN_S, DRAIN_S = 90.0, 30.0
_PYTHON = (sys.executable, "-P", "-m")  # -P: what lies in the caller's directory must not hide ours


def simulator(data: Path, *, port: int, region: str) -> Child:
    """SES and SNS on loopback."""
    words = ("simulator", "--port", str(port), "--data", str(data), "--region", region)
    return Child(
        name="simulator",
        argv=(*_PYTHON, *words),
        ready=partial(answers, f"http://127.0.0.1:{port}/"),
        ready_within_s=START_WITHIN_S,
    )


def web(port: int) -> Child:
    """`gunicorn wsgi:app`."""
    config = ("--config", str(CHECKOUT / "gunicorn.conf.py"), "--pythonpath", str(CHECKOUT))
    return Child(
        name="web",
        argv=(*_PYTHON, "gunicorn", *config, "--bind", f"127.0.0.1:{port}", "wsgi:app"),
        ready=partial(answers, f"http://127.0.0.1:{port}/healthz"),
        ready_within_s=START_WITHIN_S,
        grace_s=DRAIN_S,
    )


def worker(database: Database) -> Child:
    """`celery worker`; up once one of its processes has said so in the database."""
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    words = ("celery", "-A", "worker.celery", "worker", "--pool", "prefork", "--concurrency", str(PROCESSES), *quiet)
    return Child(
        name="worker",
        argv=(*_PYTHON, *words),
        ready=partial(_seen_since, database, time.monotonic()),
        ready_within_s=START_WITHIN_S,
        restart=True,
        grace_s=DRAIN_S,
    )


def beat(schedule: Path) -> Child:
    """`celery beat`, which rings for the sweepers."""
    words = ("celery", "-A", "worker.celery", "beat", "--schedule", str(schedule))
    return Child(name="beat", argv=(*_PYTHON, *words), restart=True)


def _seen_since(database: Database, moment: float) -> bool:
    """Whether a worker process was seen later than this moment of the monotonic clock."""
    try:
        with database.reading() as connection:
            within = timedelta(seconds=time.monotonic() - moment)
            return heartbeats.count_alive(connection, kind=heartbeats.WORKER, within=within) > 0
    except ServiceUnavailable:
        return False
