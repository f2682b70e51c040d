"""The beat table. Sweeps that a stalled beat has piled up expire unrun."""

from app.queue import Queue, Task
from app.services.rhythm import EVERY_S

SCHEDULE = {
    f"sweep:{sweep}": {
        "task": Task.UPKEEP,
        "schedule": seconds,
        "args": (sweep.value,),
        "options": {"queue": Queue.UPKEEP.value, "expires": max(5.0, seconds)},
    }
    for sweep, seconds in EVERY_S.items()
}
