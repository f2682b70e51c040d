"""The child processes of a gateway: simulator, web, SMTP door, worker and beat, each with its production command line.

This module decides the command lines, and when a process counts as up. It starts none of them. Valkey is in
`embedded_valkey.py`.
"""

import sys
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

from app.cli.local.children.port_checks import answers, greets
from app.cli.local.children.supervisor import Child
from app.cli.shell.operated_gateway import CHECKOUT
from app.domain.errors import ServiceUnavailable
from app.services.operating.workers import Workforce

PROCESSES = 3
START_WITHIN_S, DRAIN_S = 90.0, 30.0
_PYTHON = (sys.executable, "-P", "-m")  # -P: a module in the caller's directory must not replace one of ours


def simulator(data: Path, *, port: int, region: str) -> Child:
    """The simulator of SES and SNS, on loopback."""
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


def smtp(port: int) -> Child:
    """The SMTP door."""
    return Child(
        name="smtp",
        argv=(*_PYTHON, "app.smtp"),
        ready=partial(greets, port),
        ready_within_s=START_WITHIN_S,
        restart=True,
        grace_s=DRAIN_S,
    )


def worker(workforce: Workforce) -> Child:
    """`celery worker`. It is up once the database has a heartbeat of one of its processes."""
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    words = (
        "celery",
        "-q",
        "-A",
        "worker.celery",
        "worker",
        "--pool",
        "prefork",
        "--concurrency",
        str(PROCESSES),
        *quiet,
    )
    return Child(
        name="worker",
        argv=(*_PYTHON, *words),
        ready=partial(_seen_since, workforce, time.monotonic()),
        ready_within_s=START_WITHIN_S,
        restart=True,
        grace_s=DRAIN_S,
    )


def beat() -> Child:
    """`celery beat`, which schedules the sweeps."""
    words = ("celery", "-q", "-A", "worker.beat", "beat", "--pidfile=")
    return Child(name="beat", argv=(*_PYTHON, *words), restart=True)


def _seen_since(workforce: Workforce, moment: float) -> bool:
    """Whether a worker process was seen later than this moment of the monotonic clock."""
    try:
        return workforce.was_seen(within=timedelta(seconds=time.monotonic() - moment))
    except ServiceUnavailable:
        return False
