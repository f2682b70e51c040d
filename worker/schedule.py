"""The schedule of Celery's beat. Sweeps that a stalled beat has queued up expire without running."""

from celery import Celery

from app.queue import Queue, Task
from app.services.operating.sweeps import EVERY_S

SCHEDULE = {
    f"sweep:{sweep}": {
        "task": Task.UPKEEP,
        "schedule": seconds,
        "args": (sweep.value,),
        "options": {"queue": Queue.UPKEEP.value, "expires": max(5.0, seconds)},
    }
    for sweep, seconds in EVERY_S.items()
}


def keep_time(app: Celery) -> None:
    """Have beat ring for the sweeps, in memory and without a file.

    The longest turn is an hour, and workers stand in for a beat that was away.
    """
    app.conf.beat_schedule = SCHEDULE
    app.conf.beat_scheduler = "celery.beat:Scheduler"
