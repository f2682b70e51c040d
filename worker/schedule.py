"""The schedule of Celery's beat. Sweeps that a stalled beat has queued up expire without running."""

from app.queue import Queue, Task
from app.services.operating.sweep_intervals import EVERY_S

SCHEDULE = {
    f"sweep:{sweep}": {
        "task": Task.UPKEEP,
        "schedule": seconds,
        "args": (sweep.value,),
        "options": {"queue": Queue.UPKEEP.value, "expires": max(5.0, seconds)},
    }
    for sweep, seconds in EVERY_S.items()
}
