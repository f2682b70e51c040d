"""The beat table: which sweep runs how often, in seconds. Sweeps that a stalled beat has piled up expire unrun."""

from app.queue import Queue, Task
from app.services.upkeep import Sweep

EVERY_S = {
    Sweep.BELLS: 1.0,
    Sweep.LEASES: 5.0,
    Sweep.POSITIVES: 10.0,
    Sweep.UNCONFIRMED: 15.0,
    Sweep.EXPIRY: 30.0,
    Sweep.SES_REMOVALS: 30.0,
    Sweep.RETENTION: 3600.0,
}

SCHEDULE = {
    f"sweep:{sweep}": {
        "task": Task.UPKEEP,
        "schedule": seconds,
        "args": (sweep.value,),
        "options": {"queue": Queue.UPKEEP.value, "expires": max(5.0, seconds)},
    }
    for sweep, seconds in EVERY_S.items()
}
